/* See LICENSE. */
#include "clone.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "fdio.h"
#include "msg.h"
#include "sys.h"

#define THREADS_MAX 8
#define XATTR_NAMES_MAX 65536
#define LINK_BUCKETS 4096
#define FDS_SPARE 20 /* what the program has open besides */
#define FDS_THREAD 7 /* what a thread has open besides kept directories */
#define STEPS 32     /* from one kept directory to the next */
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/*
 * A directory being copied.  Its attributes are set when all below it is done.
 * It stays open until then if it is kept, as is the top; else it is open while
 * it is read, and what is below it is reached from the nearest one that is
 * kept.
 */
struct node {
	struct node *parent;
	struct node *next; /* on the stack of what is to be done */
	int srcfd, dstfd;
	int kept;
	unsigned pending; /* children, and one while it is read */
	struct stat st;
	char name[];
};

/* The first name of a file that has several. */
struct link {
	struct link *next;
	dev_t dev;
	ino_t ino;
	int ready;
	char path[]; /* below the new tree */
};

struct clone {
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t wake;
	pthread_cond_t linked;
	struct node *todo;
	size_t left; /* directories not finished */
	int failed;
	struct link *links[LINK_BUCKETS];
	struct node *top;
	uid_t uid;
	gid_t gid;
	int inherits;	  /* what is made gets its directory's group */
	atomic_uint kept; /* directories */
	unsigned kept_max;
	const char *what;
};

static volatile sig_atomic_t interrupted;

void
clone_interrupt(void)
{
	interrupted = 1;
}

/* One thread's own. */
struct worker {
	struct clone *c;
	char *names; /* of xattrs */
	char *value;
	size_t valuecap;
};

/* "a/b/name", where a is in the directory top and b is node; malloced. */
static char *
path_below(const struct node *top, const struct node *node, const char *name)
{
	const struct node *n;
	size_t len = strlen(name) + 1;
	char *p, *s;

	for (n = node; n != top; n = n->parent)
		len += strlen(n->name) + 1;
	if ((s = malloc(len)) == NULL)
		return NULL;
	p = s + len - strlen(name) - 1;
	strcpy(p, name);
	for (n = node; n != top; n = n->parent) {
		*--p = '/';
		p -= strlen(n->name);
		memcpy(p, n->name, strlen(n->name));
	}
	return s;
}

/* Reports the first failure; the others stop. */
static int
fail(struct clone *c, const struct node *node, const char *name)
{
	int e = errno;
	char *path;

	pthread_mutex_lock(&c->lock);
	if (!c->failed && !interrupted) {
		path = path_below(c->top, node, name);
		errno = e;
		msg_warn("%s: %s", c->what, path != NULL ? path : name);
		free(path);
	}
	c->failed = 1;
	pthread_cond_broadcast(&c->wake);
	pthread_cond_broadcast(&c->linked);
	pthread_mutex_unlock(&c->lock);
	return -1;
}

static int
copy_xattr(
    struct worker *w, int srcfd, int dstfd, const char *name, const char *attr)
{
	ssize_t n;
	char *p;

	for (;;) {
		n = sys_xattr_get(srcfd, name, attr, w->value, w->valuecap);
		if (n != -1 || errno != ERANGE)
			break;
		if ((p = realloc(w->value, w->valuecap * 2)) == NULL)
			return -1;
		w->value = p;
		w->valuecap *= 2;
	}
	if (n == -1)
		return errno == ENODATA ? 0 : -1;
	return sys_xattr_set(dstfd, name, attr, w->value, (size_t)n);
}

/* Of the open file itself when name is "", else of name in the directory. */
static int
copy_xattrs(struct worker *w, int srcfd, int dstfd, const char *name)
{
	const char *p;
	ssize_t n;

	n = sys_xattr_list(srcfd, name, w->names, XATTR_NAMES_MAX);
	if (n == -1)
		return errno == ENOTSUP || errno == ENOSYS ? 0 : -1;
	for (p = w->names; p < w->names + n; p += strlen(p) + 1)
		if (copy_xattr(w, srcfd, dstfd, name, p) == -1)
			return -1;
	return 0;
}

/* Owner before mode, which chown(2) would change; times last. */
static int
set_attributes(struct worker *w, int srcfd, int dstfd, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	const struct clone *c = w->c;
	int owned = c->inherits || st->st_uid != c->uid || st->st_gid != c->gid;

	if ((owned && fchown(dstfd, st->st_uid, st->st_gid) == -1) ||
	    ((owned || (st->st_mode & 07000) != 0) &&
		fchmod(dstfd, st->st_mode & 07777) == -1) ||
	    copy_xattrs(w, srcfd, dstfd, "") == -1)
		return -1;
	return futimens(dstfd, times);
}

static int
copy_file(struct worker *w, const struct node *d, const char *name,
    const struct stat *st, int src)
{
	int dst, e, rc = -1;

	dst = FAULT("clone_open") ? -1
				  : openat(d->dstfd, name,
					O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
					st->st_mode & 0777);
	if (dst == -1)
		return -1;
	if ((st->st_size == 0 ||
		(!FAULT("clone_write") && sys_copy_data(src, dst, st) == 0)) &&
	    set_attributes(w, src, dst, st) == 0)
		rc = 0;
	e = errno;
	if (close(dst) == -1 && rc == 0)
		return -1;
	errno = e;
	return rc;
}

/* Links and devices: no descriptor, so by name. */
static int
copy_special(struct worker *w, const struct node *d, const char *name,
    const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	char target[4097];
	ssize_t n;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(d->srcfd, name, target, sizeof(target) - 1);
		if (n == -1)
			return -1;
		target[n] = '\0';
		if (symlinkat(target, d->dstfd, name) == -1)
			return -1;
	} else if (mknodat(d->dstfd, name, st->st_mode, st->st_rdev) == -1)
		return -1;
	if (fchownat(d->dstfd, name, st->st_uid, st->st_gid,
		AT_SYMLINK_NOFOLLOW) == -1 ||
	    (!S_ISLNK(st->st_mode) &&
		fchmodat(d->dstfd, name, st->st_mode & 07777, 0) == -1) ||
	    copy_xattrs(w, d->srcfd, d->dstfd, name) == -1)
		return -1;
	return utimensat(d->dstfd, name, times, AT_SYMLINK_NOFOLLOW);
}

static void
leave(int at, int dirfd)
{
	int e = errno;

	if (at != dirfd)
		close(at);
	errno = e;
}

/*
 * Goes from dirfd along *path until the rest of it is short enough for a system
 * call.  Returns where that begins, for leave(), or -1.
 */
static int
approach(int dirfd, const char **path)
{
	char part[PATH_MAX];
	int at = dirfd, fd;
	size_t n;

	while (strlen(*path) >= sizeof(part)) {
		for (n = sizeof(part) - 1; (*path)[n] != '/';)
			n--;
		memcpy(part, *path, n);
		part[n] = '\0';
		fd = openat(at, part, OPEN_DIR);
		leave(at, dirfd);
		if ((at = fd) == -1)
			return -1;
		*path += n + 1;
	}
	return at;
}

static struct link **
bucket(struct clone *c, const struct stat *st)
{
	return &c->links[((uint64_t)st->st_ino * 0x9e3779b97f4a7c15U) >> 52];
}

/* Makes name in d a name of l, too. */
static int
link_to(struct clone *c, const struct link *l, const struct node *d,
    const char *name)
{
	const char *path = l->path;
	int at, rc;

	if ((at = approach(c->top->dstfd, &path)) == -1)
		return -1;
	rc = linkat(at, path, d->dstfd, name, 0);
	leave(at, c->top->dstfd);
	return rc;
}

/*
 * Of a file with several names: 1 when this is the first, to be copied and then
 * announced; 0 when it was linked to the first; -1.
 */
static int
link_or_first(struct clone *c, const struct node *d, const char *name,
    const struct stat *st, struct link **mine)
{
	struct link **b = bucket(c, st), *l;
	char *path;
	int failed;

	pthread_mutex_lock(&c->lock);
	for (l = *b; l != NULL; l = l->next)
		if (l->ino == st->st_ino && l->dev == st->st_dev)
			break;
	if (l == NULL) {
		if ((path = path_below(c->top, d, name)) != NULL &&
		    (l = malloc(sizeof(*l) + strlen(path) + 1)) != NULL) {
			strcpy(l->path, path);
			l->dev = st->st_dev;
			l->ino = st->st_ino;
			l->ready = 0;
			l->next = *b;
			*b = *mine = l;
		}
		free(path);
		pthread_mutex_unlock(&c->lock);
		return l != NULL ? 1 : -1;
	}
	while (!l->ready && !c->failed)
		pthread_cond_wait(&c->linked, &c->lock);
	failed = c->failed;
	pthread_mutex_unlock(&c->lock);
	if (failed)
		return 0;
	return link_to(c, l, d, name);
}

static void
announce(struct clone *c, struct link *l)
{
	pthread_mutex_lock(&c->lock);
	l->ready = 1;
	pthread_cond_broadcast(&c->linked);
	pthread_mutex_unlock(&c->lock);
}

/* Anything but a directory.  src is open when it is a regular file. */
static int
copy_entry(struct worker *w, const struct node *d, const char *name,
    const struct stat *st, int src)
{
	struct link *l = NULL;
	int rc;

	if (S_ISSOCK(st->st_mode))
		return 0;
	if (st->st_nlink > 1 &&
	    (rc = link_or_first(w->c, d, name, st, &l)) != 1)
		return rc;
	rc = S_ISREG(st->st_mode) ? copy_file(w, d, name, st, src)
				  : copy_special(w, d, name, st);
	if (rc == 0 && l != NULL)
		announce(w->c, l);
	return rc;
}

static int
push_directory(struct clone *c, struct node *parent, const char *name)
{
	struct node *n;

	if ((n = calloc(1, sizeof(*n) + strlen(name) + 1)) == NULL)
		return -1;
	n->parent = parent;
	n->srcfd = n->dstfd = -1;
	n->pending = 1;
	strcpy(n->name, name);
	pthread_mutex_lock(&c->lock);
	parent->pending++;
	n->next = c->todo;
	c->todo = n;
	c->left++;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static int
open_below(int dirfd, const char *path, int make)
{
	int at, fd = -1;

	if ((at = approach(dirfd, &path)) == -1)
		return -1;
	if (!make || (!FAULT("clone_mkdir") && mkdirat(at, path, 0700) == 0))
		fd = openat(at, path, OPEN_DIR);
	leave(at, dirfd);
	return fd;
}

/* Opens both directories, the new one after making it. */
static int
open_directory(struct node *n, int make)
{
	const struct node *from = n->parent;
	char *path;

	while (!from->kept)
		from = from->parent;
	if ((path = path_below(from, n->parent, n->name)) == NULL)
		return -1;
	n->srcfd = open_below(from->srcfd, path, 0);
	if (n->srcfd != -1 && (!make || fstat(n->srcfd, &n->st) == 0))
		n->dstfd = open_below(from->dstfd, path, make);
	free(path);
	return n->dstfd == -1 ? -1 : 0;
}

static void
close_directory(struct node *n)
{
	if (n->srcfd != -1)
		close(n->srcfd);
	if (n->dstfd != -1)
		close(n->dstfd);
	n->srcfd = n->dstfd = -1;
}

/* The second half of what may be kept is for chains far below the first. */
static int
make_directory(struct clone *c, struct node *n)
{
	const struct node *up;
	int steps = 0;

	if (open_directory(n, 1) == -1)
		return fail(c, n, "");
	for (up = n->parent; !up->kept && steps < STEPS; up = up->parent)
		steps++;
	n->kept = c->kept < (steps < STEPS ? c->kept_max / 2 : c->kept_max);
	c->kept += (unsigned)n->kept;
	return 0;
}

static int
visit(struct worker *w, struct node *d, const struct dirent *e)
{
	struct stat st;
	int rc, src = -1;

	if (e->d_type == DT_DIR)
		return push_directory(w->c, d, e->d_name);
	if (e->d_type == DT_REG) {
		src = openat(d->srcfd, e->d_name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (src == -1 || fstat(src, &st) == -1) {
			if (src != -1)
				close(src);
			return -1;
		}
	} else if (fstatat(d->srcfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (S_ISDIR(st.st_mode))
		rc = push_directory(w->c, d, e->d_name);
	else if (S_ISREG(st.st_mode) && src == -1) {
		struct dirent again = *e;

		again.d_type = DT_REG;
		return visit(w, d, &again);
	} else
		rc = copy_entry(w, d, e->d_name, &st, src);
	if (src != -1)
		close(src);
	return rc;
}

static int
read_directory(struct worker *w, struct node *d)
{
	struct dirent *e;
	DIR *dir;
	int fd, rc = 0;

	fd = openat(d->srcfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return fail(w->c, d, "");
	}
	while (
	    rc == 0 && !w->c->failed && (errno = 0, e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    (rc = interrupted ? -1 : visit(w, d, e)) == -1)
			fail(w->c, d, e->d_name);
	if (rc == 0 && !w->c->failed && errno != 0)
		rc = fail(w->c, d, "");
	closedir(dir);
	return rc;
}

/* All below n is done: its own attributes, and then perhaps its parent's. */
static void
finish(struct worker *w, struct node *n)
{
	struct clone *c = w->c;
	struct node *parent;
	int last = 1;

	while (n != NULL && last) {
		parent = n->parent;
		if (!c->failed &&
		    ((n->dstfd == -1 && open_directory(n, 0) == -1) ||
			fchmod(n->dstfd, n->st.st_mode & 07777) == -1 ||
			set_attributes(w, n->srcfd, n->dstfd, &n->st) == -1))
			fail(c, n, "");
		if (parent != NULL) {
			close_directory(n);
			c->kept -= (unsigned)n->kept;
		}
		pthread_mutex_lock(&c->lock);
		if (parent != NULL)
			last = --parent->pending == 0;
		if (--c->left == 0)
			pthread_cond_broadcast(&c->wake);
		pthread_mutex_unlock(&c->lock);
		if (parent != NULL)
			free(n);
		n = parent;
	}
}

static void *
work(void *arg)
{
	struct worker w = {arg, malloc(XATTR_NAMES_MAX), malloc(4096), 4096};
	struct clone *c = arg;
	struct node *n;
	int done;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (c->todo == NULL && c->left > 0)
			pthread_cond_wait(&c->wake, &c->lock);
		if ((n = c->todo) == NULL)
			break;
		c->todo = n->next;
		pthread_mutex_unlock(&c->lock);
		if (w.names == NULL || w.value == NULL)
			fail(c, n, "");
		if (!c->failed && n->parent != NULL)
			make_directory(c, n);
		if (!c->failed)
			read_directory(&w, n);
		if (!n->kept)
			close_directory(n);
		pthread_mutex_lock(&c->lock);
		done = --n->pending == 0;
		pthread_mutex_unlock(&c->lock);
		if (done)
			finish(&w, n);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	free(w.names);
	free(w.value);
	return NULL;
}

static void
free_links(struct clone *c)
{
	struct link *l;
	size_t i;

	for (i = 0; i < LINK_BUCKETS; i++)
		while ((l = c->links[i]) != NULL) {
			c->links[i] = l->next;
			free(l);
		}
}

/* How many threads there may be, and directories kept, for the descriptors. */
static unsigned
set_limits(struct clone *c)
{
	unsigned fds = 1024, threads = sys_ncpu();
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		fds = rl.rlim_cur < INT_MAX ? (unsigned)rl.rlim_cur : INT_MAX;
	fds = fds > FDS_SPARE ? fds - FDS_SPARE : 0;
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	while (threads > 1 && fds / threads < 2 * FDS_THREAD)
		threads--;
	if (fds > threads * FDS_THREAD)
		c->kept_max = (fds - threads * FDS_THREAD) / 2;
	return threads;
}

/* What the top of both trees tells.  0 or -1. */
static int
look(struct clone *c)
{
	struct stat st;

	c->uid = geteuid();
	c->gid = getegid();
	if (fstat(c->top->srcfd, &c->top->st) == -1 ||
	    fstat(c->top->dstfd, &st) == -1)
		return -1;
	c->inherits = (st.st_mode & S_ISGID) != 0 || st.st_gid != c->gid;
	return 0;
}

int
clone_tree(int srcfd, int dstfd, const char *what)
{
	pthread_t ids[THREADS_MAX];
	struct node *top;
	struct clone *c;
	mode_t mask;
	unsigned i, n = 0, threads;
	int rc;

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (top = calloc(1, sizeof(*top) + 1)) == NULL) {
		msg_warn("%s", what);
		free(c);
		return -1;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	pthread_cond_init(&c->linked, NULL);
	c->what = what;
	c->top = top;
	top->dstfd = dstfd;
	top->srcfd = srcfd;
	top->kept = 1;
	top->pending = 1;
	c->left = 1;
	c->todo = top;
	mask = umask(0);
	if (look(c) == -1)
		fail(c, top, "");
	threads = set_limits(c);
	for (; n + 1 < threads; n++)
		if (pthread_create(&ids[n], NULL, work, c) != 0)
			break;
	work(c);
	for (i = 0; i < n; i++)
		pthread_join(ids[i], NULL);
	umask(mask);
	rc = c->failed ? -1 : 0;
	free_links(c);
	pthread_cond_destroy(&c->linked);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(top);
	free(c);
	return rc;
}
