/* See LICENSE. */
#include "store.h"

#include <sys/file.h>
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
#include "msg.h"
#include "storeimpl.h"

static const char layout[] = "{\"imageLayoutVersion\": \"1.0.0\"}\n";

static char *
default_path(void)
{
	const char *s;
	char *real;

	if ((s = getenv("CHR_STORE")) != NULL && s[0] != '\0') {
		if ((real = realpath(s, NULL)) != NULL)
			return real;
		return strdup(s);
	}
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

/* Whether a directory has nothing in it that somebody could miss. */
static int
is_empty(int fd)
{
	struct dirent *e;
	DIR *d;
	int empty = 1, sub;

	sub = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub == -1 || (d = fdopendir(sub)) == NULL) {
		if (sub != -1)
			close(sub);
		return 0;
	}
	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0 ||
			strcmp(e->d_name, "lost+found") == 0;
	closedir(d);
	return empty;
}

static int
write_layout(struct store *st)
{
	static const char *const dirs[] = {
	    "blobs", "blobs/sha256", "images", "names", "roots"};
	size_t i;

	if (fchmod(st->fd, 0700) == -1) {
		msg_warn("%s", st->path);
		return -1;
	}
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (FAULT("store_mkdir") ||
		    (mkdirat(st->fd, dirs[i], 0700) == -1 && errno != EEXIST)) {
			msg_warn("%s/%s", st->path, dirs[i]);
			return -1;
		}
	if (fdio_save(st->fd, "oci-layout", layout, sizeof(layout) - 1, 1) ==
	    -1) {
		msg_warn("%s/oci-layout", st->path);
		return -1;
	}
	return 0;
}

static int
has(const struct store *st, const char *name)
{
	return faccessat(st->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Makes what a store has.  What an earlier run began is gone on with. */
static int
make_layout(struct store *st)
{
	int lock, rc;

	if (has(st, "oci-layout") && has(st, "roots"))
		return 0;
	if ((lock = store_lock(st, ".", LOCK_EX)) == -1) {
		msg_warn("%s", st->path);
		return -1;
	}
	if (!has(st, "oci-layout") && !has(st, "blobs") && !is_empty(st->fd)) {
		msg_warnx("%s: not a store, and not empty", st->path);
		rc = -1;
	} else
		rc = write_layout(st);
	close(lock);
	return rc;
}

/* Files of images are reachable by nobody else, and planted by nobody else. */
static int
check_owner(const struct store *st)
{
	struct stat sb;

	if (fstat(st->fd, &sb) == -1) {
		msg_warn("%s", st->path);
		return -1;
	}
	if (sb.st_uid != geteuid()) {
		msg_warnx("%s: the store belongs to user %lu, not to %lu",
		    st->path, (unsigned long)sb.st_uid,
		    (unsigned long)geteuid());
		return -1;
	}
	if ((sb.st_mode & 077) != 0) {
		msg_warnx("%s: the store is open to others: mode %03o, not 700",
		    st->path, (unsigned)(sb.st_mode & 0777));
		return -1;
	}
	return 0;
}

struct store *
store_open(int flags)
{
	struct store *st;
	char cwd[PATH_MAX], *path;
	int e;

	if ((st = calloc(1, sizeof(*st))) == NULL ||
	    (st->path = default_path()) == NULL) {
		msg_warn("store");
		free(st);
		return NULL;
	}
	st->verify = (flags & STORE_VERIFY) != 0;
	st->fd = -1;
	if (st->path[0] != '/' && getcwd(cwd, sizeof(cwd)) != NULL) {
		path = fdio_fmt("%s/%s", cwd, st->path);
		free(st->path);
		if ((st->path = path) == NULL)
			goto fail;
	}
	if ((flags & STORE_CREATE) != 0 && make_path(st->path) == -1)
		goto fail;
	st->fd = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->fd == -1) {
		e = errno;
		if (e != ENOENT)
			msg_warn("%s", st->path);
		store_close(st);
		errno = e;
		return NULL;
	}
	if ((flags & STORE_CREATE) != 0 && make_layout(st) == -1)
		goto fail;
	if (check_owner(st) == -1)
		goto fail;
	return st;
fail:
	store_close(st);
	errno = EINVAL;
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
	int fd;

	fd = openat(st->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	while (flock(fd, how) == -1)
		if (errno != EINTR) {
			close(fd);
			return -1;
		}
	return fd;
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
	char path[STORE_PATH_MAX];
	struct stat sb;
	int fd;

	if (store_blob_path(digest, "", "", path) == -1)
		return -1;
	fd = openat(st->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode) ||
	    (uint64_t)sb.st_size != size) {
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
