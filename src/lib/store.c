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

static int
is_store(const struct store *st)
{
	size_t i;

	for (i = 0; i < NMEMBERS; i++)
		if (!fdio_exists(st->fd, members[i]))
			return 0;
	return 1;
}

/* Whether nothing is there that somebody could miss: a store at most begun. */
static int
is_free(const struct store *st)
{
	struct dirent *e;
	DIR *d;
	int free = 1, fd, other = 0;

	fd = openat(st->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return 0;
	}
	while (free && (e = readdir(d)) != NULL) {
		free = is_member(e->d_name);
		other |= e->d_name[0] != '.' &&
			 strcmp(e->d_name, "lost+found") != 0;
	}
	closedir(d);
	return free && (!other || fdio_exists(st->fd, members[0]));
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

/* Makes what a store has.  What an earlier run began is gone on with. */
static int
make_layout(struct store *st)
{
	int lock, rc;

	if (is_store(st))
		return 0;
	if ((lock = store_lock(st, ".", LOCK_EX)) == -1) {
		msg_warn("%s", st->path);
		return -1;
	}
	rc = is_store(st)  ? 0
	     : is_free(st) ? write_layout(st)
			   : not_a_store(st);
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
	/* as the list of mounts has it */
	if ((path = realpath(st->path, NULL)) != NULL) {
		free(st->path);
		st->path = path;
	}
	st->fd = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->fd == -1) {
		e = errno;
		if (e != ENOENT || (flags & STORE_CREATE) != 0)
			msg_warn("%s", st->path);
		store_close(st);
		errno = e;
		return NULL;
	}
	if ((flags & STORE_CREATE) != 0 && make_layout(st) == -1)
		goto fail;
	if (!is_store(st)) {
		if (!is_free(st)) {
			not_a_store(st);
			goto fail;
		}
		store_close(st);
		errno = ENOENT;
		return NULL;
	}
	if (check_owner(st) == 0)
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
	fd = openat(storefd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
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
