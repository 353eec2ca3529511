/* See LICENSE. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applyimpl.h"
#include "fdio.h"
#include "rmtree.h"

/* A directory that has been pruned in this layer has nothing of lower ones. */
#define PRUNED "/"

/* A directory to look into, and those above: one descriptor for them all. */
struct level {
	struct level *up;
	struct buf names; /* of directories to go down into, NUL after each */
	size_t at;
	struct timespec mtime;
};

enum look { NOTHING, ITS_OWN, LOOK_INTO };

/* Whether name of the directory ino is or holds something of this layer. */
static int
look(const struct apply *a, int dirfd, uint64_t ino, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? ITS_OWN : -1;
	if (S_ISDIR(st.st_mode) &&
	    (own_has(a->own, ino, name) || own_has(a->own, st.st_ino, "")))
		return LOOK_INTO;
	return own_has(a->own, ino, name) ? ITS_OWN : NOTHING;
}

static int
remove_lower(struct apply *a, int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	return rmtree(dirfd, name, a->name);
}

static int
visit(
    struct apply *a, struct level *l, int dirfd, uint64_t ino, const char *name)
{
	switch (look(a, dirfd, ino, name)) {
	case NOTHING:
		return remove_lower(a, dirfd, name);
	case LOOK_INTO:
		return buf_add(&l->names, name, strlen(name) + 1);
	case ITS_OWN:
		return 0;
	}
	return -1;
}

/* Removes what is lower in the directory fd; notes where to look further. */
static int
prune_level(struct apply *a, struct level *l, int fd)
{
	struct dirent *e;
	struct stat st;
	int rc = 0, seen;
	DIR *d;

	if (fstat(fd, &st) == -1)
		return -1;
	l->mtime = st.st_mtim;
	if ((seen = own_add(a->own, st.st_ino, PRUNED)) != 0)
		return seen == 1 ? 0 : -1;
	if ((fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return -1;
	}
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = visit(a, l, fd, st.st_ino, e->d_name);
	if (e == NULL && errno != 0)
		rc = -1;
	closedir(d);
	return rc;
}

/* Goes to name below *fd, which may be "..". */
static int
go(int *fd, const char *name)
{
	int next;

	next = openat(
	    *fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next == -1)
		return -1;
	close(*fd);
	*fd = next;
	return 0;
}

static int
down(struct apply *a, struct level **l, int *fd, const char *name)
{
	struct level *below;

	if (go(fd, name) == -1 || (below = calloc(1, sizeof(*below))) == NULL)
		return -1;
	below->up = *l;
	*l = below;
	return prune_level(a, below, *fd);
}

static void
drop(struct level **l)
{
	struct level *gone = *l;

	*l = gone->up;
	buf_free(&gone->names);
	free(gone);
}

/* The level is done: its time, as things were removed, and up. */
static int
up(struct level **l, int *fd)
{
	struct timespec ts[2] = {(*l)->mtime, (*l)->mtime};

	if (futimens(*fd, ts) == -1 || ((*l)->up != NULL && go(fd, "..") == -1))
		return -1;
	drop(l);
	return 0;
}

/* Prunes the directory name below dirfd. */
static int
prune(struct apply *a, int dirfd, const char *name)
{
	struct level *l = NULL;
	const char *next;
	int e, fd, rc;

	if ((fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	a->stale = 1;
	apply_forget_parent(a);
	rc = down(a, &l, &fd, name);
	while (rc == 0 && l != NULL) {
		if (l->at == l->names.len)
			rc = up(&l, &fd);
		else {
			next = l->names.data + l->at;
			l->at += strlen(next) + 1;
			rc = down(a, &l, &fd, next);
		}
	}
	e = errno;
	while (l != NULL)
		drop(&l);
	close(fd);
	errno = e;
	return rc;
}

int
prune_opaque(struct apply *a, int dirfd)
{
	return prune(a, dirfd, ".");
}

int
prune_name(struct apply *a, int dirfd, uint64_t ino, const char *name)
{
	int rc;

	switch (look(a, dirfd, ino, name)) {
	case NOTHING:
		rc = remove_lower(a, dirfd, name);
		a->stale = 1;
		apply_forget_parent(a);
		return rc;
	case LOOK_INTO:
		return prune(a, dirfd, name);
	case ITS_OWN:
		return 0;
	}
	return -1;
}
