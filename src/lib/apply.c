/* See LICENSE. */
#include "apply.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applyimpl.h"
#include "fault.h"
#include "fdio.h"
#include "links.h"
#include "msg.h"
#include "path.h"
#include "rmtree.h"
#include "sys.h"

#define HOLE_MIN 4096
#define XATTRS_MAX 65536 /* bytes of one value: the kernel's limit */
#define WARNED_MAX 32
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY)

/*
 * Names that may be walked for one image in links and behind them; not again
 * while it is known where a link leads.  An image takes some hundred.
 */
#define WALK_FREE 65536
#define WALK_EACH 8 /* for each entry */

static int
fail(const struct apply *a, const char *path)
{
	return msg_fail(ST_LOCAL, "%s: layer %s: %s", a->name, a->digest, path);
}

static int
refuse(const struct apply *a, const char *path, const char *why)
{
	return msg_failx(ST_REFUSED, "%s: layer %s: %s: %s", a->name, a->digest,
	    path[0] != '\0' ? path : "/", why);
}

static int
over_walk(const struct apply *a)
{
	return a->walked > WALK_FREE + WALK_EACH * (a->seen + a->implied);
}

/*
 * What the kernel says no to because of the image is the image's fault; the
 * rest is this machine's.
 */
static int
fail_errno(const struct apply *a, const char *path)
{
	switch (errno) {
	case ELOOP:
		if (over_walk(a))
			return refuse(a, path,
			    "too many links on the way to this and earlier "
			    "entries");
		/* FALLTHROUGH */
	case ENAMETOOLONG:
	case ENOTDIR:
	case EXDEV:
		return refuse(a, path, strerror(errno));
	default:
		return fail(a, path);
	}
}

struct apply *
apply_new(int rootfd, const char *name, const struct apply_limits *limits)
{
	struct apply *a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->rootfd = rootfd;
	a->name = name;
	a->digest = "";
	a->parentfd = a->filefd = -1;
	a->uid = geteuid();
	a->gid = getegid();
	a->limits = *limits;
	if ((a->own = own_new()) == NULL || (a->warned = own_new()) == NULL ||
	    (a->links = links_new()) == NULL) {
		apply_free(a);
		return NULL;
	}
	return a;
}

void
apply_free(struct apply *a)
{
	if (a == NULL)
		return;
	if (a->parentfd != -1)
		close(a->parentfd);
	if (a->filefd != -1)
		close(a->filefd);
	free(a->caps);
	links_free(a->links);
	own_free(a->own);
	own_free(a->warned);
	free(a->parent);
	free(a);
}

/* The directory has the time again that it had before anything was put in. */
void
apply_forget_parent(struct apply *a)
{
	struct timespec ts[2] = {a->parenttime, a->parenttime};

	if (a->entered &&
	    (FAULT("apply_times") || futimens(a->parentfd, ts) == -1))
		a->time_error = errno;
	a->entered = 0;
	if (a->parentfd != -1)
		close(a->parentfd);
	a->parentfd = -1;
	free(a->parent);
	a->parent = NULL;
	if (a->stale)
		links_clear(a->links);
	a->stale = 0;
}

void
apply_layer(struct apply *a, const char *digest)
{
	a->digest = digest;
	a->layer++;
	own_clear(a->own);
	a->stale = 1;
	apply_forget_parent(a);
}

/* Splits a clean path: the directory ("" is the root) and the last name. */
static char *
split(char *path, const char **dir)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL) {
		*dir = "";
		return path;
	}
	*slash = '\0';
	*dir = path;
	return slash + 1;
}

/* Removes what has the name, whatever it is. */
int
apply_clear(struct apply *a, int dirfd, const char *name, const char *path)
{
	char *full;
	int rc;

	a->stale = 1;
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if ((full = fdio_fmt("%s: %s", a->name, path)) == NULL)
		return -1;
	rc = rmtree(dirfd, name, full);
	free(full);
	return rc;
}

/*
 * Marks the directory fd and those above it as having something of this layer
 * below, up to one that is marked already.
 */
static int
mark_up(struct apply *a, int fd, uint64_t ino)
{
	uint64_t below = 0;
	struct stat st;
	int rc, up;

	if ((up = openat(fd, ".", O_PATH | O_CLOEXEC)) == -1)
		return -1;
	while ((rc = own_add(a->own, ino, "")) == 0 && ino != a->rootino &&
	       ino != below) {
		fd = openat(up, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(up);
		if ((up = fd) == -1 || fstat(up, &st) == -1)
			break;
		below = ino;
		ino = st.st_ino;
	}
	if (up == -1 || rc == -1) {
		if (up != -1)
			close(up);
		return -1;
	}
	close(up);
	return 0;
}

/*
 * Makes name in dirfd a directory, in place of what is none.  What is above is
 * marked at once: the new inode's number may be one of a directory that this
 * layer had and removed.  The time of dirfd stays.
 */
static int
make_implied(void *arg, int dirfd, const char *name)
{
	static const struct timespec epoch[2];
	struct timespec ts[2];
	struct apply *a = arg;
	struct stat st;

	if (FAULT("apply_mkdir") || fstat(dirfd, &st) == -1)
		return -1;
	if (a->layer > 1 && mark_up(a, dirfd, st.st_ino) == -1)
		return -1;
	if (mkdirat(dirfd, name, 0755) == -1 &&
	    (errno != EEXIST || unlinkat(dirfd, name, 0) == -1 ||
		mkdirat(dirfd, name, 0755) == -1))
		return -1;
	a->stats.entries++;
	a->implied++;
	ts[0] = ts[1] = st.st_mtim;
	if (sys_has_default_acl(dirfd) && sys_clear_acl(dirfd, name) == -1)
		return -1;
	if (fchownat(dirfd, name, a->uid, a->gid, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fchmodat(dirfd, name, 0755, 0) == -1 ||
	    utimensat(dirfd, name, epoch, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	return futimens(dirfd, ts);
}

/*
 * Opens the part of the path that is there, which no link is in, and makes the
 * rest below it.
 */
static int
make_dirs(struct apply *a, const char *path)
{
	char *copy, *end, *name, *slash;
	int e, fd, up;

	if ((copy = strdup(path)) == NULL)
		return -1;
	end = copy + strlen(copy);
	do {
		if ((slash = strrchr(copy, '/')) != NULL)
			*slash = '\0';
		name = slash != NULL ? slash + 1 : copy;
		fd = sys_open_plain(
		    a->rootfd, slash != NULL ? copy : ".", DIR_FLAGS);
	} while (
	    fd == -1 && slash != NULL && (errno == ENOENT || errno == ENOTDIR));
	for (; fd != -1 && name < end; name += strlen(name) + 1) {
		up = fd;
		fd = make_implied(a, up, name) == 0
			 ? openat(up, name, DIR_FLAGS | O_NOFOLLOW | O_CLOEXEC)
			 : -1;
		e = errno;
		close(up);
		errno = e;
	}
	free(copy);
	return fd;
}

/* Through links, and notes where the last one leads. */
static int
walk(struct apply *a, const char *path, sys_missing *missing)
{
	struct sys_way way = {a->walked, -1, 0};
	int fd;

	if (over_walk(a)) {
		errno = ELOOP;
		return -1;
	}
	fd = sys_walk_in_root(a->rootfd, path, DIR_FLAGS, missing, a, &way);
	a->walked = way.names;
	if (way.fd != -1)
		links_add(a->links, path, way.len, way.fd);
	return fd;
}

/*
 * Opens a directory by path, resolved in the root.  With missing, what is not
 * there is made.
 */
static int
open_dir(struct apply *a, const char *path, sys_missing *missing)
{
	int fd;

	path = *path != '\0' ? path : ".";
	if ((fd = sys_open_plain(a->rootfd, path, DIR_FLAGS)) != -1)
		return fd;
	if (missing != NULL && (errno == ENOENT || errno == ENOTDIR))
		return make_dirs(a, path);
	if (errno != ELOOP && errno != ENOSYS)
		return -1;
	if (errno == ELOOP && (fd = links_open(a->links, path)) != -1)
		return fd;
	return walk(a, path, missing);
}

/*
 * The directory that an entry goes to: in a->parentfd, its inode in
 * a->parentino.  Missing ones are made, unless the entry is a whiteout: then 1
 * says that there is none.  0, 1, or -1 and errno.
 */
static int
enter(struct apply *a, const char *dir, int whiteout)
{
	struct stat st;

	if (a->parent == NULL || a->stale || strcmp(a->parent, dir) != 0) {
		apply_forget_parent(a);
		a->parentfd = open_dir(a, dir, whiteout ? NULL : make_implied);
		if (a->parentfd == -1 && whiteout &&
		    (errno == ENOENT || errno == ENOTDIR))
			return 1;
		if (a->parentfd == -1 || fstat(a->parentfd, &st) == -1 ||
		    (a->parent = strdup(dir)) == NULL) {
			int e = errno;

			apply_forget_parent(a);
			errno = e;
			return -1;
		}
		a->parentino = st.st_ino;
		a->parenttime = st.st_mtim;
		a->entered = 1;
		a->acl = sys_has_default_acl(a->parentfd);
		a->inherits = a->acl || (st.st_mode & S_ISGID) != 0 ||
			      st.st_gid != a->gid;
		a->marked = a->layer == 1;
	}
	if (whiteout || a->marked)
		return 0;
	a->marked = 1;
	return mark_up(a, a->parentfd, a->parentino);
}

/* --- attributes --- */

static int
is_skipped_xattr(const char *name)
{
	return strcmp(name, "security.selinux") == 0 ||
	       strcmp(name, "system.nfs4_acl") == 0 ||
	       strncmp(name, "trusted.overlay.", 16) == 0 ||
	       strncmp(name, "user.overlay.", 13) == 0;
}

/* Warns once for each attribute or kind of thing that cannot be made here. */
static void
warn_once(struct apply *a, const char *what, const char *path)
{
	if (a->nwarned == WARNED_MAX || own_add(a->warned, 0, what) != 0)
		return;
	a->nwarned++;
	msg_warn("%s: warning: %s: %s", a->name, path, what);
}

static const char capability[] = "security.capability";

/* Writing takes it away: set when the file is complete. */
static int
keep_capability(struct apply *a, const struct layer_xattr *x)
{
	if ((a->caps = malloc(x->size + 1)) == NULL)
		return -1;
	memcpy(a->caps, x->value, x->size);
	a->capsize = x->size;
	return 0;
}

static void
set_capability(struct apply *a)
{
	if (a->caps != NULL &&
	    sys_xattr_set(a->filefd, "", capability, a->caps, a->capsize) == -1)
		warn_once(a, capability, a->filepath);
	free(a->caps);
	a->caps = NULL;
}

/*
 * Some file systems say that they are full when an attribute is larger than
 * they can hold.
 */
static int
is_full(const struct apply *a)
{
	struct statvfs sv;

	if (fstatvfs(a->rootfd, &sv) == -1)
		return 1;
	return (uint64_t)sv.f_bfree * sv.f_frsize <= XATTRS_MAX ||
	       (sv.f_files > 0 && sv.f_ffree <= XATTRS_MAX / 1024);
}

/* Whether the attribute is one that cannot be had here, by errno. */
static int
is_refused_xattr(const struct apply *a)
{
	int e = errno, refused;

	switch (e) {
	case E2BIG:
	case EINVAL:
	case ENOSYS:
	case ENOTSUP:
	case EPERM:
	case ERANGE:
		return 1;
	case ENOSPC:
		refused = !is_full(a);
		errno = e;
		return refused;
	default:
		return 0;
	}
}

static int
set_xattrs(
    struct apply *a, int fd, const char *name, const struct layer_entry *e)
{
	const struct layer_xattr *x;
	size_t i;

	for (i = 0; i < e->nxattrs; i++) {
		x = &e->xattrs[i];
		if (is_skipped_xattr(x->name))
			continue;
		if (x->size > XATTRS_MAX)
			return refuse(
			    a, e->path, "an extended attribute is over 64 KiB");
		if (a->filefd != -1 && strcmp(x->name, capability) == 0) {
			if (keep_capability(a, x) == -1)
				return fail(a, e->path);
			continue;
		}
		if (sys_xattr_set(fd, name, x->name, x->value, x->size) == 0)
			continue;
		if (!is_refused_xattr(a))
			return msg_fail(ST_LOCAL, "%s: layer %s: %s: %s",
			    a->name, a->digest, e->path, x->name);
		warn_once(a, x->name, e->path);
	}
	return 0;
}

/* What a lower layer gave a directory that this layer lists anew. */
static int
clear_xattrs(struct apply *a, int fd, const struct layer_entry *e)
{
	char *list, *p;
	ssize_t n;

	if ((n = sys_xattr_list(fd, "", NULL, 0)) <= 0)
		return 0;
	if ((list = malloc((size_t)n)) == NULL)
		return fail(a, e->path);
	n = sys_xattr_list(fd, "", list, (size_t)n);
	for (p = list; p < list + n; p += strlen(p) + 1)
		if (!is_skipped_xattr(p))
			sys_xattr_remove(fd, "", p);
	free(list);
	return 0;
}

/* Owner, then mode: the first may undo the second. */
static int
set_attributes(struct apply *a, int fd, const struct layer_entry *e, int fresh)
{
	int forced = !fresh || a->inherits;

	if (fresh && a->acl && sys_clear_acl(fd, "") == -1)
		return fail(a, e->path);
	if ((forced || e->uid != a->uid || e->gid != a->gid) &&
	    fchown(fd, (uid_t)e->uid, (gid_t)e->gid) == -1)
		return fail(a, e->path);
	if ((forced || (e->mode & 07000) != 0) && fchmod(fd, e->mode) == -1)
		return fail(a, e->path);
	return 0;
}

static const struct timespec *
times_of(const struct layer_entry *e, struct timespec ts[2])
{
	static const struct timespec epoch;

	ts[0] = ts[1] = e->has_mtime ? e->mtime : epoch;
	return ts;
}

/* --- kinds of entries --- */

static int
make_file(struct apply *a, const char *name, const struct layer_entry *e)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd, rc;

	fd = FAULT("apply_open")
		 ? -1
		 : openat(a->parentfd, name, flags, e->mode & 0777);
	if (fd == -1 && errno == EEXIST) {
		if (apply_clear(a, a->parentfd, name, e->path) == -1)
			return ST_LOCAL;
		fd = openat(a->parentfd, name, flags, e->mode & 0777);
	}
	if (fd == -1)
		return fail_errno(a, e->path);
	a->filefd = fd;
	snprintf(a->filepath, sizeof(a->filepath), "%s", e->path);
	a->filesize = e->size;
	a->fileend = 0;
	times_of(e, a->filetimes);
	rc = set_attributes(a, fd, e, 1);
	return rc == 0 ? set_xattrs(a, fd, "", e) : rc;
}

static int
make_dir(struct apply *a, const char *name, const struct layer_entry *e)
{
	int fd, fresh = 1, rc;
	struct timespec ts[2];
	struct stat st;

	if (FAULT("apply_mkdir"))
		return fail(a, e->path);
	if (mkdirat(a->parentfd, name, e->mode & 0777) == -1) {
		if (errno != EEXIST)
			return fail_errno(a, e->path);
		if (fstatat(a->parentfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return fail(a, e->path);
		if (S_ISDIR(st.st_mode))
			fresh = 0;
		else if (apply_clear(a, a->parentfd, name, e->path) == -1)
			return ST_LOCAL;
		else if (mkdirat(a->parentfd, name, e->mode & 0777) == -1)
			return fail(a, e->path);
	}
	fd = openat(
	    a->parentfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		rc = fail(a, e->path);
	else if ((fresh || (rc = clear_xattrs(a, fd, e)) == 0) &&
		 (rc = set_attributes(a, fd, e, fresh)) == 0 &&
		 (rc = set_xattrs(a, fd, "", e)) == 0 &&
		 futimens(fd, times_of(e, ts)) == -1)
		rc = fail(a, e->path);
	if (fd != -1)
		close(fd);
	return rc;
}

/* Owner, mode, xattrs and times of what has no descriptor. */
static int
set_by_name(struct apply *a, const char *name, const struct layer_entry *e)
{
	struct timespec ts[2];
	int rc;

	if ((a->inherits || e->uid != a->uid || e->gid != a->gid) &&
	    fchownat(a->parentfd, name, (uid_t)e->uid, (gid_t)e->gid,
		AT_SYMLINK_NOFOLLOW) == -1)
		return fail(a, e->path);
	if (a->acl && e->type != LAYER_SYMLINK &&
	    sys_clear_acl(a->parentfd, name) == -1)
		return fail(a, e->path);
	/* fresh, and no link: fchmodat(2) cannot be led astray */
	if (e->type != LAYER_SYMLINK &&
	    fchmodat(a->parentfd, name, e->mode, 0) == -1)
		return fail(a, e->path);
	if ((rc = set_xattrs(a, a->parentfd, name, e)) != 0)
		return rc;
	if (utimensat(
		a->parentfd, name, times_of(e, ts), AT_SYMLINK_NOFOLLOW) == -1)
		return fail(a, e->path);
	return 0;
}

static int
make_node(struct apply *a, const char *name, const struct layer_entry *e)
{
	mode_t type;

	if (e->type == LAYER_SYMLINK)
		return symlinkat(e->link, a->parentfd, name);
	type = e->type == LAYER_CHAR	? S_IFCHR
	       : e->type == LAYER_BLOCK ? S_IFBLK
					: S_IFIFO;
	return mknodat(a->parentfd, name, type | (e->mode & 0777),
	    makedev(e->major, e->minor));
}

static int
make_special(struct apply *a, const char *name, const struct layer_entry *e)
{
	int rc;

	if (e->type == LAYER_SYMLINK && e->link[0] == '\0')
		return refuse(a, e->path, "a link to nothing");
	rc = make_node(a, name, e);
	if (rc == -1 && errno == EEXIST) {
		if (apply_clear(a, a->parentfd, name, e->path) == -1)
			return ST_LOCAL;
		rc = make_node(a, name, e);
	}
	if (rc == 0)
		return set_by_name(a, name, e);
	if (errno == EPERM &&
	    (e->type == LAYER_CHAR || e->type == LAYER_BLOCK)) {
		warn_once(a, "a device cannot be made", e->path);
		return 0;
	}
	if (errno == EINVAL && e->type != LAYER_SYMLINK)
		return refuse(a, e->path, "no such device number");
	return fail_errno(a, e->path);
}

/* Whether both names are one inode. */
static int
is_same(int fd1, const char *name1, int fd2, const char *name2)
{
	struct stat s1, s2;

	return fstatat(fd1, name1, &s1, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(fd2, name2, &s2, AT_SYMLINK_NOFOLLOW) == 0 &&
	       s1.st_dev == s2.st_dev && s1.st_ino == s2.st_ino;
}

static int
link_to(struct apply *a, const char *name, int targetfd, const char *target,
    const struct layer_entry *e)
{
	struct stat st;

	if (fstatat(targetfd, target, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? refuse(a, e->path,
					     "its hardlink target is not there")
				       : fail_errno(a, e->path);
	if (S_ISDIR(st.st_mode))
		return refuse(a, e->path, "a hardlink to a directory");
	if (linkat(targetfd, target, a->parentfd, name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return fail_errno(a, e->path);
	if (is_same(targetfd, target, a->parentfd, name))
		return 0;
	if (apply_clear(a, a->parentfd, name, e->path) == -1)
		return ST_LOCAL;
	if (linkat(targetfd, target, a->parentfd, name, 0) == 0)
		return 0;
	if (errno == ENOENT)
		return refuse(a, e->path, "its hardlink target is not there");
	return fail_errno(a, e->path);
}

static int
make_hardlink(struct apply *a, const char *name, const struct layer_entry *e)
{
	const char *dir;
	char *last, *target;
	int fd, rc;

	if ((target = strdup(e->link)) == NULL)
		return fail(a, e->path);
	path_clean(target, 1);
	last = split(target, &dir);
	if (*last == '\0')
		rc = refuse(a, e->path, "a hardlink to a directory");
	else if ((fd = open_dir(a, dir, NULL)) == -1)
		rc = errno == ENOENT || errno == ENOTDIR
			 ? refuse(
			       a, e->path, "its hardlink target is not there")
			 : fail_errno(a, e->path);
	else {
		rc = link_to(a, name, fd, last, e);
		close(fd);
	}
	free(target);
	return rc;
}

/* --- one entry --- */

/* Names that begin with .wh. are whiteouts, or wrong. */
static int
is_marker(const char *name)
{
	return strncmp(name, ".wh.", 4) == 0;
}

/* Whether some component begins with .wh..wh. (aufs's own, but the last may
 * be an opaque marker): the entry is nothing. */
static int
is_aufs(const char *path)
{
	const char *s = path, *next;

	for (; s != NULL; s = next) {
		next = strchr(s, '/');
		if (next != NULL)
			next++;
		if (strncmp(s, ".wh..wh.", 8) == 0 &&
		    (next != NULL || strcmp(s, ".wh..wh..opq") != 0))
			return 1;
	}
	return 0;
}

static const char *
bad_path(const char *path)
{
	const char *s;
	size_t n;

	if (strlen(path) >= PATH_MAX)
		return "the path is over 4095 bytes";
	for (s = path; *s != '\0'; s += s[n] == '/' ? n + 1 : n) {
		n = strcspn(s, "/");
		if (n > NAME_MAX)
			return "a name is over 255 bytes";
		if (s[n] == '/' && is_marker(s))
			return "below a whiteout";
	}
	return NULL;
}

static int
apply_marker(struct apply *a, const char *dir, const char *name,
    const struct layer_entry *e)
{
	const char *victim = name + 4;
	int rc;

	if (*victim == '\0' || strcmp(victim, ".") == 0 ||
	    strcmp(victim, "..") == 0)
		return refuse(a, e->path, "a whiteout of no name");
	/* nothing is below the lowest layer */
	if (a->layer == 1)
		return 0;
	if ((rc = enter(a, dir, 1)) == -1)
		return fail_errno(a, e->path);
	if (rc == 1)
		return 0;
	if (strcmp(name, ".wh..wh..opq") == 0)
		rc = prune_opaque(a, a->parentfd);
	else
		rc = prune_name(a, a->parentfd, a->parentino, victim);
	return rc == -1 ? fail_errno(a, e->path) : 0;
}

static int
make_entry(struct apply *a, const char *name, const struct layer_entry *e)
{
	switch (e->type) {
	case LAYER_FILE:
		return make_file(a, name, e);
	case LAYER_DIR:
		return make_dir(a, name, e);
	case LAYER_HARDLINK:
		return make_hardlink(a, name, e);
	default:
		return make_special(a, name, e);
	}
}

static int
over_limit(const struct apply *a, uint64_t limit, const char *what)
{
	return msg_failx(ST_REFUSED, "%s: layer %s: over the limit of %llu %s",
	    a->name, a->digest, (unsigned long long)limit, what);
}

static int
apply_clean(struct apply *a, char *path, const struct layer_entry *e)
{
	const char *dir, *why;
	char *name;
	int rc;

	if (*path == '\0')
		return e->type == LAYER_DIR
			   ? 0
			   : refuse(a, e->path, "the root is not a directory");
	if (is_aufs(path))
		return 0;
	if ((why = bad_path(path)) != NULL)
		return refuse(a, e->path, why);
	if (e->uid > UINT32_MAX - 1 || e->gid > UINT32_MAX - 1)
		return refuse(a, e->path, "no such user id");
	name = split(path, &dir);
	if (is_marker(name))
		rc = apply_marker(a, dir, name, e);
	else if (enter(a, dir, 0) == -1)
		rc = fail_errno(a, e->path);
	else if (a->layer > 1 && own_add(a->own, a->parentino, name) == -1)
		rc = fail(a, e->path);
	else if (a->seen + a->implied > a->limits.entries)
		rc = over_limit(a, a->limits.entries, "entries");
	else {
		a->stats.entries++;
		rc = make_entry(a, name, e);
	}
	return rc;
}

int
apply_entry(struct apply *a, const struct layer_entry *e)
{
	struct stat st;
	char *path;
	int rc;

	if ((rc = apply_close(a)) != 0)
		return rc;
	if (a->rootino == 0) {
		if (fstat(a->rootfd, &st) == -1)
			return fail(a, "/");
		a->rootino = st.st_ino;
	}
	if (++a->seen > a->limits.entries)
		return over_limit(a, a->limits.entries, "entries");
	if (e->path[0] == '\0')
		return refuse(a, "", "an entry without a name");
	if ((path = strdup(e->path)) == NULL)
		return fail(a, e->path);
	if (path_clean(path, 0) == -1)
		rc = refuse(a, e->path, "leads out of the root");
	else
		rc = apply_clean(a, path, e);
	free(path);
	return rc;
}

/* What holds nothing takes no room. */
static int
is_hole(const char *p, size_t len)
{
	return len >= HOLE_MIN && *p == '\0' && memcmp(p, p + 1, len - 1) == 0;
}

static int
write_data(struct apply *a, const char *p, size_t len, uint64_t offset)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n, offset += (uint64_t)n, p += n) {
		n = FAULT("apply_write") ? -1
		    : offset == a->fileend
			? write(a->filefd, p, len)
			: pwrite(a->filefd, p, len, (off_t)offset);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return fail(a, a->filepath);
		else if (offset == a->fileend)
			a->fileend += (uint64_t)n;
		a->stats.bytes += (uint64_t)n;
	}
	return 0;
}

int
apply_data(struct apply *a, const void *data, size_t len, uint64_t offset)
{
	if (a->filefd == -1)
		return 0;
	if (offset > a->filesize || len > a->filesize - offset ||
	    a->filesize > INT64_MAX)
		return refuse(a, a->filepath, "more data than its size");
	if (len > a->limits.bytes - a->taken)
		return over_limit(a, a->limits.bytes, "bytes");
	a->taken += len;
	return is_hole(data, len) ? 0 : write_data(a, data, len, offset);
}

int
apply_close(struct apply *a)
{
	int rc = 0;

	if (a->filefd == -1)
		return 0;
	if (a->fileend != a->filesize &&
	    (a->filesize > INT64_MAX ||
		ftruncate(a->filefd, (off_t)a->filesize) == -1))
		rc = fail(a, a->filepath);
	set_capability(a);
	if (rc == 0 && futimens(a->filefd, a->filetimes) == -1)
		rc = fail(a, a->filepath);
	if (close(a->filefd) == -1 && rc == 0)
		rc = fail(a, a->filepath);
	a->filefd = -1;
	return rc;
}

int
apply_finish(struct apply *a, struct apply_stats *stats)
{
	int rc;

	if ((rc = apply_close(a)) != 0)
		return rc;
	apply_forget_parent(a);
	if ((errno = a->time_error) != 0)
		return msg_fail(ST_LOCAL, "%s: directory times", a->name);
	*stats = a->stats;
	return 0;
}
