/* See LICENSE. */
#include "gc.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "config.h"
#include "fault.h"
#include "fdio.h"
#include "lock.h"
#include "msg.h"
#include "rmtree.h"
#include "root.h"
#include "sys.h"

#define START_SECONDS 60 /* from chrun's mark to the command, at most */

/* Strings, owned. */
struct list {
	char **v;
	size_t n;
};

static int
list_add(struct list *l, const char *s)
{
	char **v;

	if ((v = realloc(l->v, (l->n + 1) * sizeof(*v))) == NULL)
		return -1;
	l->v = v;
	if ((v[l->n] = strdup(s)) == NULL)
		return -1;
	l->n++;
	return 0;
}

static void
list_free(struct list *l)
{
	while (l->n > 0)
		free(l->v[--l->n]);
	free(l->v);
	l->v = NULL;
}

static int
by_string(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
list_has(const struct list *l, const char *s)
{
	return l->n > 0 &&
	       bsearch(&s, l->v, l->n, sizeof(*l->v), by_string) != NULL;
}

/*
 * The names in a directory, read before any of them changes.  A directory that
 * is not there is empty.  name is for messages.  0, or -1 after one.
 */
static int
list_directory(int dirfd, const char *path, const char *name, struct list *l)
{
	struct dirent *e;
	DIR *d;
	int fd, rc = 0;

	fd = openat(
	    dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : msg_fail(-1, "%s", name);
	if (FAULT("gc_list") || (d = fdopendir(fd)) == NULL) {
		msg_warn("%s", name);
		close(fd);
		return -1;
	}
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = list_add(l, e->d_name);
	if (errno != 0)
		rc = msg_fail(-1, "%s", name);
	closedir(d);
	return rc;
}

/* The same for a directory of the store. */
static int
list_stored(const struct gc *gc, const char *path, struct list *l)
{
	char *name;
	int rc;

	if ((name = fdio_fmt("%s/%s", store_path(gc->store), path)) == NULL)
		return msg_fail(-1, "%s", path);
	rc = list_directory(store_fd(gc->store), path, name, l);
	free(name);
	return rc;
}

static void
say(const struct gc *gc, const char *what, const char *name)
{
	if (gc->verbose)
		msg_say("removing %s %s", what, name);
}

/* --- roots --- */

static void
count_user(void *arg, pid_t pid)
{
	(void)pid;
	++*(size_t *)arg;
}

/* Whether processes are in the root: 1, 0; -1 after a message. */
static int
has_users(const struct root *r)
{
	static int said;
	size_t users = 0;
	int rc;

	rc = sys_users_of(r->path, count_user, &users);
	if (rc == -1)
		return msg_fail(-1, "%s: processes", r->path);
	if (rc == 1 && !said) {
		msg_warnx("/proc: not mounted: it cannot be told who uses "
			  "roots, they stay");
		said = 1;
	}
	return rc == 1 ? -1 : users > 0;
}

/* Whether the root, whose lock is ours, has outlived its use: 1, 0; -1 after a
 * message. */
static int
is_stale(const struct gc *gc, const struct root *r)
{
	struct stat st;
	int used;

	if ((used = has_users(r)) != 0) {
		if (used == 1)
			unlinkat(r->fd, "idle", 0);
		return used == 1 ? 0 : -1;
	}
	used = fstatat(r->fd, "idle", &st, AT_SYMLINK_NOFOLLOW) == -1;
	if (fstatat(r->fd, "remove", &st, AT_SYMLINK_NOFOLLOW) == 0)
		/* chrun marks it a moment before anybody is in it */
		return used || gc->hours == 0 ||
		       boot_age(r->fd, "remove") >= START_SECONDS;
	if (used) {
		if (boot_note_idle(r->fd) == -1)
			msg_warn("%s: idle", r->path);
		return gc->hours == 0;
	}
	return boot_age(r->fd, "idle") >= gc->hours * 3600;
}

/* Removes the open root, if it is stale. */
static int
collect_open(const struct gc *gc, struct root *r)
{
	int lock, rc;

	if ((lock = root_open_lock(r, O_RDWR)) == -1)
		/* another removes it */
		return errno == ENOENT
			   ? 0
			   : msg_fail(ST_LOCAL, "%s: lock", r->path);
	if ((rc = lock_try(lock, LOCK_EX)) == -1)
		msg_warn("%s: lock", r->path);
	else if (rc == 1)
		rc = is_stale(gc, r);
	if (rc == 1) {
		say(gc, "root", r->path);
		rc = root_remove(r, lock);
	}
	close(lock);
	return rc == 0 ? 0 : ST_LOCAL;
}

/* Adds the path of one that stays and is not known to be on disk. */
static int
collect_root(const struct gc *gc, const char *dir, const char *name,
    struct list *unsynced)
{
	const char *why;
	struct root r;
	char *path;
	int rc = 0;

	if ((path = fdio_fmt("%s/%s/root", dir, name)) == NULL)
		return msg_fail(ST_LOCAL, "%s", dir);
	switch (root_open(path, &r, &why)) {
	case 0:
		rc = collect_open(gc, &r);
		if (boot_of(r.fd) == BOOT_THIS &&
		    list_add(unsynced, r.path) == -1)
			rc = msg_fail(ST_LOCAL, "%s", r.path);
		root_close(&r);
		break;
	case -1:
		/* a file, another's directory, or removed meanwhile */
		if (errno != ENOENT && errno != ENOTDIR)
			rc = msg_fail(ST_LOCAL, "%s", path);
	}
	free(path);
	return rc;
}

static int
collect_half_root(
    const struct gc *gc, int dirfd, const char *dir, const char *name)
{
	int rc;

	rc = root_remove_half(dirfd, dir, name);
	if (rc == 1 && gc->verbose)
		msg_say("removed half a root %s/%s", dir, name);
	return rc == -1 ? ST_LOCAL : 0;
}

/* A directory that is not there has none. */
static int
collect_roots(const struct gc *gc, const char *dir, struct list *unsynced)
{
	struct list l = {NULL, 0};
	int dirfd, rc = 0, rc1;
	char *real;
	size_t i;

	/* as the list of mounts has it */
	if ((real = realpath(dir, NULL)) == NULL)
		return errno == ENOENT ? 0 : msg_fail(ST_LOCAL, "%s", dir);
	dirfd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		rc = msg_fail(ST_LOCAL, "%s", dir);
	else if (list_directory(dirfd, ".", real, &l) == -1)
		rc = ST_LOCAL;
	for (i = 0; i < l.n; i++) {
		rc1 = l.v[i][0] == '.'
			  ? collect_half_root(gc, dirfd, real, l.v[i])
			  : collect_root(gc, real, l.v[i], unsynced);
		if (rc1 != 0)
			rc = rc1;
	}
	list_free(&l);
	if (dirfd != -1)
		close(dirfd);
	free(real);
	return rc;
}

/* Each file system once: an error is not told a second time. */
static int
sync_roots(const struct list *paths)
{
	const char *why;
	struct root r;
	struct stat st;
	dev_t dev = 0;
	int rc = 0, synced = 0;
	size_t i;

	for (i = 0; i < paths->n; i++) {
		/* perhaps somebody else has removed it */
		if (root_open(paths->v[i], &r, &why) != 0)
			continue;
		if (fstat(r.fd, &st) == 0 && st.st_dev != dev) {
			dev = st.st_dev;
			synced = !FAULT("gc_sync") && sys_sync_fs(r.fd) == 0;
			if (!synced)
				rc = msg_fail(ST_LOCAL, "%s: sync", r.path);
		}
		if (synced && boot_unmark(r.fd) == -1)
			rc = msg_fail(ST_LOCAL, "%s: boot", r.path);
		root_close(&r);
	}
	return rc;
}

int
gc_roots(const struct gc *gc, const char *const *dirs, size_t n)
{
	struct list unsynced = {NULL, 0};
	int rc = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (collect_roots(gc, dirs[i], &unsynced) != 0)
			rc = ST_LOCAL;
	if (sync_roots(&unsynced) != 0)
		rc = ST_LOCAL;
	list_free(&unsynced);
	return rc;
}

/* --- images --- */

static int
add_name(void *arg, const char *name, const char *digest)
{
	(void)name;
	return list_add(arg, ref_digest_hex(digest));
}

/*
 * Opens and locks images/NAME.  -1 and errno: EWOULDBLOCK when somebody works
 * on it; see is_taken.
 */
static int
lock_image(const struct gc *gc, const char *name)
{
	char *path;
	int e, fd, rc;

	if ((path = fdio_fmt("images/%s", name)) == NULL)
		return -1;
	fd = openat(store_fd(gc->store), path,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	free(path);
	if (fd == -1)
		return -1;
	if ((rc = FAULT("gc_lock") ? -1 : lock_try(fd, LOCK_EX)) == 1)
		return fd;
	e = rc == 0 ? EWOULDBLOCK : errno;
	close(fd);
	errno = e;
	return -1;
}

/* Whether lock_image failed for one in use, or one that is no image by now. */
static int
is_taken(void)
{
	return errno == EWOULDBLOCK || errno == ENOENT || errno == ENOTDIR ||
	       errno == ELOOP;
}

/* Removes images/NAME, whose lock is held. */
static int
remove_tree(const struct gc *gc, const char *name)
{
	char *half, *path, *whole;
	int fd = store_fd(gc->store), rc = -1;

	whole = fdio_fmt("images/%s", name);
	half = fdio_fmt("images/%s%s", name[0] == '.' ? "" : ".", name);
	path = fdio_fmt("%s/images/%s", store_path(gc->store), name);
	if (whole == NULL || half == NULL || path == NULL ||
	    (name[0] != '.' &&
		(FAULT("image_hide") || renameat(fd, whole, fd, half) == -1)))
		msg_warn("%s", name);
	else
		rc = rmtree(fd, half, path);
	free(half);
	free(path);
	free(whole);
	return rc == -1 ? ST_LOCAL : 0;
}

static int
same_image(void *arg, const char *name, const char *digest)
{
	(void)name;
	return strcmp(arg, ref_digest_hex(digest)) == 0;
}

/*
 * Asked again once the image is locked: chr-pull names what it has locked.  -1
 * after a message.
 */
static int
is_named(const struct gc *gc, char *hex)
{
	return store_names(gc->store, same_image, hex);
}

/* Whether name, perhaps hidden, is what the store calls images and blobs. */
static int
is_hex(const char *name, const char *suffix)
{
	size_t n;

	name += name[0] == '.';
	n = strspn(name, "0123456789abcdef");
	return (n == 64 || n == 128) && strcmp(name + n, suffix) == 0;
}

static int
collect_image(const struct gc *gc, char *name)
{
	int fd, kept, rc = 0;

	if ((fd = lock_image(gc, name)) == -1)
		return is_taken() ? 0
				  : msg_fail(ST_LOCAL, "%s/images/%s: lock",
					store_path(gc->store), name);
	kept = name[0] == '.' ? 0 : is_named(gc, name);
	if (kept == 0 && name[0] != '.')
		kept = gc_has_overlays(gc->store, name);
	if (kept == 0) {
		say(gc, "image", name);
		rc = remove_tree(gc, name);
	}
	close(fd);
	return kept == -1 ? ST_LOCAL : rc;
}

int
gc_images(const struct gc *gc)
{
	struct list images = {NULL, 0}, named = {NULL, 0};
	int rc = 0;
	size_t i;

	if (list_stored(gc, "images", &images) == -1 ||
	    store_names(gc->store, add_name, &named) != 0)
		rc = ST_LOCAL;
	else if (named.n > 0)
		qsort(named.v, named.n, sizeof(*named.v), by_string);
	for (i = 0; rc == 0 && i < images.n; i++)
		if (is_hex(images.v[i], "") && !list_has(&named, images.v[i]))
			rc = collect_image(gc, images.v[i]);
	list_free(&images);
	list_free(&named);
	return rc;
}

/* --- blobs --- */

/* The list of blobs of images/NAME: 1; 0 when there is none; -1 and errno. */
static int
mark_listed(const struct gc *gc, const char *name, struct list *needed)
{
	char **v, **p, *path;
	int rc = 1;

	if ((path = fdio_fmt("images/%s/blobs", name)) == NULL)
		return -1;
	v = config_read(store_fd(gc->store), path);
	if (v == NULL)
		rc = errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	for (p = v; rc == 1 && p != NULL && *p != NULL; p++)
		if (ref_digest_ok(*p) &&
		    list_add(needed, ref_digest_hex(*p)) == -1)
			rc = -1;
	free(v);
	free(path);
	return rc;
}

/* What an image needs; a half-made one only while somebody makes it. */
static int
mark_image(const struct gc *gc, const char *name, struct list *needed)
{
	int fd, rc;

	if (FAULT("gc_mark"))
		return -1;
	if (name[0] == '.') {
		if ((fd = lock_image(gc, name)) != -1) {
			close(fd);
			return 0;
		}
		if (!is_taken())
			return -1;
	}
	rc = mark_listed(gc, name, needed);
	/* it may have got its name since it was seen */
	if (rc == 0 && name[0] == '.')
		rc = mark_listed(gc, name + 1, needed);
	return rc == -1 ? -1 : 0;
}

static int
mark(const struct gc *gc, struct list *needed)
{
	struct list images = {NULL, 0};
	size_t i;
	int rc;

	rc = list_stored(gc, "images", &images);
	for (i = 0; rc == 0 && i < images.n; i++)
		if ((rc = mark_image(gc, images.v[i], needed)) == -1)
			msg_warnx("%s/images/%s/blobs: %s",
			    store_path(gc->store), images.v[i], fdio_why());
	list_free(&images);
	if (needed->n > 0)
		qsort(needed->v, needed->n, sizeof(*needed->v), by_string);
	return rc;
}

/*
 * A part or spool that somebody writes is locked: 1.  0; -1 and errno, EINVAL
 * for what no chr-pull has made.
 */
static int
is_locked(int dirfd, const char *name)
{
	int e, fd, rc;

	fd = fdio_open_file(dirfd, name, O_RDWR | O_NOFOLLOW);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	rc = FAULT("gc_part") ? -1 : lock_try(fd, LOCK_EX);
	e = errno;
	close(fd);
	errno = e;
	return rc == -1 ? -1 : rc == 0;
}

/* 1, 0, or -1 and errno. */
static int
is_needed(int dirfd, const char *name, const struct list *needed)
{
	size_t n = strlen(name);
	char hex[160];
	int rc;

	if (name[0] != '.')
		return list_has(needed, name);
	if ((rc = is_locked(dirfd, name)) != 0)
		return rc == -1 && errno == EINVAL ? 0 : rc;
	if (n < 6 || n >= sizeof(hex) || strcmp(name + n - 5, ".part") != 0)
		return 0;
	memcpy(hex, name + 1, n - 6);
	hex[n - 6] = '\0';
	return list_has(needed, hex);
}

static int
is_blob(const char *name)
{
	return name[0] != '.'
		   ? is_hex(name, "")
		   : is_hex(name, ".part") || strncmp(name, ".spool.", 7) == 0;
}

/* Only those of the list, if there is one. */
static int
sweep(const struct gc *gc, const char *path, const struct list *needed,
    const struct list *only)
{
	struct list blobs = {NULL, 0};
	int fd, kept, rc = 0;
	size_t i;

	fd = openat(store_fd(gc->store), path,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0
				       : msg_fail(ST_LOCAL, "%s/%s",
					     store_path(gc->store), path);
	if (list_stored(gc, path, &blobs) == -1)
		rc = ST_LOCAL;
	for (i = 0; i < blobs.n; i++) {
		if (!is_blob(blobs.v[i]) ||
		    (only != NULL && !list_has(only, blobs.v[i])) ||
		    (kept = is_needed(fd, blobs.v[i], needed)) == 1)
			continue;
		if (kept == 0)
			say(gc, "blob", blobs.v[i]);
		if (kept == -1 || FAULT("blob_unlink") ||
		    (unlinkat(fd, blobs.v[i], 0) == -1 && errno != ENOENT))
			rc = msg_fail(ST_LOCAL, "%s/%s/%s",
			    store_path(gc->store), path, blobs.v[i]);
	}
	list_free(&blobs);
	close(fd);
	return rc;
}

static int
collect_blobs(const struct gc *gc, const struct list *only)
{
	struct list needed = {NULL, 0};
	int lock, rc, rc512;

	lock = openat(store_fd(gc->store), "blobs",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (lock == -1)
		return errno == ENOENT ? 0
				       : msg_fail(ST_LOCAL, "%s/blobs",
					     store_path(gc->store));
	if (lock_wait(lock, LOCK_EX) == -1)
		rc = msg_fail(
		    ST_LOCAL, "%s/blobs: lock", store_path(gc->store));
	else if (mark(gc, &needed) == -1)
		rc = ST_LOCAL;
	else {
		rc = sweep(gc, "blobs/sha256", &needed, only);
		rc512 = sweep(gc, "blobs/sha512", &needed, only);
		if (rc == 0)
			rc = rc512;
	}
	list_free(&needed);
	close(lock);
	return rc;
}

int
gc_blobs(const struct gc *gc)
{
	return collect_blobs(gc, NULL);
}

/* --- one image, by name --- */

struct names {
	struct list list;
	const char *digest;
};

static int
add_own_name(void *arg, const char *name, const char *digest)
{
	struct names *n = arg;

	return strcmp(digest, n->digest) == 0 ? list_add(&n->list, name) : 0;
}

static int
unname(const struct gc *gc, const char *digest)
{
	struct names n = {{NULL, 0}, digest};
	size_t i;
	int rc = 0, rc1;

	if (store_names(gc->store, add_own_name, &n) != 0)
		rc = ST_LOCAL;
	for (i = 0; rc == 0 && i < n.list.n; i++) {
		say(gc, "name", n.list.v[i]);
		rc = store_unname(gc->store, n.list.v[i]);
	}
	if ((rc1 = store_index(gc->store)) != 0 && rc == 0)
		rc = rc1;
	list_free(&n.list);
	return rc;
}

struct search {
	char *plain, *escaped; /* "/images/HEX/root," as overlayfs shows it */
};

static int
stands_on(void *arg, const char *point, const char *type, const char *options)
{
	const struct search *s = arg;

	(void)point;
	return strcmp(type, "overlay") == 0 &&
	       (strstr(options, s->plain) != NULL ||
		   strstr(options, s->escaped) != NULL);
}

/* As mkroot.c gives paths to overlayfs. */
static int
add_escaped(struct buf *b, const char *path)
{
	char c[2] = {'\\', '\0'};

	for (; *path != '\0'; path++) {
		c[1] = *path;
		if (strchr("\\,:", *path) != NULL ? buf_add(b, c, 2) == -1
						  : buf_add(b, path, 1) == -1)
			return -1;
	}
	return 0;
}

/* Whether the root name in dirfd is an overlay on the image.  -1 and errno. */
static int
has_upper(int dirfd, const char *name, const char *hex)
{
	char *path, **v = NULL;
	int found;

	if ((path = fdio_fmt("%s/upper", name)) == NULL)
		return -1;
	if ((found = fdio_exists(dirfd, path)) == 1) {
		strcpy(strrchr(path, '/'), "/image");
		v = config_read(dirfd, path);
		found = v == NULL ? (errno == ENOENT ? 0 : -1)
				  : v[0] != NULL && v[1] != NULL &&
					strcmp(v[1], hex) == 0;
	}
	free(v);
	free(path);
	return found;
}

/*
 * Whether one of a directory's roots is; it may be mounted in a namespace that
 * this process does not see.  -1 after a message.
 */
static int
any_upper(int atfd, const char *dir, const char *hex)
{
	struct list roots = {NULL, 0};
	int fd, found;
	size_t i;

	fd = openat(atfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : msg_fail(-1, "%s", dir);
	found = list_directory(fd, ".", dir, &roots);
	for (i = 0; i < roots.n && found == 0; i++)
		if ((found = has_upper(fd, roots.v[i], hex)) == -1)
			msg_warn("%s/%s", dir, roots.v[i]);
	list_free(&roots);
	close(fd);
	return found;
}

int
gc_has_overlays(struct store *st, const char *hex)
{
	const char *dir = getenv("CHR_ROOTS");
	struct search s = {NULL, NULL};
	struct buf b = {NULL, 0, 0};
	int rc = 0;

	s.plain = fdio_fmt("lowerdir=%s/images/%s/root,", store_path(st), hex);
	if (s.plain == NULL || buf_addstr(&b, "lowerdir=") == -1 ||
	    add_escaped(&b, store_path(st)) == -1 ||
	    buf_addstr(&b, strstr(s.plain, "/images/")) == -1)
		rc = -1;
	s.escaped = b.data;
	if (rc == 0)
		rc = sys_mounts_below("/", stands_on, &s);
	if (rc == -1)
		msg_warn("%s/images/%s: mounts", store_path(st), hex);
	if (rc == 0)
		rc = any_upper(store_fd(st), "roots", hex);
	if (rc == 0 && dir != NULL && *dir != '\0')
		rc = any_upper(AT_FDCWD, dir, hex);
	buf_free(&b);
	free(s.plain);
	return rc;
}

/* The digits of the blobs that an image lists. */
static int
list_blobs(int imagefd, struct list *l)
{
	char **p, **v;
	int rc = 0;

	v = config_read(imagefd, "blobs");
	for (p = v; rc == 0 && p != NULL && *p != NULL; p++)
		if (ref_digest_ok(*p))
			rc = list_add(l, ref_digest_hex(*p));
	free(v);
	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_string);
	return rc;
}

int
gc_remove_image(
    const struct gc *gc, const char *operand, const char digest[DIGEST_MAX])
{
	const char *hex = ref_digest_hex(digest);
	struct list blobs = {NULL, 0};
	int based, fd, rc;

	if ((fd = lock_image(gc, hex)) == -1) {
		if (errno == ENOENT)
			return 0;
		if (errno == EWOULDBLOCK)
			return msg_failx(ST_LOCAL,
			    "%s: in use: a chr-mkroot or chr-pull works on it",
			    operand);
		return msg_fail(ST_LOCAL, "%s: lock", operand);
	}
	if ((based = gc_has_overlays(gc->store, hex)) != 0)
		rc = based == -1 ? ST_LOCAL
				 : msg_failx(ST_LOCAL,
				       "%s: in use: overlay roots stand on it",
				       operand);
	else if (list_blobs(fd, &blobs) == -1)
		rc = msg_fail(ST_LOCAL, "%s", operand);
	else if ((rc = unname(gc, digest)) == 0 &&
		 (rc = remove_tree(gc, hex)) == 0)
		rc = collect_blobs(gc, &blobs);
	list_free(&blobs);
	close(fd);
	return rc;
}
