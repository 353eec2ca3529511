/* See LICENSE. */
#include "store.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "fault.h"
#include "fdio.h"
#include "lock.h"
#include "msg.h"
#include "storeimpl.h"

struct blob {
	struct store *store;
	struct descriptor desc; /* digest and size only */
	struct digest *hash;
	char path[STORE_PATH_MAX]; /* while it is written */
	uint64_t offset;
	int fd;
	int resumed;
	int spool; /* digest and size are not known yet */
};

static int
fail(const struct blob *b)
{
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		b->store->full = 1;
	return msg_failx(
	    ST_LOCAL, "%s/%s: %s", b->store->path, b->path, fdio_why());
}

/*
 * The lock is the open file's, which a child that was forked meanwhile has as
 * well: closing it here alone would not unlock.
 */
static void
free_blob(struct blob *b)
{
	if (b->fd != -1) {
		lock_drop(b->fd);
		close(b->fd);
	}
	digest_free(b->hash);
	free(b);
}

static int
hash_fd(int fd, struct digest *hash, uint64_t *size)
{
	char *data;
	ssize_t n;

	if ((data = malloc(1 << 16)) == NULL)
		return -1;
	*size = 0;
	while ((n = fdio_read(fd, data, 1 << 16)) > 0) {
		digest_add(hash, data, (size_t)n);
		*size += (uint64_t)n;
	}
	free(data);
	return n == 0 ? 0 : -1;
}

/* Whether the file, of the right size, still has its digest. */
static int
is_whole(int fd, const char *digest)
{
	char found[DIGEST_MAX];
	struct digest *hash;
	uint64_t size;

	if ((hash = digest_new(digest)) == NULL)
		return 0;
	if (hash_fd(fd, hash, &size) == -1) {
		digest_free(hash);
		return 0;
	}
	digest_end(hash, found);
	return strcmp(found, digest) == 0;
}

int
blob_have(struct store *st, const struct descriptor *d)
{
	char path[STORE_PATH_MAX];
	int fd, whole;

	if ((fd = store_blob_open(st, d->digest, d->size)) == -1)
		return 0;
	whole = !st->verify || is_whole(fd, d->digest);
	close(fd);
	if (!whole && store_blob_path(d->digest, "", "", path) == 0) {
		unlinkat(st->fd, path, 0);
		msg_warnx(
		    "%s: damaged in the store: fetching it again", d->digest);
	}
	return whole;
}

/* Opens and locks the temporary file.  BLOB_OURS, BLOB_BUSY, -1 and errno. */
static int
lock_part(struct blob *b)
{
	int rc;

	for (;;) {
		b->fd = FAULT("blob_open")
			    ? -1
			    : fdio_open_file(b->store->fd, b->path,
				  O_RDWR | O_CREAT | O_NOFOLLOW);
		if (b->fd == -1)
			return -1;
		if ((rc = lock_try(b->fd, LOCK_EX)) != 1)
			return rc == 0 ? BLOB_BUSY : -1;
		if (fdio_is_named(b->store->fd, b->path, b->fd))
			return BLOB_OURS;
		close(b->fd);
	}
}

/* Takes over what an earlier run left. */
static int
resume(struct blob *b)
{
	if (hash_fd(b->fd, b->hash, &b->offset) == -1)
		return fail(b);
	b->resumed = b->offset > 0;
	if (b->offset > b->desc.size)
		return blob_restart(b);
	return 0;
}

static int
make_directory(struct store *st, const char *path)
{
	char dir[STORE_PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	if (mkdirat(st->fd, dir, 0700) == -1 && errno != EEXIST)
		return -1;
	return 0;
}

static struct blob *
new_blob(struct store *st, const char *digest)
{
	struct blob *b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->store = st;
	b->fd = -1;
	strcpy(b->desc.digest, digest);
	if ((b->hash = digest_new(digest)) == NULL) {
		free(b);
		return NULL;
	}
	return b;
}

int
blob_begin(struct store *st, const struct descriptor *d, struct blob **out)
{
	struct blob *b;
	int rc;

	*out = NULL;
	if (blob_have(st, d))
		return BLOB_DONE;
	if ((b = new_blob(st, d->digest)) == NULL)
		return msg_fail(ST_LOCAL, "%s", d->digest);
	b->desc.size = d->size;
	if (store_blob_path(d->digest, ".", ".part", b->path) == -1 ||
	    make_directory(st, b->path) == -1 || (rc = lock_part(b)) == -1) {
		rc = fail(b);
		goto out;
	}
	if (rc == BLOB_BUSY)
		goto out;
	if (blob_have(st, d)) {
		unlinkat(st->fd, b->path, 0);
		rc = BLOB_DONE;
		goto out;
	}
	if ((rc = resume(b)) != 0)
		goto out;
	*out = b;
	return BLOB_OURS;
out:
	free_blob(b);
	return rc;
}

void
blob_say_busy(const struct descriptor *d)
{
	msg_note("%s: waiting for another process that fetches it", d->digest);
}

int
blob_wait(struct store *st, const struct descriptor *d, struct blob **b)
{
	int rc, told = 0;

	while ((rc = blob_begin(st, d, b)) == BLOB_BUSY) {
		if (!told++)
			blob_say_busy(d);
		usleep(20000);
	}
	return rc;
}

uint64_t
blob_offset(const struct blob *b)
{
	return b->offset;
}

int
blob_write(struct blob *b, const void *data, size_t len)
{
	if (!b->spool && len > b->desc.size - b->offset)
		return msg_failx(ST_REFUSED,
		    "%s: longer than its size, %llu bytes", b->desc.digest,
		    (unsigned long long)b->desc.size);
	if (FAULT("blob_write") || fdio_write(b->fd, data, len) == -1)
		return fail(b);
	digest_add(b->hash, data, len);
	b->offset += len;
	return 0;
}

int
blob_restart(struct blob *b)
{
	digest_free(b->hash);
	b->hash = digest_new(b->desc.digest);
	b->offset = 0;
	b->resumed = 0;
	if (b->hash == NULL || FAULT("blob_truncate") ||
	    ftruncate(b->fd, 0) == -1 || lseek(b->fd, 0, SEEK_SET) == -1)
		return fail(b);
	return 0;
}

/* Gives the complete file its name. */
static int
publish(struct blob *b)
{
	char path[STORE_PATH_MAX];

	if (store_blob_path(b->desc.digest, "", "", path) == -1 ||
	    make_directory(b->store, path) == -1 || FAULT("blob_sync") ||
	    fdatasync(b->fd) == -1 || FAULT("blob_rename") ||
	    renameat(b->store->fd, b->path, b->store->fd, path) == -1)
		return fail(b);
	return 0;
}

int
blob_commit(struct blob *b)
{
	char found[DIGEST_MAX];
	int rc;

	if (b->offset != b->desc.size) {
		rc = msg_failx(ST_REFUSED,
		    "%s: expected %llu bytes, found %llu", b->desc.digest,
		    (unsigned long long)b->desc.size,
		    (unsigned long long)b->offset);
		goto out;
	}
	digest_end(b->hash, found);
	b->hash = NULL;
	if (strcmp(found, b->desc.digest) == 0) {
		rc = publish(b);
		goto out;
	}
	if (b->resumed) {
		if ((rc = blob_restart(b)) == 0)
			return BLOB_AGAIN;
		goto out;
	}
	unlinkat(b->store->fd, b->path, 0);
	rc = msg_failx(
	    ST_REFUSED, "%s: content has the digest %s", b->desc.digest, found);
out:
	if (rc != 0 && b->store->full)
		unlinkat(b->store->fd, b->path, 0);
	free_blob(b);
	return rc;
}

void
blob_abandon(struct blob *b)
{
	if (b == NULL)
		return;
	if (b->spool || b->offset == 0 || b->store->full)
		unlinkat(b->store->fd, b->path, 0);
	free_blob(b);
}

/* Removes what killed runs left: nobody has it locked. */
static void
sweep_spools(struct store *st)
{
	struct dirent *e;
	DIR *d = NULL;
	int dirfd, fd;

	dirfd = openat(
	    st->fd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1 || (d = fdopendir(dirfd)) == NULL) {
		if (dirfd != -1)
			close(dirfd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, ".spool.", 7) != 0 ||
		    (fd = fdio_open_file(
			 dirfd, e->d_name, O_RDWR | O_NOFOLLOW)) == -1)
			continue;
		if (lock_try(fd, LOCK_EX) == 1 &&
		    fdio_is_named(dirfd, e->d_name, fd))
			unlinkat(dirfd, e->d_name, 0);
		close(fd);
	}
	closedir(d);
}

/*
 * Makes and locks a file for a spool.  A name may be taken, by a process of
 * this number in another pid namespace; and a new file may be swept away before
 * it is locked.
 */
static int
open_spool(struct blob *b)
{
	static unsigned counter;
	int rc;

	for (;;) {
		snprintf(b->path, sizeof(b->path), "blobs/sha256/.spool.%ld.%u",
		    (long)getpid(), counter++);
		b->fd = FAULT("blob_open")
			    ? -1
			    : openat(b->store->fd, b->path,
				  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (b->fd == -1 && errno == EEXIST)
			continue;
		if (b->fd == -1)
			return -1;
		if ((rc = lock_try(b->fd, LOCK_EX)) == -1)
			return -1;
		if (rc == 1 && fdio_is_named(b->store->fd, b->path, b->fd))
			return 0;
		close(b->fd);
	}
}

int
blob_spool(struct store *st, struct blob **out)
{
	struct blob *b;
	int rc;

	*out = NULL;
	if ((b = new_blob(st, "sha256:")) == NULL)
		return msg_fail(ST_LOCAL, "%s", st->path);
	sweep_spools(st);
	b->spool = 1;
	if (open_spool(b) == -1) {
		rc = fail(b);
		free_blob(b);
		return rc;
	}
	*out = b;
	return 0;
}

int
blob_fd(const struct blob *b)
{
	return b->fd;
}

int
blob_commit_as(struct blob *b, struct descriptor *d)
{
	int fd, rc;

	memset(d, 0, sizeof(*d));
	digest_end(b->hash, b->desc.digest);
	b->hash = NULL;
	b->desc.size = b->offset;
	strcpy(d->digest, b->desc.digest);
	d->size = b->desc.size;
	fd = store_blob_open(b->store, d->digest, d->size);
	if (fd != -1) {
		close(fd);
		rc = 0;
	} else
		rc = publish(b);
	if (fd != -1 || rc != 0)
		unlinkat(b->store->fd, b->path, 0);
	free_blob(b);
	return rc;
}

int
store_blob_put(
    struct store *st, const char *digest, const void *data, size_t len)
{
	struct descriptor d = {.size = len};
	struct blob *b;
	int rc;

	strcpy(d.digest, digest);
	if ((rc = blob_wait(st, &d, &b)) == BLOB_DONE)
		return 0;
	if (rc != BLOB_OURS)
		return rc;
	if ((rc = blob_restart(b)) != 0 ||
	    (rc = blob_write(b, data, len)) != 0) {
		blob_abandon(b);
		return rc;
	}
	return blob_commit(b);
}
