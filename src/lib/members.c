/* See LICENSE. */
#include "members.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder.h"
#include "digest.h"
#include "fault.h"
#include "listing.h"
#include "msg.h"
#include "path.h"
#include "space.h"

#define CHUNK (1 << 16)
/* members kept in memory, while that is used to half */
#define SMALL (64 << 10)

struct members {
	char *path; /* the archive's, for messages */
	struct members_opts opts;
	int fd;
	int is_dir;
	struct blob *spool; /* what a stream was kept in */
	struct descriptor whole;
	char diffid[DIGEST_MAX];
	struct listing list;
};

/* Whether a path is one that image archives have; else it is a tree's. */
static int
is_known(const char *path)
{
	static const char *const ends[] = {".json", ".tar", ".tar.gz", ".tgz",
	    ".tar.zst", "/json", "oci-layout", "repositories"};
	size_t i, len = strlen(path), n;

	if (len >= PATH_MAX)
		return 0;
	if (strncmp(path, "blobs/", 6) == 0 || strncmp(path, "sha256:", 7) == 0)
		return 1;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		n = strlen(ends[i]);
		if (len >= n && strcmp(path + len - n, ends[i]) == 0)
			return strchr(path, '/') == strrchr(path, '/');
	}
	return 0;
}

static int
no_memory(const struct members *m)
{
	errno = ENOMEM;
	return msg_fail(ST_LOCAL, "%s", m->path);
}

/* Says why the decoder failed. */
static int
fail_decoder(const struct members *m, const struct decoder *in)
{
	return msg_failx(
	    decoder_status(in), "%s: %s", m->path, decoder_why(in));
}

/* Hashes the data of the current entry, and keeps it if v has room for it. */
static int
hash_member(struct members *m, struct decoder *in, struct member *v,
    struct digest *hash)
{
	uint64_t at = 0, offset;
	const void *data;
	size_t len;
	int rc;

	while ((rc = decoder_data(in, &data, &len, &offset)) == 1) {
		if (offset != at)
			break;
		if (len > v->size - at)
			return msg_failx(ST_REFUSED,
			    "%s: %s: longer than its size, %llu bytes", m->path,
			    v->path, (unsigned long long)v->size);
		digest_add(hash, data, len);
		if (v->data != NULL)
			memcpy(v->data + at, data, len);
		at += len;
	}
	if (rc == -1)
		return fail_decoder(m, in);
	if (at != v->size)
		return msg_failx(
		    ST_REFUSED, "%s: %s: sparse", m->path, v->path);
	return 0;
}

static int
read_member(
    struct members *m, struct decoder *in, struct member *v, uint64_t size)
{
	char digest[DIGEST_MAX];
	struct digest *hash;
	int rc;

	v->size = size;
	if (size <= SMALL && m->list.memory + size <= LISTING_MEMORY / 2 &&
	    listing_data(&m->list, v, (size_t)size) == NULL)
		return no_memory(m);
	if ((hash = digest_new("sha256:")) == NULL)
		return no_memory(m);
	if ((rc = hash_member(m, in, v, hash)) != 0) {
		digest_free(hash);
		return rc;
	}
	digest_end(hash, digest);
	snprintf(v->digest, sizeof(v->digest), "%.71s", digest);
	return 0;
}

/* Where a link leads, as a path of the archive, malloced. */
static char *
link_path(const char *path, const struct layer_entry *e)
{
	const char *slash = strrchr(path, '/');
	char *link;

	if (e->type == LAYER_HARDLINK || slash == NULL)
		link = strdup(e->link);
	else
		link = fdio_fmt("%.*s/%s", (int)(slash - path), path, e->link);
	if (link != NULL)
		path_clean(link, 1);
	return link;
}

/* One more member, with its data if it is a file. */
static int
add_member(struct members *m, struct decoder *in, const struct layer_entry *e,
    const char *path, uint64_t ordinal)
{
	struct member *v = NULL;
	char *link = NULL;

	if (e->type == LAYER_FILE || (link = link_path(path, e)) != NULL)
		v = listing_add(&m->list, ordinal, path, link);
	free(link);
	if (v == NULL && errno == EFBIG)
		return msg_failx(ST_REFUSED,
		    "%s: more members than image archives have: over %zu MiB "
		    "of memory",
		    m->path, LISTING_MEMORY >> 20);
	if (v == NULL)
		return no_memory(m);
	return v->link == NULL ? read_member(m, in, v, e->size) : 0;
}

static int
scan_entry(struct members *m, struct decoder *in, const struct layer_entry *e,
    uint64_t ordinal)
{
	char *path;
	int rc = 0;

	if (e->type != LAYER_FILE && e->type != LAYER_SYMLINK &&
	    e->type != LAYER_HARDLINK)
		return 0;
	if ((path = strdup(e->path)) == NULL)
		return no_memory(m);
	if (path_clean(path, 0) == 0 && is_known(path))
		rc = add_member(m, in, e, path, ordinal);
	free(path);
	return rc;
}

/* Opens it from its start. */
static struct decoder *
open_layer(struct members *m)
{
	struct decoder *in;

	if (FAULT("archive_read") || lseek(m->fd, 0, SEEK_SET) == -1) {
		msg_warn("%s", m->path);
		return NULL;
	}
	if ((in = decoder_start(m->fd, 0, m->opts.bytes_max)) == NULL)
		msg_warn("%s", m->path);
	return in;
}

/* Lists a tar from its start; also finds the diffID of it all. */
static int
scan(struct members *m)
{
	struct layer_entry e;
	struct decoder *in;
	uint64_t n;
	int rc;

	if ((in = open_layer(m)) == NULL)
		return ST_LOCAL;
	for (n = 0; (rc = decoder_next(in, &e)) == 1; n++)
		if ((rc = scan_entry(m, in, &e, n)) != 0)
			goto out;
	if (rc == -1)
		rc = fail_decoder(m, in);
	else if (!decoder_marked(in))
		/* no digest is known that would tell */
		rc = msg_failx(
		    ST_REFUSED, "%s: the archive is cut short", m->path);
	else {
		strcpy(m->diffid, decoder_diffid(in));
		rc = listing_sort(&m->list) == -1 ? no_memory(m) : 0;
	}
out:
	decoder_close(in);
	return rc;
}

static int
over_limit(const struct members *m)
{
	return msg_failx(ST_REFUSED, "%s: over the limit of %llu bytes",
	    m->path, (unsigned long long)m->opts.bytes_max);
}

/* A file without a name, for who has no store. */
static int
temporary(struct members *m)
{
	const char *dir = getenv("TMPDIR");
	char *path;

	if (dir == NULL || *dir == '\0')
		dir = "/tmp";
	if ((path = fdio_fmt("%s/chr-pull.XXXXXX", dir)) == NULL)
		return no_memory(m);
	if ((m->fd = mkostemp(path, O_CLOEXEC)) == -1 || unlink(path) == -1) {
		msg_warn("%s", path);
		free(path);
		return ST_LOCAL;
	}
	free(path);
	return 0;
}

static int
keep(struct members *m, const char *data, size_t len)
{
	if (m->spool != NULL)
		return blob_write(m->spool, data, len);
	if (fdio_write(m->fd, data, len) == -1)
		return msg_fail(ST_LOCAL, "%s: temporary file", m->path);
	return 0;
}

/* Keeps a stream, to be read more than once. */
static int
spool(struct members *m, struct store *st, int fd)
{
	uint64_t size = 0;
	char *data;
	ssize_t n;
	int rc;

	m->fd = -1;
	rc = st != NULL ? blob_spool(st, &m->spool) : temporary(m);
	if (rc != 0)
		return rc;
	if (m->spool != NULL)
		m->fd = blob_fd(m->spool);
	if ((data = malloc(CHUNK)) == NULL)
		return no_memory(m);
	while ((n = fdio_read(fd, data, CHUNK)) > 0) {
		rc = (uint64_t)n > m->opts.bytes_max - size
			 ? over_limit(m)
			 : keep(m, data, (size_t)n);
		if (rc != 0)
			break;
		size += (uint64_t)n;
	}
	if (n == -1)
		rc = msg_fail(ST_LOCAL, "%s", m->path);
	else if (rc == 0 && size == 0)
		rc = msg_failx(ST_REFUSED, "%s: empty", m->path);
	free(data);
	return rc;
}

static int
open_archive(struct members *m, struct store *st, const char *path)
{
	struct stat sb;
	int fd, rc = 0;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &sb) == -1) {
		rc = msg_fail(ST_LOCAL, "%s", m->path);
		if (fd != -1)
			close(fd);
		return rc;
	}
	m->fd = fd;
	m->is_dir = S_ISDIR(sb.st_mode);
	if (m->is_dir)
		return 0;
	if (!S_ISREG(sb.st_mode) || lseek(fd, 0, SEEK_CUR) != 0) {
		rc = spool(m, st, fd);
		close(fd);
		if (rc != 0)
			return rc;
	} else if (sb.st_size == 0)
		return msg_failx(ST_REFUSED, "%s: empty", m->path);
	return scan(m);
}

struct members *
members_open(struct store *st, const char *path,
    const struct members_opts *opts, int *status)
{
	struct members *m;

	*status = ST_LOCAL;
	if ((m = calloc(1, sizeof(*m))) == NULL ||
	    (m->path = strdup(
		 strcmp(path, "-") == 0 ? "standard input" : path)) == NULL) {
		msg_warn("%s", path);
		free(m);
		return NULL;
	}
	m->fd = -1;
	m->opts = *opts;
	if ((*status = open_archive(m, st, path)) == 0)
		return m;
	members_close(m);
	return NULL;
}

void
members_close(struct members *m)
{
	if (m == NULL)
		return;
	listing_free(&m->list);
	if (m->spool != NULL)
		blob_abandon(m->spool);
	else if (m->fd != -1)
		close(m->fd);
	free(m->path);
	free(m);
}

int
members_is_dir(const struct members *m)
{
	return m->is_dir;
}

/* A blob of a layout, or a layer of docker save. */
static int
is_of_image(const char *path)
{
	const char *end = strrchr(path, '/');
	char digest[DIGEST_MAX];
	int n;

	if (end != NULL && strcmp(end, "/layer.tar") == 0)
		return 1;
	if (end == NULL || strncmp(path, "blobs/", 6) != 0 || end == path + 5)
		return 0;
	n = snprintf(digest, sizeof(digest), "%.*s:%s", (int)(end - path - 6),
	    path + 6, end + 1);
	return n > 0 && (size_t)n < sizeof(digest) && ref_digest_ok(digest);
}

int
members_of_image(const struct members *m)
{
	size_t i;

	for (i = 0; i < m->list.n; i++)
		if (is_of_image(m->list.v[i].path))
			return 1;
	return m->is_dir;
}

static int
blob_path(const char *digest, char *path, size_t size)
{
	int n;

	if (!ref_digest_ok(digest))
		return -1;
	n = snprintf(path, size, "blobs/%.*s/%s", (int)strcspn(digest, ":"),
	    digest, ref_digest_hex(digest));
	return n > 0 && (size_t)n < size ? 0 : -1;
}

/*
 * By its bytes; or, since only sha256 of them is known, where a layout has it:
 * whether the bytes have that digest is for the reader to see.
 */
static const struct member *
find_digest(const struct members *m, const char *digest)
{
	const struct member *v = listing_digest(&m->list, digest);
	char path[256];

	if (v == NULL && blob_path(digest, path, sizeof(path)) == 0)
		v = listing_find(&m->list, path);
	return v;
}

static int
load_file(struct members *m, const char *path, struct buf *b)
{
	if (fdio_load(m->fd, path, MANIFEST_SIZE_MAX, b) == 0)
		return 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return ST_NOTFOUND;
	return msg_fail(
	    errno == EFBIG ? ST_REFUSED : ST_LOCAL, "%s/%s", m->path, path);
}

struct extract {
	struct members *m;
	struct store *store;
	struct buf *memory; /* or, when NULL, into the store */
	const struct descriptor *want;
	const struct member **from; /* NULL: there already */
	size_t n;
	int (*done)(void *, size_t);
	void *arg;
	size_t left; /* how many of from are not NULL */
};

static int
changed(const struct members *m)
{
	return msg_failx(ST_REFUSED, "%s: changed while it was read", m->path);
}

/* One member's data to memory: as it was when its size was found. */
static int
read_again(struct extract *x, struct decoder *in, const struct descriptor *d)
{
	char found[DIGEST_MAX];
	uint64_t got = 0, offset;
	const void *data;
	size_t len;
	int rc;

	while ((rc = decoder_data(in, &data, &len, &offset)) == 1) {
		if (len > d->size - got)
			return changed(x->m);
		if (buf_add(x->memory, data, len) == -1)
			return no_memory(x->m);
		got += len;
	}
	if (rc == -1)
		return fail_decoder(x->m, in);
	if (digest_of(d->digest, x->memory->data + x->memory->len - got, got,
		found) == -1)
		return no_memory(x->m);
	return strcmp(found, d->digest) == 0 ? 0 : changed(x->m);
}

/* One member's data to the store. */
static int
copy_member(struct extract *x, struct decoder *in, const struct descriptor *d)
{
	struct blob *b = NULL;
	const void *data;
	uint64_t offset;
	size_t len;
	int rc = 0;

	if ((rc = blob_wait(x->store, d, &b)) == BLOB_DONE)
		return 0;
	if (rc != BLOB_OURS || (rc = blob_restart(b)) != 0)
		goto out;
	while ((rc = decoder_data(in, &data, &len, &offset)) == 1)
		if ((rc = blob_write(b, data, len)) != 0)
			goto out;
	if (rc == 0)
		return blob_commit(b);
	rc = fail_decoder(x->m, in);
out:
	blob_abandon(b);
	return rc;
}

/* Tells of each blob wanted that has this digest. */
static int
tell(struct extract *x, const char *digest)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < x->n; i++)
		if (strcmp(x->want[i].digest, digest) == 0) {
			x->left -= x->from[i] != NULL;
			x->from[i] = NULL;
			if (x->done != NULL)
				rc = x->done(x->arg, i);
		}
	return rc;
}

/* Takes what is wanted of the current entry, which is this member. */
static int
take(struct extract *x, struct decoder *in, const struct member *v)
{
	size_t i;
	int rc;

	for (i = 0; i < x->n && x->from[i] != v; i++)
		;
	if (i == x->n)
		return 0;
	rc = x->memory != NULL ? read_again(x, in, &x->want[i])
			       : copy_member(x, in, &x->want[i]);
	if (rc != 0)
		return rc;
	return tell(x, x->want[i].digest);
}

/* Reads the tar once more, as far as something of it is wanted. */
static int
extract_once(struct extract *x)
{
	struct members *m = x->m;
	struct layer_entry e;
	struct decoder *in;
	uint64_t n;
	size_t at = 0;
	int rc = 0;

	if ((in = open_layer(m)) == NULL)
		return ST_LOCAL;
	for (n = 0; rc == 0 && x->left > 0 && at < m->list.n; n++) {
		if ((rc = decoder_next(in, &e)) != 1)
			rc = rc == -1 ? fail_decoder(m, in) : changed(m);
		else if (m->list.v[at].ordinal != n)
			rc = 0;
		else
			rc = take(x, in, &m->list.v[at++]);
	}
	decoder_close(in);
	return rc;
}

/* Twice where one member is wanted by two kinds of digest. */
static int
extract_tar(struct extract *x)
{
	int rc;

	do
		rc = extract_once(x);
	while (rc == 0 && x->left > 0);
	return rc;
}

static int
copy_file(struct members *m, struct store *st, const struct descriptor *d,
    const char *path)
{
	struct blob *b = NULL;
	char *data = NULL;
	ssize_t n;
	int fd, rc;

	if ((rc = blob_wait(st, d, &b)) == BLOB_DONE)
		return 0;
	if (rc != BLOB_OURS)
		return rc;
	fd = path == NULL ? fcntl(m->fd, F_DUPFD_CLOEXEC, 3)
			  : fdio_open_file(m->fd, path, O_RDONLY | O_NOFOLLOW);
	if (fd == -1 || (path == NULL && lseek(fd, 0, SEEK_SET) == -1) ||
	    (data = malloc(CHUNK)) == NULL) {
		rc = msg_failx(errno == ENOENT ? ST_REFUSED : ST_LOCAL,
		    "%s: %s: %s", m->path, d->digest, fdio_why());
		goto out;
	}
	rc = blob_restart(b);
	while (rc == 0 && (n = fdio_read(fd, data, CHUNK)) != 0)
		rc = n == -1 ? msg_fail(ST_LOCAL, "%s: %s", m->path, d->digest)
			     : blob_write(b, data, (size_t)n);
	if (rc == 0) {
		rc = blob_commit(b);
		b = NULL;
	}
out:
	blob_abandon(b);
	if (fd != -1)
		close(fd);
	free(data);
	return rc;
}

static int
is_whole_archive(const struct members *m, const char *digest)
{
	return m->whole.digest[0] != '\0' &&
	       strcmp(m->whole.digest, digest) == 0;
}

/* One blob of a directory, or the archive itself. */
static int
copy_blob(struct members *m, struct store *st, const struct descriptor *d)
{
	struct descriptor found;
	struct blob *b;
	char path[256];

	if (is_whole_archive(m, d->digest)) {
		if (m->spool == NULL)
			return copy_file(m, st, d, NULL);
		b = m->spool;
		m->spool = NULL;
		m->fd = -1;
		return blob_commit_as(b, &found);
	}
	if (blob_path(d->digest, path, sizeof(path)) == -1)
		return msg_failx(
		    ST_REFUSED, "%s: %s: bad digest", m->path, d->digest);
	return copy_file(m, st, d, path);
}

/* Whether the store has it, and the -v line. */
static int
is_there(const struct members *m, struct store *st, const struct descriptor *d)
{
	int have = blob_have(st, d);

	if (m->opts.verbose)
		msg_say("%s: %llu bytes: %s", d->digest,
		    (unsigned long long)d->size,
		    have ? "in the store already" : "fetching");
	return have;
}

/* The member that a blob is to come from; NULL where it is no member. */
static int
find_blob(const struct members *m, const struct descriptor *d,
    const struct member **from)
{
	if (m->is_dir || is_whole_archive(m, d->digest))
		return 0;
	if ((*from = find_digest(m, d->digest)) == NULL)
		return msg_failx(ST_REFUSED, "%s: %s: not in the archive",
		    m->path, d->digest);
	if ((*from)->size != d->size)
		return msg_failx(ST_REFUSED,
		    "%s: %s: expected %llu bytes, found %llu", m->path,
		    d->digest, (unsigned long long)d->size,
		    (unsigned long long)(*from)->size);
	return 0;
}

/* Finds each blob that the store does not have, before any is copied. */
static int
find_all(struct extract *x, char *missing)
{
	size_t i;
	int rc;

	for (i = 0; i < x->n; i++) {
		if (descriptor_is_repeated(x->want, i) ||
		    is_there(x->m, x->store, &x->want[i]))
			continue;
		missing[i] = 1;
		if ((rc = find_blob(x->m, &x->want[i], &x->from[i])) != 0)
			return rc;
		x->left += x->from[i] != NULL;
	}
	/* a stream that is itself a blob is in the store already */
	if (x->m->spool != NULL && x->m->whole.digest[0] != '\0')
		return 0;
	return space_check(x->store, x->want, x->n);
}

int
members_blobs(struct members *m, struct store *st,
    const struct descriptor *want, size_t n, int (*done)(void *, size_t),
    void *arg)
{
	struct extract x = {m, st, NULL, want, NULL, n, done, arg, 0};
	char *missing;
	size_t i;
	int rc;

	x.from = calloc(n + 1, sizeof(*x.from));
	missing = calloc(n + 1, 1);
	if (x.from == NULL || missing == NULL)
		rc = no_memory(m);
	else
		rc = find_all(&x, missing);
	for (i = 0; i < n && rc == 0; i++) {
		if (x.from[i] != NULL || descriptor_is_repeated(want, i))
			continue;
		if (missing[i])
			rc = copy_blob(m, st, &want[i]);
		if (rc == 0)
			rc = tell(&x, want[i].digest);
	}
	if (rc == 0 && x.left > 0)
		rc = extract_tar(&x);
	free(missing);
	free(x.from);
	return rc;
}

static void
describe(const struct member *v, struct descriptor *d)
{
	memset(d, 0, sizeof(*d));
	strcpy(d->digest, v->digest);
	d->size = v->size;
}

static int
load_member(struct members *m, const struct member *v, struct buf *b)
{
	struct descriptor want;
	struct extract x = {
	    .m = m, .memory = b, .want = &want, .from = &v, .n = 1, .left = 1};

	if (v->data != NULL)
		return buf_add(b, v->data, (size_t)v->size) == -1 ? no_memory(m)
								  : 0;
	if (v->size > MANIFEST_SIZE_MAX)
		return msg_failx(
		    ST_REFUSED, "%s: %s: larger than 4 MiB", m->path, v->path);
	describe(v, &want);
	return extract_tar(&x);
}

int
members_load(struct members *m, const char *path, struct buf *b)
{
	const struct member *v;

	if (m->is_dir)
		return load_file(m, path, b);
	v = listing_find(&m->list, path);
	return v != NULL ? load_member(m, v, b) : ST_NOTFOUND;
}

int
members_load_digest(struct members *m, const char *digest, struct buf *b)
{
	const struct member *v;
	char path[256];

	if (m->is_dir)
		return blob_path(digest, path, sizeof(path)) == -1
			   ? ST_NOTFOUND
			   : load_file(m, path, b);
	v = find_digest(m, digest);
	return v != NULL ? load_member(m, v, b) : ST_NOTFOUND;
}

int
members_describe(struct members *m, const char *path, struct descriptor *d)
{
	const struct member *v = NULL;
	char *copy;

	if (m->is_dir || (copy = strdup(path)) == NULL)
		return ST_NOTFOUND;
	if (path_clean(copy, 0) == 0)
		v = listing_find(&m->list, copy);
	free(copy);
	if (v == NULL)
		return ST_NOTFOUND;
	describe(v, d);
	return 0;
}

int
members_has(struct members *m, const char *digest)
{
	char path[256];

	if (m->is_dir)
		return blob_path(digest, path, sizeof(path)) == 0 &&
		       fdio_exists(m->fd, path) == 1;
	return find_digest(m, digest) != NULL;
}

int
members_as_layer(
    struct members *m, struct descriptor *d, char diffid[DIGEST_MAX])
{
	struct digest *hash;
	char *data;
	ssize_t n = -1;

	hash = digest_new("sha256:");
	data = malloc(CHUNK);
	if (hash == NULL || data == NULL || lseek(m->fd, 0, SEEK_SET) == -1)
		goto out;
	while ((n = fdio_read(m->fd, data, CHUNK)) > 0) {
		digest_add(hash, data, (size_t)n);
		m->whole.size += (uint64_t)n;
	}
out:
	free(data);
	if (n == -1) {
		digest_free(hash);
		return msg_fail(ST_LOCAL, "%s", m->path);
	}
	digest_end(hash, m->whole.digest);
	*d = m->whole;
	strcpy(diffid, m->diffid);
	return 0;
}
