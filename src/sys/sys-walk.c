/* See LICENSE. */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40  /* as Linux has it */
#define LINK_BYTES 64 /* of a target, that cost about what a name does */
#define DEEP 64	      /* names of a path, which no honest tree has */

struct walk {
	int rootfd;
	struct stat root;
	int fd;	    /* where the walk is */
	char *path; /* what is left of the path, and all of it */
	char *rest;
	unsigned names;
	unsigned links, noted; /* followed; of them, done with */
	sys_missing *missing;
	void *arg;
	size_t left, own; /* bytes of the rest; of them, not out of a link */
	struct sys_way *way;
};

/* Goes on from fd, or fails with it. */
static int
enter(struct walk *w, int fd)
{
	if (fd == -1)
		return -1;
	close(w->fd);
	w->fd = fd;
	return 0;
}

static int
enter_root(struct walk *w)
{
	return enter(
	    w, openat(w->rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
go_up(struct walk *w)
{
	struct stat st;

	if (fstat(w->fd, &st) == -1)
		return -1;
	if (st.st_dev == w->root.st_dev && st.st_ino == w->root.st_ino)
		return 0;
	return enter(
	    w, openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* Puts the target of a link in front of the rest. */
static int
follow(struct walk *w, const char *target)
{
	size_t len = strlen(target), rest = strlen(w->rest);
	char *p;

	w->way->names += 1 + len / LINK_BYTES;
	if (++w->links > LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	if ((p = malloc(len + rest + 2)) == NULL)
		return -1;
	memcpy(p, target, len);
	p[len] = '/';
	memcpy(p + len + 1, w->rest, rest + 1);
	/* no slash that was not there: it would ask for a directory */
	if (rest == 0)
		p[len] = '\0';
	free(w->path);
	w->path = w->rest = p;
	w->left = strlen(p);
	return *target == '/' ? enter_root(w) : 0;
}

/* Goes into the directory name; 1 when it was a link, now to be walked. */
static int
go_down(struct walk *w, const char *name)
{
	int e, fd, flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char target[PATH_MAX];
	ssize_t n;

	if ((fd = openat(w->fd, name, flags)) != -1)
		return enter(w, fd);
	e = errno;
	if (e != ENOENT &&
	    (n = readlinkat(w->fd, name, target, sizeof(target) - 1)) >= 0) {
		target[n] = '\0';
		return follow(w, target) == -1 ? -1 : 1;
	}
	errno = e;
	if ((e == ENOENT || e == ENOTDIR) && w->missing != NULL &&
	    w->missing(w->arg, w->fd, name) == 0)
		fd = openat(w->fd, name, flags);
	return enter(w, fd);
}

/* Cuts the next name off the rest; NULL at the end, with errno 0 or not. */
static const char *
next_name(struct walk *w, char name[NAME_MAX + 1])
{
	size_t n, slashes = strspn(w->rest, "/");

	errno = 0;
	w->rest += slashes;
	n = strcspn(w->rest, "/");
	w->left -= slashes + n;
	if (w->own > w->left)
		w->own = w->left;
	if (n == 0)
		return NULL;
	if (n > NAME_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(name, w->rest, n);
	name[n] = '\0';
	w->rest += n;
	if (++w->names > DEEP || w->links > 0)
		w->way->names++;
	return name;
}

/* The last name: 0 when it was a link, and the walk goes on. */
static int
open_last(struct walk *w, const char *name, int flags, int *fd)
{
	char target[PATH_MAX];
	ssize_t n;

	if ((flags & O_NOFOLLOW) == 0 &&
	    (n = readlinkat(w->fd, name, target, sizeof(target) - 1)) >= 0) {
		target[n] = '\0';
		return follow(w, target);
	}
	*fd = openat(w->fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	return *fd == -1 ? -1 : 1;
}

/* Notes where the links led to, when nothing but slashes is left of them. */
static void
note_link(struct walk *w, size_t len)
{
	if (w->links == w->noted || strspn(w->rest, "/") < w->left - w->own)
		return;
	w->noted = w->links;
	if (w->way->fd != -1)
		close(w->way->fd);
	w->way->fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 3);
	w->way->len = len - w->own;
}

static int
walk(struct walk *w, int flags, size_t len)
{
	char name[NAME_MAX + 1];
	int fd = -1, rc;

	for (; note_link(w, len), next_name(w, name) != NULL;) {
		if (strcmp(name, ".") == 0)
			rc = 0;
		else if (strcmp(name, "..") == 0)
			rc = go_up(w);
		else if (*w->rest != '\0' || w->missing != NULL)
			rc = go_down(w, name);
		else if ((rc = open_last(w, name, flags, &fd)) == 1)
			return fd;
		if (rc == -1)
			return -1;
	}
	return errno == 0 ? openat(w->fd, ".", flags | O_CLOEXEC) : -1;
}

int
sys_walk_in_root(int rootfd, const char *path, int flags, sys_missing *missing,
    void *arg, struct sys_way *way)
{
	struct sys_way none = {0, -1, 0};
	struct walk w = {.rootfd = rootfd,
	    .fd = -1,
	    .missing = missing,
	    .arg = arg,
	    .way = way != NULL ? way : &none};
	int e, fd = -1;

	if (*path == '\0') {
		errno = ENOENT;
		return -1;
	}
	if (strlen(path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((w.path = strdup(path)) == NULL)
		return -1;
	w.rest = w.path;
	w.left = w.own = strlen(path);
	w.fd = openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w.fd != -1 && fstat(rootfd, &w.root) == 0)
		fd = walk(&w, flags, strlen(path));
	e = errno;
	if (none.fd != -1)
		close(none.fd);
	if (w.fd != -1)
		close(w.fd);
	free(w.path);
	errno = e;
	return fd;
}
