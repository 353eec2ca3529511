/* See LICENSE. */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clone.h"
#include "fdio.h"
#include "mkroot.h"
#include "msg.h"
#include "root.h"
#include "start.h"
#include "store.h"

#define COUNT_MAX 100000

static volatile sig_atomic_t caught;

static void
usage(void)
{
	fprintf(stderr,
	    "usage: chr-mkroot [-qvx] [-c count] [-d dir] [-m method] "
	    "image ...\n");
	exit(ST_USAGE);
}

static void
interrupt(int sig)
{
	caught = sig;
	clone_interrupt();
}

static void
catch_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
	struct sigaction sa, old;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = interrupt;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	start_ignore(SIGPIPE);
}

/* Ends as the signal would have, after the tidying up. */
static void
end_if_caught(void)
{
	if (caught == 0)
		return;
	signal(caught, SIG_DFL);
	raise(caught);
}

/* A clone keeps directories open as far as it may: less to find again. */
static void
raise_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

/* Makes one and prints its path; what cannot be printed is undone. */
static int
make_one(const struct mkroot *m, const char *image, const char *digest)
{
	struct root r;
	int lock, rc;

	if ((rc = mkroot_make(m, image, digest, &r, &lock)) != 0)
		return rc;
	close(lock);
	if (caught != 0)
		rc = ST_LOCAL;
	else if (printf("%s\n", r.path) < 0 || fdio_flush_stdout() == -1)
		rc = ST_LOCAL;
	if (rc != 0)
		root_discard(&r);
	root_close(&r);
	return rc;
}

static int
make(const struct mkroot *m, const char *image, long count)
{
	char digest[DIGEST_MAX];
	int rc = 0;

	if (m->store == NULL) {
		struct ref r;

		if ((rc = ref_parse(image, &r)) != 0)
			return rc;
		ref_free(&r);
		return msg_failx(ST_NOTFOUND, "%s: not in the store", image);
	}
	if ((rc = store_find(m->store, image, digest)) != 0)
		return rc;
	while (rc == 0 && count-- > 0 && caught == 0)
		rc = make_one(m, image, digest);
	return rc;
}

static long
parse_count(const char *s)
{
	char *end;
	long n;

	n = strtol(s, &end, 10);
	if (*s == '\0' || *end != '\0' || n < 1 || n > COUNT_MAX) {
		msg_warnx("-c %s: not a number from 1 to %d", s, COUNT_MAX);
		exit(ST_USAGE);
	}
	return n;
}

static enum mkroot_method
parse_method(const char *s)
{
	if (strcmp(s, "copy") == 0)
		return MKROOT_COPY;
	if (strcmp(s, "overlay") == 0)
		return MKROOT_OVERLAY;
	if (strcmp(s, "auto") == 0)
		return MKROOT_AUTO;
	msg_warnx("-m %s: not copy, overlay or auto", s);
	exit(ST_USAGE);
}

/* -d, else $CHR_ROOTS, else roots/ in the store; malloced. */
static char *
roots_dir(const char *option, const struct store *st)
{
	const char *s = option != NULL ? option : getenv("CHR_ROOTS");
	char *dir;

	if (s != NULL && *s != '\0')
		dir = strdup(s);
	else
		dir = fdio_fmt("%s/roots", st != NULL ? store_path(st) : "");
	if (dir == NULL) {
		msg_warn("roots");
		exit(ST_LOCAL);
	}
	return dir;
}

int
main(int argc, char *argv[])
{
	struct mkroot m = {.method = MKROOT_COPY};
	const char *dir = NULL;
	char *roots;
	long count = 1;
	int c, rc, status = 0;

	if (start_program() == -1)
		return ST_LOCAL;
	while ((c = getopt(argc, argv, "+c:d:m:qvx")) != -1)
		switch (c) {
		case 'c':
			count = parse_count(optarg);
			break;
		case 'd':
			dir = optarg;
			break;
		case 'm':
			m.method = parse_method(optarg);
			break;
		case 'q':
			m.quiet = 1;
			break;
		case 'v':
			m.verbose = 1;
			break;
		case 'x':
			m.exact = 1;
			break;
		default:
			usage();
		}
	if (optind == argc)
		usage();
	if (geteuid() != 0) {
		msg_warnx("not root: owners and devices cannot be made");
		return ST_LOCAL;
	}
	m.store = store_open(0);
	if (m.store == NULL && errno != ENOENT)
		return ST_LOCAL;
	m.dir = roots = roots_dir(dir, m.store);
	raise_limit();
	umask(022);
	catch_signals();
	for (argv += optind; *argv != NULL && caught == 0; argv++)
		if ((rc = make(&m, *argv, count)) != 0 && status == 0)
			status = rc;
	end_if_caught();
	free(roots);
	store_close(m.store);
	return status;
}
