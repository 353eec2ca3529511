/* See LICENSE. */
#include "root.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "fdio.h"
#include "lock.h"
#include "msg.h"
#include "newdir.h"
#include "rmtree.h"
#include "sys.h"

#define LOCK_FD 200 /* out of the way of shells and socket activation */
#define PIDS_SHOWN 8
#define PATIENCE 1 /* seconds, for who has the lock for a moment */
#define RACES_MAX 10
#define ENDING_MAX 256000000 /* nanoseconds: half a second in all */
/* Before the name of BASE while it is made or removed: nobody else's. */
#define HIDDEN ".chr-"
#define SUFFIX_LEN 7 /* of .XXXXXX */

/* BASE's name and the directory it is in, from BASE/root; as root_open. */
static int
split_path(const char *path, char **parent, char **name, const char **why)
{
	char *copy, *p;

	*parent = *name = NULL;
	if ((copy = strdup(path)) == NULL)
		return -1;
	for (p = copy + strlen(copy); p > copy + 1 && p[-1] == '/'; p--)
		p[-1] = '\0';
	p = strrchr(copy, '/');
	if (p == NULL || p == copy || strcmp(p + 1, "root") != 0) {
		free(copy);
		*why = "its name is not root";
		return 1;
	}
	while (p > copy && p[-1] == '/')
		p--;
	*p = '\0';
	p = strrchr(copy, '/');
	*name = strdup(p != NULL ? p + 1 : copy);
	if (p == copy)
		p++;
	*parent = p == NULL ? strdup(".") : strndup(copy, (size_t)(p - copy));
	free(copy);
	if (*name == NULL || *parent == NULL)
		return -1;
	if (strcmp(*name, ".") != 0 && strcmp(*name, "..") != 0 &&
	    **name != '\0')
		return 0;
	*why = "the directory around it has no name";
	return 1;
}

/* 1, 0 when it is another kind or not there, -1 and errno. */
static int
is_kind(int dirfd, const char *name, mode_t kind)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	return (st.st_mode & S_IFMT) == kind;
}

/* Whether BASE, which is open, is as chr-mkroot makes it; as root_open. */
static int
check_base(int fd, const char **why)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) == -1)
		return -1;
	if (st.st_uid != geteuid())
		*why = "the directory around it is another user's";
	else if ((st.st_mode & 07777) != 0700)
		*why = "the mode of the directory around it is not 700";
	else if ((rc = is_kind(fd, "lock", S_IFREG)) != 1)
		*why = rc == 0 ? "there is no lock beside it" : NULL;
	else if ((rc = is_kind(fd, "image", S_IFREG)) != 1)
		*why = rc == 0 ? "no image is named beside it" : NULL;
	else if ((rc = is_kind(fd, "root", S_IFDIR)) != 1)
		*why = rc == 0 ? "it is not a directory" : NULL;
	else
		return 0;
	return *why == NULL ? -1 : 1;
}

/* Opens BASE in the directory parent; as root_open. */
static int
open_base(struct root *r, const char *parent, const char **why)
{
	r->parentfd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->parentfd != -1 && !FAULT("root_open"))
		r->fd = openat(r->parentfd, r->name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->fd != -1)
		return check_base(r->fd, why);
	if (errno != ELOOP && errno != ENOTDIR)
		return -1;
	*why = "the directory around it is a link";
	return 1;
}

int
root_open(const char *path, struct root *r, const char **why)
{
	char *parent = NULL, *real = NULL;
	struct stat st;
	int e, rc;

	*why = NULL;
	memset(r, 0, sizeof(*r));
	r->parentfd = r->fd = -1;
	if (lstat(path, &st) == -1)
		return -1;
	if ((rc = split_path(path, &parent, &r->name, why)) == 0)
		rc = open_base(r, parent, why);
	if (rc == 0 &&
	    ((real = realpath(parent, NULL)) == NULL ||
		(r->path = fdio_fmt("%s/%s/root",
		     strcmp(real, "/") == 0 ? "" : real, r->name)) == NULL))
		rc = -1;
	e = errno;
	free(parent);
	free(real);
	if (rc != 0)
		root_close(r);
	errno = e;
	return rc;
}

void
root_close(struct root *r)
{
	if (r->fd != -1)
		close(r->fd);
	if (r->parentfd != -1)
		close(r->parentfd);
	free(r->name);
	free(r->path);
	memset(r, 0, sizeof(*r));
	r->parentfd = r->fd = -1;
}

/* Whether BASE still has its name: nobody has begun to remove it. */
static int
is_named(const struct root *r)
{
	return fdio_is_named(r->parentfd, r->name, r->fd);
}

/* Until when a lock is waited for. */
static struct timespec
deadline(void)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += PATIENCE;
	return end;
}

/*
 * Waits a little for who looks at the root or begins to remove it: 1.  0 when
 * it is gone, or the time is up.
 */
static int
wait_named(const struct root *r, const struct timespec *end)
{
	const struct timespec ms = {0, 1000000};
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!is_named(r) || now.tv_sec > end->tv_sec ||
	    (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec))
		return 0;
	nanosleep(&ms, NULL);
	return 1;
}

int
root_open_lock(const struct root *r, int flags)
{
	return fdio_open_file(r->fd, "lock", flags | O_NOFOLLOW);
}

struct users {
	char text[PIDS_SHOWN * 12 + 8];
	size_t n;
};

static void
add_user(void *arg, pid_t pid)
{
	struct users *u = arg;
	size_t len = strlen(u->text);

	if (u->n++ < PIDS_SHOWN)
		snprintf(u->text + len, sizeof(u->text) - len, "%s%ld",
		    len > 0 ? ", " : "", (long)pid);
}

/* Says what is the case, and by whom. */
static void
say_users(const struct root *r, const char *what, const struct users *u)
{
	if (u->n == 0)
		msg_warnx("%s: %s", r->path, what);
	else
		msg_warnx("%s: %s by process%s %s%s", r->path, what,
		    u->n > 1 ? "es" : "", u->text,
		    u->n > PIDS_SHOWN ? " and more" : "");
}

/*
 * After the machine was restarted nothing is left of an overlay but its files.
 * 1, 0, or -1 and errno.
 */
static int
lacks_overlay(const struct root *r)
{
	struct stat st;
	int fd, mounted;

	if (fstatat(r->fd, "upper", &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	fd = openat(
	    r->fd, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	mounted = sys_is_mount(fd);
	close(fd);
	return mounted == 0;
}

/* The shared lock: 0, or -1 after a message. */
static int
share_lock(const struct root *r, int fd)
{
	struct timespec end = deadline();
	struct users u;
	int rc;

	while ((rc = lock_try(fd, LOCK_SH)) == 0 && wait_named(r, &end))
		;
	if (rc == -1)
		return msg_fail(-1, "%s: lock", r->path);
	if (rc == 1 && is_named(r))
		return 0;
	memset(&u, 0, sizeof(u));
	sys_lockers_of(fd, add_user, &u);
	say_users(r, is_named(r) ? "its lock is held" : "is being removed", &u);
	return -1;
}

int
root_hold(struct root *r, int flags)
{
	int fd, high;

	if ((high = lacks_overlay(r)) == 1)
		return msg_failx(
		    -1, "%s: its overlay is not mounted any more", r->path);
	if (high == -1)
		return msg_fail(-1, "%s", r->path);
	if (FAULT("root_hold") || (fd = root_open_lock(r, flags)) == -1)
		return msg_fail(-1, "%s: lock", r->path);
	if (share_lock(r, fd) == -1) {
		close(fd);
		return ROOT_LOCKED;
	}
	unlinkat(r->fd, "idle", 0);
	if ((high = fcntl(fd, F_DUPFD, LOCK_FD)) == -1 &&
	    (high = fcntl(fd, F_DUPFD, 3)) == -1)
		msg_warn("%s: lock", r->path);
	close(fd);
	return high;
}

static int
find_users(const struct root *r, struct users *u)
{
	memset(u, 0, sizeof(*u));
	if (sys_users_of(r->path, add_user, u) == -1 && errno != ENOENT)
		return msg_fail(-1, "%s", r->path);
	return 0;
}

/* Those in the root, else those outside it that have its lock. */
static void
say_used(const struct root *r, struct users *u, int fd)
{
	if (u->n > 0) {
		say_users(r, "in use", u);
		return;
	}
	sys_lockers_of(fd, add_user, u);
	say_users(r, "in use: its lock is held", u);
}

struct mounts {
	const char *base;
	const char *upper; /* as it was given by path once */
	int own;	   /* its overlay is mounted */
	int foreign;
};

/*
 * Whether the options are those of BASE's own overlay: only chr-mkroot gives
 * its directories relative to BASE.
 */
static int
is_own(const struct mounts *m, const char *options)
{
	return strstr(options, ",upperdir=upper,workdir=work") != NULL ||
	       strstr(options, m->upper) != NULL;
}

static int
check_mount(void *arg, const char *point, const char *type, const char *options)
{
	struct mounts *m = arg;
	size_t len = strlen(m->base);

	if (!m->own && strcmp(type, "overlay") == 0 &&
	    strcmp(point + len, "/root") == 0 && is_own(m, options)) {
		m->own = 1;
		return 0;
	}
	msg_warnx("%s: %s is mounted here: unmount it first", point, type);
	m->foreign = 1;
	return 0;
}

/* Unmounts the overlay of BASE, which fd is and path names. */
static int
unmount(int fd, const char *path)
{
	struct mounts m = {path, NULL, 0, 0};
	const char *name = strrchr(path, '/') + 1;
	char *upper;
	int rc;

	upper = fdio_fmt("/%s%s/upper,",
	    strncmp(name, HIDDEN, strlen(HIDDEN)) == 0 ? "" : HIDDEN, name);
	if ((m.upper = upper) == NULL)
		return msg_fail(-1, "%s", path);
	rc = sys_mounts_below(path, check_mount, &m);
	free(upper);
	if (rc != 0)
		msg_warn("%s: mounts", path);
	if (rc != 0 || m.foreign)
		return -1;
	if (m.own && sys_umount(fd, "root") == -1) {
		msg_warn("%s/root: unmount", path);
		return -1;
	}
	return 0;
}

/*
 * What BASE may hold.  A directory with anything else in it is not ours,
 * whatever its name.
 */
static int
is_member(const char *name)
{
	static const char *const names[] = {"boot", "cmd", "entrypoint", "env",
	    "idle", "image", "labels", "lock", "platform", "probe", "remove",
	    "root", "stopsignal", "upper", "user", "volumes", "work",
	    "workdir"};
	size_t i, len, n = strlen(name);

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		len = strlen(names[i]);
		if (strcmp(name, names[i]) == 0 ||
		    (name[0] == '.' && n == len + 5 &&
			strncmp(name + 1, names[i], len) == 0 &&
			strcmp(name + 1 + len, ".new") == 0))
			return 1;
	}
	return 0;
}

/* A directory that is looked through. */
struct visit {
	int fd;
	const char *path; /* for messages */
	int wanted;	  /* what is_wanted looks for ... */
	char *found;	  /* ... and its name, malloced */
};

/*
 * Calls fn with each name in the directory until it returns non-zero, which is
 * returned; -1 after a message when it cannot be read.
 */
static int
each_name(struct visit *v, int (*fn)(struct visit *, const char *name))
{
	struct dirent *e;
	int rc = 0, sub;
	DIR *d;

	sub = openat(v->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub == -1)
		return msg_fail(-1, "%s", v->path);
	if ((d = fdopendir(sub)) == NULL) {
		msg_warn("%s", v->path);
		close(sub);
		return -1;
	}
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = fn(v, e->d_name);
	/* removed by another process: nothing more is in it */
	if (rc == 0 && errno != 0 && errno != ENOENT)
		rc = msg_fail(-1, "%s", v->path);
	closedir(d);
	return rc;
}

static int
is_foreign(struct visit *v, const char *name)
{
	(void)v;
	return !is_member(name);
}

/* Whether it is named as BASE is while it is made or removed. */
static int
is_hidden(const char *name)
{
	const char *suffix = strrchr(name, '.');

	return strncmp(name, HIDDEN, strlen(HIDDEN)) == 0 && suffix > name &&
	       strlen(suffix) == SUFFIX_LEN;
}

/* Whether the hidden directory is what chr-mkroot or chr-rm left of a root: 1,
 * 0, -1 after a message. */
static int
is_rest(int fd, const char *path)
{
	struct visit v = {.fd = fd, .path = path};
	struct stat st;
	int rc;

	if (fstat(fd, &st) == -1)
		return msg_fail(-1, "%s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 07777) != 0700)
		return 0;
	rc = each_name(&v, is_foreign);
	return rc == -1 ? -1 : rc == 0;
}

/* All but the lock, which says to the last that this is a root's. */
static int
remove_member(struct visit *v, const char *name)
{
	char *full;
	int rc;

	if (strcmp(name, "lock") == 0)
		return 0;
	if ((full = fdio_fmt("%s/%s", v->path, name)) == NULL)
		return msg_fail(-1, "%s", v->path);
	rc = rmtree(v->fd, name, full);
	free(full);
	return rc;
}

static int
is_wanted(struct visit *v, const char *name)
{
	return fdio_is_named(v->fd, name, v->wanted) &&
	       (v->found = strdup(name)) != NULL;
}

/*
 * Removes BASE, emptied, which is called name, or what another user who may
 * rename here has called it since.  -1 and errno.
 */
static int
remove_empty(int parentfd, int fd, const char *name, const char *path)
{
	struct visit v = {.fd = parentfd, .path = path, .wanted = fd};
	int rc = 0;

	if (!fdio_is_named(parentfd, name, fd)) {
		each_name(&v, is_wanted);
		name = v.found;
	}
	if (name != NULL)
		rc = unlinkat(parentfd, name, AT_REMOVEDIR);
	free(v.found);
	return rc == -1 && errno == ENOENT ? 0 : rc;
}

/* Removes what BASE holds, its lock last, and BASE. */
static int
remove_rest(int parentfd, int fd, const char *name, const char *path)
{
	struct visit v = {.fd = fd, .path = path};

	if (each_name(&v, remove_member) != 0)
		return -1;
	if ((unlinkat(fd, "lock", 0) == -1 && errno != ENOENT) ||
	    remove_empty(parentfd, fd, name, path) == -1) {
		msg_warn("%s", path);
		return -1;
	}
	return 0;
}

/* root_remove_half, of the open directory fd. */
static int
remove_half(int dirfd, const char *name, int fd, const char *path)
{
	int lock, rc;

	lock = fdio_open_file(fd, "lock", O_RDWR | O_NOFOLLOW);
	if (lock == -1 && errno == ENOENT)
		/* its lock is not made yet, or all but it was removed */
		return unlinkat(dirfd, name, AT_REMOVEDIR) == 0;
	if (lock == -1)
		return msg_failx(-1, "%s: lock: %s", path, fdio_why());
	rc = FAULT("root_half_lock") ? -1 : lock_try(lock, LOCK_EX);
	if (rc == -1)
		msg_warn("%s: lock", path);
	else if (rc == 1 && !fdio_is_named(dirfd, name, fd))
		/* it got its name just before */
		rc = 0;
	else if (rc == 1 && (unmount(fd, path) != 0 ||
				remove_rest(dirfd, fd, name, path) != 0))
		rc = -1;
	close(lock);
	return rc;
}

int
root_remove_half(int dirfd, const char *dir, const char *name)
{
	char *path;
	int fd, rc;

	if (!is_hidden(name))
		return 0;
	if ((path = fdio_fmt("%s/%s", dir, name)) == NULL)
		return msg_fail(-1, "%s", dir);
	fd = openat(
	    dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		rc = errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			 ? 0
			 : msg_fail(-1, "%s", path);
	else if ((rc = is_rest(fd, path)) == 1)
		rc = remove_half(dirfd, name, fd, path);
	if (fd != -1)
		close(fd);
	free(path);
	return rc;
}

int
root_resume(const char *path)
{
	char *hidden = NULL, *name = NULL, *parent = NULL, *real = NULL;
	int dirfd = -1, rc;
	const char *why;

	if ((rc = split_path(path, &parent, &name, &why)) == 0 &&
	    (real = realpath(parent, NULL)) != NULL &&
	    (hidden = fdio_fmt(HIDDEN "%s", name)) != NULL)
		dirfd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd != -1) {
		rc = root_remove_half(dirfd, real, hidden);
		close(dirfd);
	} else if (rc == 1 || errno == ENOENT || errno == ENOTDIR)
		rc = 0;
	else
		rc = msg_fail(-1, "%s", path);
	free(hidden);
	free(name);
	free(parent);
	free(real);
	return rc;
}

/* The directory that holds BASE. */
static int
dir_len(const struct root *r)
{
	return (int)(strlen(r->path) - strlen("/root") - strlen(r->name)) - 1;
}

char *
root_hidden_path(const struct root *r)
{
	return fdio_fmt("%.*s/" HIDDEN "%s", dir_len(r), r->path, r->name);
}

static int
remove_base(struct root *r)
{
	char *hidden, *path;
	int rc = -1;

	path = root_hidden_path(r);
	if ((hidden = fdio_fmt(HIDDEN "%s", r->name)) == NULL || path == NULL ||
	    FAULT("root_rename") ||
	    renameat(r->parentfd, r->name, r->parentfd, hidden) == -1)
		msg_warn("%s", r->path);
	else
		rc = remove_rest(r->parentfd, r->fd, hidden, path);
	free(hidden);
	free(path);
	return rc;
}

enum claim { FAILED = -1, GONE, HELD, OURS };

/* The exclusive lock; GONE when another process has removed the root. */
static enum claim
lock_for_removal(const struct root *r, int fd, const struct timespec *end)
{
	int rc;

	for (;;) {
		if ((rc = lock_try(fd, LOCK_EX)) == 1)
			return is_named(r) ? OURS : GONE;
		if (rc == 0 && (rc = lock_try(fd, LOCK_SH)) == 1) {
			/* not kept: who asks likewise is not to be refused */
			lock_drop(fd);
			return HELD;
		}
		if (rc == -1)
			return FAILED;
		if (!wait_named(r, end))
			return is_named(r) ? HELD : GONE;
	}
}

/*
 * Makes the root this process's to remove: OURS, GONE, or FAILED after a
 * message when it is in use.  A process that ends is not in the root any more a
 * moment before its lock goes: that is waited for.
 */
static enum claim
claim(const struct root *r, int fd)
{
	struct timespec end = deadline(), ts = {0, 1000000};
	enum claim locked;
	struct users u;

	for (;; ts.tv_nsec *= 2) {
		if ((locked = lock_for_removal(r, fd, &end)) == GONE)
			return GONE;
		if (locked == FAILED)
			return msg_fail(FAILED, "%s: lock", r->path);
		if (find_users(r, &u) == -1)
			return FAILED;
		if (u.n == 0 && locked == OURS)
			return OURS;
		if (u.n > 0 || ts.tv_nsec > ENDING_MAX) {
			say_used(r, &u, fd);
			return FAILED;
		}
		nanosleep(&ts, NULL);
	}
}

static int
unmount_base(const struct root *r)
{
	char *base;
	int rc;

	base = fdio_fmt("%.*s/%s", dir_len(r), r->path, r->name);
	rc = base == NULL ? msg_fail(-1, "%s", r->path) : unmount(r->fd, base);
	free(base);
	return rc;
}

int
root_remove(struct root *r, int held)
{
	int fd, rc = 0;

	fd = held != -1 ? held : root_open_lock(r, O_RDWR);
	if (fd == -1) {
		rc = errno;
		if (!is_named(r))
			return 0;
		errno = rc;
		return msg_fail(ST_LOCAL, "%s: lock", r->path);
	}
	switch (claim(r, fd)) {
	case OURS:
		rc = unmount_base(r) == -1 ? -1 : remove_base(r);
		break;
	case GONE:
		break;
	case HELD:
	case FAILED:
		rc = -1;
	}
	if (held == -1)
		close(fd);
	return rc == -1 ? ST_LOCAL : 0;
}

static int
make_lock(const struct root *r)
{
	int e, fd, rc;

	fd = openat(r->fd, "lock",
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || (rc = lock_try(fd, LOCK_EX)) == 1)
		return fd;
	e = rc == 0 ? EWOULDBLOCK : errno;
	close(fd);
	errno = e;
	return -1;
}

/* Six letters and digits after a point. */
static int
make_suffix(char suffix[SUFFIX_LEN + 1])
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	uint64_t n;
	int i;

	if (getentropy(&n, sizeof(n)) == -1)
		return -1;
	suffix[0] = '.';
	for (i = 1; i < SUFFIX_LEN; i++, n /= sizeof(set) - 1)
		suffix[i] = set[n % (sizeof(set) - 1)];
	suffix[i] = '\0';
	return 0;
}

/* The name and the path of a new BASE below the canonical path dir. */
static int
make_name(struct root *r, const char *dir, const char *prefix)
{
	char suffix[SUFFIX_LEN + 1];

	free(r->name);
	free(r->path);
	r->name = r->path = NULL;
	if (make_suffix(suffix) == -1 ||
	    (r->name = fdio_fmt("%s%s", prefix, suffix)) == NULL)
		return -1;
	r->path = fdio_fmt(
	    "%s/%s/root", strcmp(dir, "/") == 0 ? "" : dir, r->name);
	return r->path != NULL ? 0 : -1;
}

/*
 * BASE, hidden, its lock and root/: each is made and held by descriptor, since
 * others may be able to rename in the directory.
 */
static int
make_base(struct root *r, int *lock)
{
	char *hidden;
	int e, fd;

	if ((hidden = fdio_fmt(HIDDEN "%s", r->name)) == NULL)
		return -1;
	r->fd = newdir_make(r->parentfd, hidden, 0700);
	if (r->fd != -1 && (*lock = make_lock(r)) != -1 &&
	    (fd = newdir_make(r->fd, "root", 0755)) != -1) {
		close(fd);
		free(hidden);
		return 0;
	}
	e = errno;
	if (*lock != -1) {
		unlinkat(r->fd, "lock", 0);
		close(*lock);
		*lock = -1;
	}
	if (r->fd != -1) {
		remove_empty(r->parentfd, r->fd, hidden, r->path);
		close(r->fd);
		r->fd = -1;
	}
	free(hidden);
	errno = e;
	return -1;
}

static int
fail_replaced(const struct root *r)
{
	return msg_failx(-1,
	    "%.*s: the new root was replaced: another user renames here",
	    dir_len(r), r->path);
}

int
root_make(const char *dir, const char *prefix, struct root *r, int *lock)
{
	char *real;
	int races = 0, rc = -1;

	memset(r, 0, sizeof(*r));
	r->parentfd = r->fd = *lock = -1;
	if ((real = realpath(dir, NULL)) != NULL)
		r->parentfd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* a collector may take away what has no lock yet */
	if (r->parentfd != -1)
		do
			if ((rc = make_name(r, real, prefix)) == 0)
				rc = make_base(r, lock);
		while (rc == -1 && ++races < RACES_MAX &&
		       (errno == ENOENT || errno == EWOULDBLOCK ||
			   errno == EEXIST));
	if (rc == -1 && errno == ESTALE && r->path != NULL)
		fail_replaced(r);
	else if (rc == -1)
		msg_warn("%s", dir);
	free(real);
	if (rc == -1)
		root_close(r);
	return rc;
}

int
root_publish(struct root *r)
{
	char *hidden;
	int rc = -1;

	if ((hidden = fdio_fmt(HIDDEN "%s", r->name)) == NULL)
		msg_warn("%s", r->path);
	else if (!FAULT("root_publish") &&
		 renameat(r->parentfd, hidden, r->parentfd, r->name) == 0)
		rc = !FAULT("root_published") && is_named(r) ? 0
							     : fail_replaced(r);
	else if (fdio_is_named(r->parentfd, hidden, r->fd))
		msg_warn("%s", r->path);
	else
		fail_replaced(r);
	free(hidden);
	return rc;
}

void
root_discard(struct root *r)
{
	char *hidden, *path = root_hidden_path(r);

	if ((hidden = fdio_fmt(HIDDEN "%s", r->name)) != NULL && path != NULL) {
		if (is_named(r))
			renameat(r->parentfd, r->name, r->parentfd, hidden);
		/* whatever name it has by now: the list of mounts is by path */
		if (fdio_exists(r->fd, "upper"))
			sys_umount(r->fd, "root");
		remove_rest(r->parentfd, r->fd, hidden, path);
	}
	free(hidden);
	free(path);
}
