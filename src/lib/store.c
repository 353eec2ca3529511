/* See LICENSE. */
#include "store.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "fdio.h"
#include "lock.h"
#include "msg.h"
#include "storeimpl.h"
#include "trust.h"

static const char layout[] = "{\"imageLayoutVersion\": \"1.0.0\"}\n";

static char *
default_path(void)
{
	const char *s;

	if ((s = getenv("CHR_STORE")) != NULL && s[0] != '\0')
		return strdup(s);
	if (geteuid() == 0)
		return strdup("/var/lib/chr");
	if ((s = getenv("XDG_DATA_HOME")) != NULL && s[0] == '/')
		return fdio_fmt("%s/chr", s);
	if ((s = getenv("HOME")) != NULL && s[0] == '/')
		return fdio_fmt("%s/.local/share/chr", s);
	errno = ENOENT;
	return NULL;
}

/* Makes the directories of path that are missing. */
static int
make_path(char *path)
{
	char *p;

	for (p = path + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(path, 0755) == -1 && errno != EEXIST) {
			msg_warn("%s", path);
			return -1;
		}
		*p = '/';
	}
	if (FAULT("store_mkdir") ||
	    (mkdir(path, 0700) == -1 && errno != EEXIST)) {
		msg_warn("%s", path);
		return -1;
	}
	return 0;
}

/* What a store has, in the order it is made. */
static const char *const members[] = {
    "oci-layout", "blobs", "blobs/sha256", "images", "names", "roots"};

#define NMEMBERS (sizeof(members) / sizeof(members[0]))

static int
is_member(const char *name)
{
	size_t i;

	for (i = 0; i < NMEMBERS; i++)
		if (strcmp(members[i], name) == 0)
			return 1;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, ".oci-layout.new") == 0 ||
	       strcmp(name, "lost+found") == 0;
}

/* 1, 0, or -1 after a message. */
static int
is_store(const struct store *st)
{
	size_t i;
	int rc;

	for (i = 0; i < NMEMBERS; i++)
		if ((rc = fdio_exists(st->fd, members[i])) != 1)
			return rc == 0 ? 0
				       : msg_fail(
					     -1, "%s/%s", st->path, members[i]);
	return 1;
}

/* Whether a member of a store that is begun is no link, and this user's. */
static int
is_own(const struct store *st, const char *name)
{
	struct stat sb;

	return fstatat(st->fd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	       sb.st_uid == geteuid() &&
	       (S_ISDIR(sb.st_mode) || S_ISREG(sb.st_mode));
}

/*
 * Whether nothing is there that somebody could miss, a store at most begun: 1,
 * 0, or -1 after a message.
 */
static int
is_free(const struct store *st)
{
	struct dirent *e;
	DIR *d;
	int fd, other = 0, rc = 1;

	fd = openat(st->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		msg_warn("%s", st->path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	while (rc == 1 && (errno = 0, e = readdir(d)) != NULL)
		if (!is_member(e->d_name))
			rc = 0;
		else if (e->d_name[0] != '.' &&
			 strcmp(e->d_name, "lost+found") != 0) {
			other = 1;
			rc = is_own(st, e->d_name);
		}
	if (rc == 1 && errno != 0)
		rc = msg_fail(-1, "%s", st->path);
	closedir(d);
	if (rc == 1 && other && (rc = fdio_exists(st->fd, members[0])) == -1)
		msg_warn("%s/%s", st->path, members[0]);
	return rc;
}

static int
write_layout(struct store *st)
{
	size_t i;

	if (fchmod(st->fd, 0700) == -1) {
		msg_warn("%s", st->path);
		return -1;
	}
	if (fdio_save(st->fd, members[0], layout, sizeof(layout) - 1, 1) ==
	    -1) {
		msg_warn("%s/%s", st->path, members[0]);
		return -1;
	}
	for (i = 1; i < NMEMBERS; i++)
		if (FAULT("store_mkdir") ||
		    (mkdirat(st->fd, members[i], 0700) == -1 &&
			errno != EEXIST)) {
			msg_warn("%s/%s", st->path, members[i]);
			return -1;
		}
	return 0;
}

static int
not_a_store(const struct store *st)
{
	return msg_failx(-1, "%s: not a store, and not empty", st->path);
}

/*
 * Nothing is made where another user's link leads: not in a directory that is
 * this user's, but was not meant.
 */
static int
check_links(const struct store *st, const char *given)
{
	struct stat sb, ours;
	uid_t owner;
	int fd, rc = 0;

	if ((fd = trust_open(given, &owner)) == -1) {
		if (errno == ENOENT && st->fd == -1)
			return 0;
		if (errno == EPERM)
			return msg_failx(-1,
			    "%s: a link of user %lu is on the way: no store is "
			    "made there",
			    given, (unsigned long)owner);
		return msg_fail(-1, "%s", given);
	}
	if (st->fd != -1 &&
	    (fstat(fd, &sb) == -1 || fstat(st->fd, &ours) == -1 ||
		sb.st_dev != ours.st_dev || sb.st_ino != ours.st_ino))
		rc = msg_failx(-1, "%s: was renamed meanwhile", given);
	close(fd);
	return rc;
}

/* Makes what a store has.  What an earlier run began is gone on with. */
static int
make_layout(struct store *st, const char *given)
{
	int lock, rc;

	if ((rc = is_store(st)) != 0)
		return rc == 1 ? 0 : -1;
	if (check_links(st, given) == -1)
		return -1;
	if ((lock = store_lock(st, ".", LOCK_EX)) == -1)
		return msg_fail(-1, "%s: lock", st->path);
	if ((rc = is_store(st)) == 0 && (rc = is_free(st)) != -1)
		rc = rc == 1 ? write_layout(st) : not_a_store(st);
	close(lock);
	return rc == -1 ? -1 : 0;
}

static int
check_owner(const struct store *st)
{
	struct stat sb;

	if (fstat(st->fd, &sb) == -1)
		return msg_fail(-1, "%s", st->path);
	if (sb.st_uid == geteuid())
		return 0;
	return msg_failx(-1, "%s: the store belongs to user %lu, not to %lu",
	    st->path, (unsigned long)sb.st_uid, (unsigned long)geteuid());
}

/* Files of images are reachable by nobody else, and planted by nobody else. */
static int
check_mode(const struct store *st)
{
	struct stat sb;

	if (fstat(st->fd, &sb) == -1)
		return msg_fail(-1, "%s", st->path);
	if ((sb.st_mode & 077) == 0)
		return 0;
	return msg_failx(-1,
	    "%s: the store is open to others: mode %03o, not 700", st->path,
	    (unsigned)(sb.st_mode & 0777));
}

/* 0; 1 when nothing is there; -1 after a message. */
static int
open_directory(struct store *st, const char *given, int create)
{
	st->fd = open(given, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->fd == -1 && errno == ENOENT && create) {
		if (check_links(st, given) == -1 || make_path(st->path) == -1)
			return -1;
		st->fd = open(given, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (st->fd != -1)
		return 0;
	return errno == ENOENT && !create ? 1 : msg_fail(-1, "%s", given);
}

/* The same. */
static int
open_store(struct store *st, const char *given, int create)
{
	char *path;
	int rc;

	if ((rc = open_directory(st, given, create)) != 0)
		return rc;
	/* as the list of mounts has it */
	if ((path = realpath(given, NULL)) != NULL) {
		free(st->path);
		st->path = path;
	}
	if (create && (check_owner(st) == -1 || make_layout(st, given) == -1))
		return -1;
	if ((rc = is_store(st)) == 1)
		return check_owner(st) == -1 || check_mode(st) == -1 ? -1 : 0;
	if (rc == 0 && (rc = is_free(st)) == 0)
		rc = not_a_store(st);
	return rc;
}

struct store *
store_open(int flags)
{
	char cwd[PATH_MAX], *given = NULL, *path = default_path();
	struct store *st;
	int rc = -1;

	st = calloc(1, sizeof(*st));
	if (path != NULL && path[0] != '/' && getcwd(cwd, sizeof(cwd)) != NULL)
		given = fdio_fmt("%s/%s", cwd, path);
	else if (path != NULL)
		given = strdup(path);
	free(path);
	if (st != NULL && given != NULL && (st->path = strdup(given)) != NULL) {
		st->verify = (flags & STORE_VERIFY) != 0;
		st->fd = -1;
		rc = open_store(st, given, (flags & STORE_CREATE) != 0);
	} else
		msg_warn("store");
	free(given);
	if (rc == 0)
		return st;
	if (st != NULL)
		store_close(st);
	errno = rc == 1 ? ENOENT : EINVAL;
	return NULL;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	if (st->fd != -1)
		close(st->fd);
	free(st->path);
	free(st);
}

const char *
store_path(const struct store *st)
{
	return st->path;
}

int
store_fd(const struct store *st)
{
	return st->fd;
}

int
store_lock(struct store *st, const char *dir, int how)
{
	int e, fd;

	fd = openat(st->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || lock_wait(fd, how) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

int
store_blob_path(const char *digest, const char *prefix, const char *suffix,
    char path[STORE_PATH_MAX])
{
	size_t alg;

	if (!ref_digest_ok(digest)) {
		errno = EINVAL;
		return -1;
	}
	alg = strcspn(digest, ":");
	snprintf(path, STORE_PATH_MAX, "blobs/%.*s/%s%s%s", (int)alg, digest,
	    prefix, digest + alg + 1, suffix);
	return 0;
}

int
store_blob_open(struct store *st, const char *digest, uint64_t size)
{
	return store_blob_openat(st->fd, digest, size);
}

int
store_blob_openat(int storefd, const char *digest, uint64_t size)
{
	char path[STORE_PATH_MAX];
	struct stat sb;
	int fd;

	if (store_blob_path(digest, "", "", path) == -1)
		return -1;
	fd = fdio_open_file(storefd, path, O_RDONLY | O_NOFOLLOW);
	if (fd == -1) {
		if (errno == EINVAL)
			errno = ENOENT;
		return -1;
	}
	if (fstat(fd, &sb) == -1 || (uint64_t)sb.st_size != size) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	return fd;
}

int
store_blob_load(struct store *st, const char *digest, uint64_t size, size_t max,
    struct buf *b)
{
	char path[STORE_PATH_MAX];

	if (size > max) {
		errno = EFBIG;
		return msg_fail(ST_REFUSED, "%s", digest);
	}
	if (store_blob_path(digest, "", "", path) == -1 ||
	    fdio_load(st->fd, path, max, b) == -1)
		return msg_fail(ST_LOCAL, "%s/%s", st->path, digest);
	return 0;
}

int
store_image_open(struct store *st, const char *digest)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "images/%s", ref_digest_hex(digest));
	return openat(
	    st->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}
