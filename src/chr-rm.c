/* See LICENSE. */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "gc.h"
#include "msg.h"
#include "root.h"
#include "start.h"
#include "store.h"

#define HOURS 24
#define HOURS_MAX 1000000

struct options {
	int force, collect, verbose;
	struct gc gc;
};

static void
usage(void)
{
	fprintf(
	    stderr, "usage: chr-rm [-fgqv] [-a hours] [root | image ...]\n");
	exit(ST_USAGE);
}

/* What no option lifts: the root of this process, and what is above it. */
static int
is_ours(const char *path)
{
	struct stat here, st;
	char *cwd, *p;
	int ours = 0;

	if (stat(path, &st) == -1)
		return 0;
	if (stat("/", &here) == 0 && here.st_dev == st.st_dev &&
	    here.st_ino == st.st_ino)
		return 1;
	if ((cwd = getcwd(NULL, 0)) == NULL)
		return 0;
	for (p = cwd + strlen(cwd); !ours && p != NULL && p > cwd;
	     p = strrchr(cwd, '/')) {
		*p = '\0';
		if (stat(*cwd != '\0' ? cwd : "/", &here) == 0)
			ours = here.st_dev == st.st_dev &&
			       here.st_ino == st.st_ino;
	}
	free(cwd);
	return ours;
}

/*
 * Nothing is at path, or nothing that may be seen; perhaps a removal that could
 * not be finished, and is gone on with.
 */
static int
missing(const struct options *o, const char *path)
{
	int e = errno, rc;

	if (e == ENOENT && (rc = root_resume(path)) != 0)
		return rc == -1 ? ST_LOCAL : 0;
	errno = e;
	if (e != ENOENT && e != ENOTDIR)
		return msg_fail(ST_LOCAL, "%s", path);
	return o->force ? 0 : msg_fail(ST_NOTFOUND, "%s", path);
}

static int
remove_root(const struct options *o, const char *path)
{
	const char *why = NULL;
	struct stat st;
	struct root r;
	int rc;

	/* another chr-rm may be at it */
	if ((rc = root_open(path, &r, &why)) == -1 ||
	    (rc == 1 && lstat(path, &st) == -1))
		return missing(o, path);
	if (rc == 1)
		return msg_failx(ST_USAGE,
		    "%s: not a root made by chr-mkroot: %s", path, why);
	if (is_ours(path))
		rc = msg_failx(ST_LOCAL,
		    "%s: in use: the current directory is in it", path);
	else {
		if (o->verbose)
			msg_say("removing root %s", r.path);
		rc = root_remove(&r, -1);
	}
	root_close(&r);
	return rc;
}

static int
remove_image(const struct options *o, const char *operand)
{
	char digest[DIGEST_MAX];
	struct ref r;
	int rc;

	if (o->force || o->gc.store == NULL) {
		/* a malformed one is wrong in any case */
		if ((rc = ref_parse(operand, &r)) != 0)
			return rc;
		ref_free(&r);
	}
	if (o->gc.store == NULL)
		return o->force ? 0
				: msg_failx(ST_NOTFOUND, "%s: not in the store",
				      operand);
	rc = o->force ? store_lookup(o->gc.store, operand, digest)
		      : store_find(o->gc.store, operand, digest);
	if (rc != 0)
		return o->force && rc == ST_NOTFOUND ? 0 : rc;
	return gc_remove_image(&o->gc, operand, digest);
}

static int
remove_operand(const struct options *o, const char *operand)
{
	if (*operand == '\0')
		return msg_failx(ST_USAGE, "empty operand");
	if (*operand == '/')
		return remove_root(o, operand);
	if (*operand == '.')
		return msg_failx(ST_USAGE,
		    "%s: a root is named by its absolute path", operand);
	return remove_image(o, operand);
}

/* -g: roots first, since images wait for them. */
static int
collect(const struct options *o)
{
	const char *dirs[2] = {getenv("CHR_ROOTS"), NULL};
	char *roots = NULL;
	size_t n = 0;
	int rc, rc1;

	if (dirs[0] != NULL && *dirs[0] != '\0')
		n++;
	if (o->gc.store != NULL) {
		roots = fdio_fmt("%s/roots", store_path(o->gc.store));
		if (roots == NULL)
			return msg_fail(ST_LOCAL, "roots");
		dirs[n++] = roots;
	}
	rc = gc_roots(&o->gc, dirs, n);
	free(roots);
	if (o->gc.store == NULL)
		return rc;
	if ((rc1 = gc_images(&o->gc)) != 0 || (rc1 = gc_blobs(&o->gc)) != 0)
		rc = rc1;
	return rc;
}

static double
parse_hours(const char *s)
{
	char *end;
	double h;

	h = strtod(s, &end);
	if (*s == '\0' || *end != '\0' || !(h >= 0 && h <= HOURS_MAX)) {
		msg_warnx("-a %s: not a number of hours", s);
		exit(ST_USAGE);
	}
	return h;
}

static void
parse_options(int argc, char *argv[], struct options *o)
{
	int c, aged = 0;

	while ((c = getopt(argc, argv, "+a:fgqv")) != -1)
		switch (c) {
		case 'a':
			o->gc.hours = parse_hours(optarg);
			aged = 1;
			break;
		case 'f':
			o->force = 1;
			break;
		case 'g':
			o->collect = 1;
			break;
		case 'q':
			o->verbose = 0;
			break;
		case 'v':
			o->verbose = 1;
			break;
		default:
			usage();
		}
	if ((optind == argc && !o->collect && !o->force) ||
	    (aged && !o->collect))
		usage();
	o->gc.verbose = o->verbose;
}

int
main(int argc, char *argv[])
{
	struct options o = {.gc = {.hours = HOURS}};
	int rc, status = 0;

	if (start_program() == -1)
		return ST_LOCAL;
	parse_options(argc, argv, &o);
	o.gc.store = store_open(0);
	if (o.gc.store == NULL && errno != ENOENT)
		return ST_LOCAL;
	for (argv += optind; *argv != NULL; argv++)
		if ((rc = remove_operand(&o, *argv)) != 0 && status == 0)
			status = rc;
	if (o.collect && (rc = collect(&o)) != 0 && status == 0)
		status = rc;
	store_close(o.gc.store);
	return status;
}
