/* See LICENSE. */
#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder.h"
#include "fdio.h"
#include "imagefile.h"
#include "msg.h"
#include "platform.h"
#include "progress.h"
#include "pull.h"
#include "ref.h"
#include "registry.h"
#include "shown.h"
#include "start.h"
#include "store.h"
#include "worker.h"

#define JOBS 4
#define JOBS_MAX 64
#define BYTES_MAX ((uint64_t)1 << 40)
#define ENTRIES_MAX 10000000

struct options {
	unsigned jobs;
	int resolve_only;
	int quiet;
	int verbose;
	int verify;
	const char *name; /* -t */
	struct platform platform;
	struct apply_limits limits;
	struct store *store;
};

static void
usage(void)
{
	fprintf(stderr,
	    "usage: chr-pull [-nqVv] [-j jobs] [-p os/arch[/variant]] "
	    "[-t name] source ...\n");
	exit(ST_USAGE);
}

/* Adds a line to the product. */
static int
add_name(struct buf *product, const struct ref *r, const char *digest)
{
	char *name = ref_repository(r), *line = NULL;
	int rc = 0;

	if (name != NULL)
		line = fdio_fmt("%s@%s\n", name, digest);
	if (line == NULL || buf_addstr(product, line) == -1)
		rc = msg_fail(ST_LOCAL, "%s", digest);
	free(line);
	free(name);
	return rc;
}

/* Prints the product of a source, when the store has an index of it. */
static int
print_names(const struct options *o, const struct buf *product)
{
	int rc;

	if (o->store != NULL && (rc = store_index(o->store)) != 0)
		return rc;
	if (product->len > 0 &&
	    (fputs(product->data, stdout) == EOF || fdio_flush_stdout() == -1))
		return ST_LOCAL;
	return 0;
}

static int
registry_get(void *arg, const char *at, struct buf *body, char **type,
    char digest[DIGEST_MAX])
{
	return registry_manifest(arg, at, body, type, digest);
}

static int
registry_fetch(void *arg, struct store *st, const struct descriptor *d,
    size_t n, int (*done)(void *, size_t), void *done_arg)
{
	return registry_blobs(arg, st, d, n, done, done_arg);
}

static int
archive_get(void *arg, const char *at, struct buf *body, char **type,
    char digest[DIGEST_MAX])
{
	snprintf(digest, DIGEST_MAX, "%s", at);
	return imagefile_manifest(arg, at, body, type);
}

static int
archive_fetch(void *arg, struct store *st, const struct descriptor *d, size_t n,
    int (*done)(void *, size_t), void *done_arg)
{
	return imagefile_blobs(arg, st, d, n, done, done_arg);
}

static int
archive_lookup(void *arg, const char *digest)
{
	return imagefile_has(arg, digest);
}

/*
 * An image whose manifest the operand names by digest, and that the store has,
 * needs no network: 0 and its directory, which nobody may remove meanwhile, or
 * -1 in *dirfd.
 */
static int
open_stored(const struct options *o, const struct ref *r, int *dirfd)
{
	*dirfd = -1;
	if (r->digest[0] == '\0' || o->verify || o->store == NULL)
		return 0;
	*dirfd = image_hold(o->store, r->digest);
	return *dirfd != -1 || errno == ENOENT
		   ? 0
		   : msg_fail(ST_LOCAL, "%s/images/%s: lock",
			 store_path(o->store), ref_digest_hex(r->digest));
}

static int
name_stored(const struct options *o, const struct ref *r,
    const struct ref *named, int dirfd)
{
	const char *digests[] = {r->digest, NULL};
	char *name;

	if ((name = ref_name(r)) == NULL)
		return msg_fail(ST_LOCAL, "%s", r->path);
	pull_check_platform(name, &o->platform, dirfd);
	free(name);
	return store_name(o->store, named, r->digest, digests);
}

/* Pulls by the network; the digest to print in digest. */
static int
fetch_reference(const struct options *o, const struct ref *r,
    const struct ref *named, char digest[DIGEST_MAX])
{
	struct registry_opts ropts = {.jobs = o->jobs, .verbose = o->verbose};
	struct pull_source source = {registry_get, registry_fetch, NULL, NULL};
	struct pull p;
	char *name;
	int rc;

	if ((name = ref_name(r)) == NULL)
		return msg_fail(ST_LOCAL, "%s", r->path);
	if (!o->quiet && !o->verbose && !o->resolve_only)
		ropts.progress = progress_new(name);
	p = (struct pull){o->store, name, named, 1,
	    r->digest[0] != '\0' ? r->digest : r->tag, o->platform, o->verify,
	    o->limits};
	if ((source.arg = registry_open(r, &ropts, &rc)) != NULL) {
		rc = o->resolve_only
			 ? registry_resolve(source.arg, p.start, digest)
			 : pull_image(&p, &source, digest);
		registry_close(source.arg);
	}
	progress_free(ropts.progress);
	free(name);
	return rc;
}

static int
pull_reference(
    const struct options *o, const char *operand, struct buf *product)
{
	char digest[DIGEST_MAX];
	struct ref named, r;
	int dirfd, rc;

	if ((rc = ref_parse(operand, &r)) != 0)
		return rc;
	named = r;
	if (o->name != NULL && (rc = ref_parse(o->name, &named)) != 0) {
		ref_free(&r);
		return rc;
	}
	if ((rc = open_stored(o, &r, &dirfd)) == 0 && dirfd != -1) {
		strcpy(digest, r.digest);
		rc = name_stored(o, &r, &named, dirfd);
		close(dirfd);
	} else if (rc == 0)
		rc = fetch_reference(o, &r, &named, digest);
	if (rc == 0)
		rc = add_name(product, &named, digest);
	if (o->name != NULL)
		ref_free(&named);
	ref_free(&r);
	return rc;
}

/* A name that an archive gives is the archive's fault. */
static int
parse_own(const char *operand, const char *own, struct ref *r)
{
	const char *why;

	if ((why = ref_read(own, r)) == NULL)
		return 0;
	return msg_failx(
	    ST_REFUSED, "%s: bad name: %s: %s", operand, shown_ref(own), why);
}

/* What name i of an archive is to be: its own, or by -t.  0 or status. */
static int
read_name(const struct options *o, const char *operand,
    const struct imagefile *a, size_t i, struct ref *r)
{
	const char *own = imagefile_name(a, i);

	if (o->name != NULL && (own == NULL || imagefile_count(a) == 1))
		own = o->name;
	if (own == NULL)
		return msg_failx(ST_USAGE,
		    "%s: the image has no name: give it one with -t", operand);
	return parse_own(operand, own, r);
}

/* One image of an archive, and the lines of its names. */
static int
pull_named(const struct options *o, const char *operand, struct imagefile *a,
    const char *start, const struct ref *refs, size_t n, struct buf *product)
{
	struct pull_source source = {
	    archive_get, archive_fetch, archive_lookup, a};
	char digest[DIGEST_MAX], *name;
	struct pull p;
	size_t i;
	int rc = 0;

	if ((name = ref_name(&refs[0])) == NULL)
		return msg_fail(ST_LOCAL, "%s", operand);
	p = (struct pull){
	    o->store, name, refs, n, start, o->platform, o->verify, o->limits};
	if (o->resolve_only)
		snprintf(digest, sizeof(digest), "%s", start);
	else
		rc = pull_image(&p, &source, digest);
	for (i = 0; rc == 0 && i < n; i++)
		rc = add_name(product, &refs[i], digest);
	free(name);
	return rc;
}

/* The image that has the n names from i on; a bad name spares the others. */
static int
pull_archived(const struct options *o, const char *operand, struct imagefile *a,
    size_t i, size_t n, struct buf *product)
{
	const char *start = imagefile_digest(a, i);
	size_t end = i + n, good = 0;
	int rc, status = 0;
	struct ref *refs;

	if ((refs = calloc(n, sizeof(*refs))) == NULL)
		return msg_fail(ST_LOCAL, "%s", operand);
	for (; i < end; i++)
		if ((rc = read_name(o, operand, a, i, &refs[good])) == 0)
			good++;
		else if (status == 0)
			status = rc;
	if (good > 0 &&
	    (rc = pull_named(o, operand, a, start, refs, good, product)) != 0 &&
	    status == 0)
		status = rc;
	while (good > 0)
		ref_free(&refs[--good]);
	free(refs);
	return status;
}

/* -t names one image: no two in an archive may want it. */
static int
check_name(
    const struct options *o, const char *operand, const struct imagefile *a)
{
	size_t i, unnamed = 0;

	for (i = 0; i < imagefile_count(a); i++)
		unnamed += imagefile_name(a, i) == NULL;
	if (o->name == NULL || unnamed < 2)
		return 0;
	return msg_failx(ST_USAGE,
	    "%s: %zu images without names: -t names only one", operand,
	    unnamed);
}

static int
pull_archive(const struct options *o, const char *operand, struct buf *product)
{
	const struct members_opts opts = {o->limits.bytes, o->verbose};
	struct imagefile *a;
	size_t i, n, of_one;
	int rc, status;

	if ((a = imagefile_open(o->store, operand, &o->platform, &opts, &rc)) ==
	    NULL)
		return rc;
	status = check_name(o, operand, a);
	n = status == 0 ? imagefile_count(a) : 0;
	for (i = 0; i < n; i += of_one) {
		for (of_one = 1; i + of_one < n &&
				 strcmp(imagefile_digest(a, i),
				     imagefile_digest(a, i + of_one)) == 0;
		     of_one++)
			;
		rc = pull_archived(o, operand, a, i, of_one, product);
		if (rc != 0 && status == 0)
			status = rc;
	}
	imagefile_close(a);
	return status;
}

static int
is_file(const char *s)
{
	return strcmp(s, "-") == 0 || s[0] == '/' || strncmp(s, "./", 2) == 0 ||
	       strncmp(s, "../", 3) == 0 || strcmp(s, ".") == 0 ||
	       strcmp(s, "..") == 0;
}

static const char *
parse_name(const char *s)
{
	struct ref r;

	if (ref_parse(s, &r) != 0)
		exit(ST_USAGE);
	if (r.digest[0] != '\0') {
		msg_warnx("-t %s: a name that is given has no digest", s);
		exit(ST_USAGE);
	}
	ref_free(&r);
	return s;
}

static int
pull(const struct options *o, const char *source)
{
	struct buf product = {0};
	int rc, rc1;

	rc = is_file(source) ? pull_archive(o, source, &product)
			     : pull_reference(o, source, &product);
	rc1 = print_names(o, &product);
	buf_free(&product);
	return rc != 0 ? rc : rc1;
}

static int
parse_jobs(const char *s)
{
	char *end;
	long n;

	n = strtol(s, &end, 10);
	if (*s == '\0' || *end != '\0' || n < 1 || n > JOBS_MAX) {
		msg_warnx("-j %s: not a number from 1 to %d", s, JOBS_MAX);
		exit(ST_USAGE);
	}
	return (int)n;
}

/* $CHR_MAX_BYTES or $CHR_MAX_ENTRIES, what being bytes or entries. */
static uint64_t
parse_limit(const char *variable, const char *what, uint64_t fallback)
{
	const char *s = getenv(variable);
	unsigned long long n;

	if (s == NULL || *s == '\0')
		return fallback;
	errno = 0;
	n = strtoull(s, NULL, 10);
	if (s[strspn(s, "0123456789")] != '\0' || n == 0 || errno != 0) {
		msg_warnx("%s: %s: not a number of %s", variable, s, what);
		exit(ST_USAGE);
	}
	return n;
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "+j:np:qt:Vv")) != -1)
		switch (c) {
		case 'j':
			o->jobs = (unsigned)parse_jobs(optarg);
			break;
		case 'n':
			o->resolve_only = 1;
			break;
		case 'p':
			if (platform_parse(optarg, &o->platform) != 0)
				exit(ST_USAGE);
			break;
		case 'q':
			o->quiet = 1;
			break;
		case 't':
			o->name = parse_name(optarg);
			break;
		case 'V':
			o->verify = 1;
			break;
		case 'v':
			o->verbose = 1;
			msg_watch();
			break;
		default:
			usage();
		}
	if (optind == argc)
		usage();
	if (o->name != NULL && argc - optind > 1) {
		msg_warnx("-t names one source");
		exit(ST_USAGE);
	}
}

/*
 * Foreign bytes are for processes that are forked while there is no password
 * or token in this one.  An image of a registry that is only resolved has none.
 */
static void
begin_workers(const struct options *o, char *const *sources)
{
	int wanted = !o->resolve_only;

	for (; *sources != NULL; sources++)
		wanted |= is_file(*sources);
	if (!wanted)
		return;
	if (!decoder_is_filtered())
		msg_warnx("warning: seccomp is not available: what decodes "
			  "layers is less confined");
	if (worker_begin(decoder_prepare) == -1) {
		msg_warn("worker");
		exit(ST_LOCAL);
	}
}

int
main(int argc, char **argv)
{
	const struct rlimit none = {0, 0};
	struct options o = {.jobs = JOBS};
	int rc, status = 0;

	if (start_program() == -1)
		return ST_LOCAL;
	/* a core file would hold passwords and tokens */
	setrlimit(RLIMIT_CORE, &none);
	platform_host(&o.platform);
	parse_options(argc, argv, &o);
	o.limits.bytes = parse_limit("CHR_MAX_BYTES", "bytes", BYTES_MAX);
	o.limits.entries = parse_limit(
	    "CHR_MAX_ENTRIES", "entries", ENTRIES_MAX);
	start_ignore(SIGPIPE);
	if (!o.resolve_only) {
		if (geteuid() != 0) {
			msg_warnx("not root: an image's owners and devices "
				  "cannot be made");
			return ST_LOCAL;
		}
	}
	begin_workers(&o, argv + optind);
	if (!o.resolve_only) {
		o.store = store_open(
		    STORE_CREATE | (o.verify ? STORE_VERIFY : 0));
		if (o.store == NULL)
			return ST_LOCAL;
	}
	for (argv += optind; *argv != NULL; argv++) {
		rc = pull(&o, *argv);
		if (rc != 0 && status == 0)
			status = rc;
	}
	worker_stop();
	store_close(o.store);
	return status;
}
