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

#include "config.h"
#include "fault.h"
#include "fdio.h"
#include "lock.h"
#include "msg.h"
#include "rmtree.h"
#include "storeimpl.h"
#include "sys.h"

static void
image_path(const char *digest, const char *prefix, char path[STORE_PATH_MAX])
{
	snprintf(path, STORE_PATH_MAX, "images/%s%s", prefix,
	    ref_digest_hex(digest));
}

static int
lock_or_wait(int fd, const char *path, int how)
{
	const char *name = strrchr(path, '/') + 1;
	int rc = lock_try(fd, how);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	msg_note("image %s: waiting for another process that has it",
	    name + (*name == '.'));
	return lock_wait(fd, how);
}

/*
 * Opens and locks a directory of images/, waiting for whoever has it.  The
 * descriptor; -1 and errno, ENOENT when it went away meanwhile.
 */
static int
lock_directory(struct store *st, const char *path, int how)
{
	int e, fd;

	fd = openat(
	    st->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if ((e = lock_or_wait(fd, path, how) == -1 ? errno : 0) == 0) {
		if (fdio_is_named(st->fd, path, fd))
			return fd;
		e = ENOENT;
	}
	close(fd);
	errno = e;
	return -1;
}

/* Empties what a killed run left. */
static int
empty_directory(int dirfd, const char *path)
{
	struct dirent *e;
	DIR *d;
	int fd, rc = 0;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		msg_warn("%s", path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    rmtree(dirfd, e->d_name, path) == -1)
			rc = -1;
	closedir(d);
	return rc;
}

/*
 * One try at claiming: BLOB_OURS, BLOB_DONE, BLOB_AGAIN when somebody was
 * faster, -1 and errno.  The lock on blobs/, which a collector of garbage
 * needs, is not held while waiting for others.
 */
static int
claim(struct store *st, const char *digest, char *const *blobs, int *dirfd)
{
	char half[STORE_PATH_MAX], whole[STORE_PATH_MAX];
	int collector, e, made, rc = -1;

	image_path(digest, "", whole);
	image_path(digest, ".", half);
	if ((*dirfd = lock_directory(st, whole, LOCK_SH)) != -1)
		return BLOB_DONE;
	if (errno != ENOENT)
		return -1;
	if (FAULT("image_mkdir") ||
	    (mkdirat(st->fd, half, 0700) == -1 && errno != EEXIST))
		return -1;
	if ((*dirfd = lock_directory(st, half, LOCK_EX)) == -1)
		return errno == ENOENT ? BLOB_AGAIN : -1;
	collector = store_lock(st, "blobs", LOCK_SH);
	if (collector == -1)
		goto out;
	if ((made = fdio_exists(st->fd, whole)) == 1)
		rc = BLOB_AGAIN;
	else if (made == 0 && empty_directory(*dirfd, half) == 0 &&
		 config_write(*dirfd, "blobs", blobs) == 0)
		rc = BLOB_OURS;
	if (rc == -1) {
		e = errno;
		unlinkat(*dirfd, "blobs", 0);
		unlinkat(st->fd, half, AT_REMOVEDIR);
		errno = e;
	}
	close(collector);
out:
	if (rc != BLOB_OURS) {
		close(*dirfd);
		*dirfd = -1;
	}
	return rc;
}

int
image_begin(
    struct store *st, const char *digest, char *const *blobs, int *dirfd)
{
	int rc;

	do
		rc = claim(st, digest, blobs, dirfd);
	while (rc == BLOB_AGAIN);
	if (rc == -1)
		return msg_fail(ST_LOCAL, "%s/images/.%s", st->path,
		    ref_digest_hex(digest));
	return rc;
}

int
image_hold(struct store *st, const char *digest)
{
	char whole[STORE_PATH_MAX];

	image_path(digest, "", whole);
	return lock_directory(st, whole, LOCK_SH);
}

int
image_commit(struct store *st, const char *digest, int dirfd)
{
	char half[STORE_PATH_MAX], whole[STORE_PATH_MAX];

	image_path(digest, "", whole);
	image_path(digest, ".", half);
	if (FAULT("image_sync") || sys_sync_fs(dirfd) == -1 ||
	    FAULT("image_rename") ||
	    renameat(st->fd, half, st->fd, whole) == -1)
		return msg_fail(ST_LOCAL, "%s/%s", st->path, whole);
	return 0;
}

void
image_abandon(struct store *st, const char *digest, int dirfd)
{
	char half[STORE_PATH_MAX];
	char *path;

	image_path(digest, ".", half);
	path = fdio_fmt("%s/%s", st->path, half);
	rmtree(st->fd, half, path != NULL ? path : half);
	free(path);
	close(dirfd);
}
