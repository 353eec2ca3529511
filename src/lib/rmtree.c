/* See LICENSE. */
#include "rmtree.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "msg.h"
#include "sys.h"

#define BATCH 128  /* subdirectories known at once of one directory */
#define RETRIES 16 /* of a directory that somebody else fills */
#define THREADS_MAX 8
#define ALONE 192    /* entries that are not worth a thread */
#define FDS_SPARE 20 /* what the program has open besides */
#define STACK_SIZE (128 * 1024)
#define MOVED_NAME ".chr-rm.%u"

/*
 * A directory that is being emptied.  Its name is relative to the descriptor of
 * its parent, which therefore stays open until all its children are gone.
 */
struct node {
	struct node *parent;
	struct node *next; /* on the stack of what is to be done */
	DIR *dir;
	unsigned pending; /* children, and one while it is read */
	unsigned tries;
	int at_end; /* everything in it was seen */
	int failed; /* something in it could not be removed */
	char name[];
};

struct rm {
	pthread_mutex_t lock; /* of what follows, and of pending, failed */
	pthread_cond_t wake;
	struct node *todo;  /* a stack: the deepest first */
	struct node *later; /* for when all but the top is closed again */
	unsigned threads, threads_max, waiting;
	unsigned moved; /* directories moved up */
	unsigned long entries;
	int done, failed;

	int fd; /* where the tree is */
	struct node *top;
	atomic_uint open; /* directories */
	unsigned open_max;
	const char *path; /* of the tree, for messages */
	pthread_t ids[THREADS_MAX];
};

static char *
put(char *end, const char *s)
{
	size_t n = strlen(s);

	return memcpy(end - n, s, n);
}

/* A message about name in the directory node; the tree itself for NULL. */
static void
complain(const struct rm *rm, const struct node *node, const char *name,
    const char *reason)
{
	const struct node *n;
	char *p, *s = NULL;
	size_t len;

	if (node == NULL) {
		msg_warnx("%s: %s", rm->path, reason);
		return;
	}
	len = strlen(rm->path) + strlen(name) + 2;
	for (n = node; n != rm->top; n = n->parent)
		len += strlen(n->name) + 1;
	if ((s = malloc(len)) == NULL) {
		msg_warnx("%s: %s: %s", rm->path, name, reason);
		return;
	}
	p = s + len - 1;
	*p = '\0';
	p = put(p, name);
	*--p = '/';
	for (n = node; n != rm->top; n = n->parent) {
		p = put(p, n->name);
		*--p = '/';
	}
	put(p, rm->path);
	msg_warnx("%s: %s", s, reason);
	free(s);
}

static int
fd_of(const struct rm *rm, const struct node *node)
{
	return node == NULL ? rm->fd : dirfd(node->dir);
}

/* Why name in node cannot be removed, by errno. */
static void
complain_errno(const struct rm *rm, const struct node *node, const char *name)
{
	const char *reason = strerror(errno);
	int fd = fd_of(rm, node);

	if (errno == EPERM &&
	    (sys_is_immutable(fd, name) || sys_is_immutable(fd, "")))
		reason = "immutable or append-only: see chattr(1)";
	else if (errno == EXDEV || errno == EBUSY)
		reason = "something is mounted here";
	else if (errno == ENOTEMPTY || errno == EEXIST)
		reason = "somebody still writes here";
	complain(rm, node, name, reason);
}

static void *work(void *);

/* Puts a directory on the stack.  Called with the lock. */
static void
push(struct rm *rm, struct node *node)
{
	pthread_attr_t attr;

	node->next = rm->todo;
	rm->todo = node;
	if (rm->waiting > 0) {
		pthread_cond_signal(&rm->wake);
		return;
	}
	if (rm->threads >= rm->threads_max || rm->entries < ALONE)
		return;
	if (pthread_attr_init(&attr) != 0)
		return;
	if (pthread_attr_setstacksize(&attr, STACK_SIZE) == 0 &&
	    pthread_create(&rm->ids[rm->threads], &attr, work, rm) == 0)
		rm->threads++;
	else
		rm->threads_max = rm->threads;
	pthread_attr_destroy(&attr);
}

static struct node *
new_node(struct node *parent, const char *name)
{
	struct node *n;

	if ((n = calloc(1, sizeof(*n) + strlen(name) + 1)) == NULL)
		return NULL;
	n->parent = parent;
	n->pending = 1;
	strcpy(n->name, name);
	return n;
}

/* Makes a directory its owner's to change.  Nothing else is followed. */
static int
make_writable(int fd, const char *name)
{
	int e = errno, rc;

	rc = fchmodat(fd, name, 0700, AT_SYMLINK_NOFOLLOW);
	errno = e;
	return rc;
}

/*
 * Moves a directory of node to the top of the tree, under a new name.  0 or -1.
 */
static int
move_up(
    struct rm *rm, const struct node *node, const char *name, char moved[32])
{
	int fd = dirfd(node->dir), tries, writable = 0;
	unsigned i;

	for (tries = 0; tries < 1000; tries++) {
		pthread_mutex_lock(&rm->lock);
		i = rm->moved++;
		pthread_mutex_unlock(&rm->lock);
		snprintf(moved, 32, MOVED_NAME, i);
		if (renameat(fd, name, dirfd(rm->top->dir), moved) == 0)
			return 0;
		if (errno == EACCES && !writable++ &&
		    make_writable(fd, name) == 0)
			continue;
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return -1;
	}
	return -1;
}

/*
 * Has a directory wait below the top, where it keeps no other one open: 0 when
 * it is there already; 1 when another node has it now; -1 when it cannot.
 */
static int
put_off(struct rm *rm, struct node *node)
{
	struct node *n = node;
	char moved[32];
	int elsewhere = node->parent != rm->top;

	if (elsewhere && (move_up(rm, node->parent, node->name, moved) == -1 ||
			     (n = new_node(rm->top, moved)) == NULL))
		return -1;
	pthread_mutex_lock(&rm->lock);
	if (elsewhere)
		rm->top->pending++;
	n->next = rm->later;
	rm->later = n;
	pthread_mutex_unlock(&rm->lock);
	return elsewhere;
}

/* Has the subdirectory name of node removed later.  0 or -1. */
static int
add_child(struct rm *rm, struct node *node, const char *name, unsigned seen)
{
	struct node *child;

	if ((child = new_node(node, name)) == NULL) {
		complain_errno(rm, node, name);
		return -1;
	}
	pthread_mutex_lock(&rm->lock);
	rm->entries += seen;
	node->pending++;
	push(rm, child);
	pthread_mutex_unlock(&rm->lock);
	return 0;
}

/* unlinkat(2), if need be after making the directory its owner's to change. */
static int
unlink_in(struct rm *rm, struct node *node, const char *name, int flags)
{
	int fd = fd_of(rm, node);

	if (unlinkat(fd, name, flags) == 0)
		return 0;
	if (errno != EACCES || node == NULL)
		return -1;
	if (fchmod(fd, 0700) == -1) {
		errno = EACCES;
		return -1;
	}
	return unlinkat(fd, name, flags);
}

/*
 * Removes what is no directory.  0; 1 when it is a directory after all; -1
 * after a message.
 */
static int
remove_file(struct rm *rm, struct node *node, const char *name)
{
	struct stat sb;

	if (!FAULT("rmtree_unlink") && unlink_in(rm, node, name, 0) == 0)
		return 0;
	if (errno == ENOENT)
		return 0;
	if (errno == EISDIR)
		return 1;
	if (errno == EPERM) {
		if (fstatat(fd_of(rm, node), name, &sb, AT_SYMLINK_NOFOLLOW) ==
			0 &&
		    S_ISDIR(sb.st_mode))
			return 1;
		errno = EPERM;
	}
	complain_errno(rm, node, name);
	return -1;
}

/*
 * Opens the directory.  0; 1 when it is gone already, or was a file and is now;
 * -1 after a message.
 */
static int
open_node(struct rm *rm, struct node *node)
{
	int at = fd_of(rm, node->parent), e, fd;

	fd = FAULT("rmtree_open") ? -1 : sys_open_subdir(at, node->name);
	if (fd == -1 && errno == EACCES && make_writable(at, node->name) == 0)
		fd = sys_open_subdir(at, node->name);
	if (fd == -1 && errno == ENOENT)
		return 1;
	if (fd == -1 && (errno == ENOTDIR || errno == ELOOP))
		return remove_file(rm, node->parent, node->name) == 0 ? 1 : -1;
	if (fd != -1 && (node->dir = fdopendir(fd)) != NULL) {
		rm->open++;
		return 0;
	}
	complain_errno(rm, node->parent, node->name);
	if (fd != -1) {
		e = errno;
		close(fd);
		errno = e;
	}
	return -1;
}

/*
 * Removes the files of a directory and has its subdirectories removed, a batch
 * at a time.
 */
static void
empty_node(struct rm *rm, struct node *node)
{
	unsigned children = 0, seen = 0;
	struct dirent *e;
	int failed = 0, is_dir;

	while (children < BATCH) {
		errno = 0;
		if ((e = readdir(node->dir)) == NULL) {
			if (errno != 0 && errno != ENOENT) {
				complain_errno(rm, node, ".");
				failed = 1;
			}
			node->at_end = 1;
			break;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		seen++;
		is_dir = e->d_type == DT_DIR ? 1
					     : remove_file(rm, node, e->d_name);
		if (is_dir == 1) {
			is_dir = add_child(rm, node, e->d_name, seen);
			children++;
			seen = 0;
		}
		if (is_dir == -1)
			failed = 1;
	}
	pthread_mutex_lock(&rm->lock);
	rm->entries += seen;
	node->failed |= failed;
	pthread_mutex_unlock(&rm->lock);
}

/* Waits a little, longer each time, for a writer to end. */
static void
give_way(unsigned tries)
{
	struct timespec ts = {.tv_nsec = 0};

	if (tries > 2) {
		ts.tv_nsec = (tries < 8 ? 1L << tries : 128L) * 1000000 / 2;
		nanosleep(&ts, NULL);
	}
}

/*
 * Removes the emptied directory itself.  0; 1 when it must be read again; -1
 * after a message, its own or that of what is left in it.
 */
static int
remove_node(struct rm *rm, struct node *node)
{
	int not_empty;

	closedir(node->dir);
	node->dir = NULL;
	rm->open--;
	if (!FAULT("rmtree_rmdir") &&
	    unlink_in(rm, node->parent, node->name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno == ENOENT)
		return 0;
	not_empty = errno == ENOTEMPTY || errno == EEXIST;
	if (not_empty && !node->failed && node->tries < RETRIES) {
		give_way(node->tries++);
		node->at_end = 0;
		return 1;
	}
	if (!not_empty || !node->failed)
		complain_errno(rm, node->parent, node->name);
	return -1;
}

/* Drops a directory that is gone, or failed; its parent may then be next. */
static struct node *
drop(struct rm *rm, struct node *node, int failed)
{
	struct node *parent = node->parent;

	free(node);
	if (parent != NULL)
		parent->failed |= failed;
	else {
		rm->failed |= failed;
		rm->done = 1;
		pthread_cond_broadcast(&rm->wake);
	}
	return parent;
}

/*
 * One reason less to keep a directory: when it was the last, the directory is
 * read on or removed, and so on upwards.
 */
static void
release(struct rm *rm, struct node *node, int state)
{
	pthread_mutex_lock(&rm->lock);
	while (node != NULL) {
		if (state == 0) {
			if (--node->pending > 0)
				break;
			state = 1;
			if (node->at_end) {
				pthread_mutex_unlock(&rm->lock);
				state = remove_node(rm, node);
				pthread_mutex_lock(&rm->lock);
			}
			if (state == 1) {
				node->pending = 1;
				push(rm, node);
				break;
			}
		}
		node = drop(rm, node, state == -1);
		state = 0;
	}
	pthread_mutex_unlock(&rm->lock);
}

/*
 * The next directory to work on; NULL when all is done.  What was put off waits
 * until nobody can have more than the top open.
 */
static struct node *
next_node(struct rm *rm)
{
	struct node *node;

	pthread_mutex_lock(&rm->lock);
	while (rm->todo == NULL && !rm->done) {
		if (rm->later != NULL && rm->waiting + 1 == rm->threads) {
			rm->todo = rm->later;
			rm->later = NULL;
			pthread_cond_broadcast(&rm->wake);
			break;
		}
		rm->waiting++;
		pthread_cond_wait(&rm->wake, &rm->lock);
		rm->waiting--;
	}
	if ((node = rm->todo) != NULL)
		rm->todo = node->next;
	pthread_mutex_unlock(&rm->lock);
	return node;
}

static void *
work(void *arg)
{
	struct rm *rm = arg;
	struct node *node;
	int rc;

	while ((node = next_node(rm)) != NULL) {
		rc = -1;
		if (node->dir == NULL && rm->open >= rm->open_max &&
		    (rc = put_off(rm, node)) == 0)
			continue;
		if (rc == -1)
			rc = node->dir == NULL ? open_node(rm, node) : 0;
		if (rc == 0)
			empty_node(rm, node);
		release(rm, node, rc);
	}
	return NULL;
}

/* As many threads and open directories as there are descriptors for. */
static void
set_limits(struct rm *rm)
{
	struct rlimit rl;
	unsigned fds = 1024;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < fds)
		fds = (unsigned)rl.rlim_cur;
	rm->open_max = fds > FDS_SPARE + 8 ? fds - FDS_SPARE : 8;
	rm->threads_max = sys_ncpu();
	if (rm->threads_max > THREADS_MAX)
		rm->threads_max = THREADS_MAX;
	while (rm->threads_max > 1 && rm->open_max / rm->threads_max < 8)
		rm->threads_max--;
}

int
rmtree(int fd, const char *name, const char *path)
{
	struct rm rm = {.lock = PTHREAD_MUTEX_INITIALIZER,
	    .wake = PTHREAD_COND_INITIALIZER,
	    .threads = 1,
	    .fd = fd,
	    .path = path};
	unsigned i;

	set_limits(&rm);
	if ((rm.todo = rm.top = new_node(NULL, name)) == NULL) {
		msg_warn("%s", path);
		return -1;
	}
	work(&rm);
	for (i = 1; i < rm.threads; i++)
		pthread_join(rm.ids[i], NULL);
	return rm.failed ? -1 : 0;
}
