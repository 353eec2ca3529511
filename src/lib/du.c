/* See LICENSE. */
#include "du.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "fdio.h"
#include "sys.h"

/* A directory on the way down: only the last one is open. */
struct level {
	struct level *up;
	dev_t dev;
	ino_t ino;
	struct buf names; /* of its subdirectories, each with its NUL */
	size_t next;
};

struct file {
	dev_t dev;
	ino_t ino; /* 0: none */
};

struct du {
	unsigned long long sum;
	int error;
	int fd; /* of level */
	struct level *level;
	struct file *files; /* of several names: a hash table */
	size_t nfiles, cap; /* the latter a power of 2 */
};

/* Keeps the first failure; what is not there is none. */
static void
note(struct du *du)
{
	if (errno != ENOENT && du->error == 0)
		du->error = errno;
}

static struct file *
find(struct file *files, size_t cap, dev_t dev, ino_t ino)
{
	size_t i = (size_t)(((uint64_t)ino * 0x9e3779b97f4a7c15U) >> 32);

	for (i &= cap - 1; files[i].ino != 0; i = (i + 1) & (cap - 1))
		if (files[i].ino == ino && files[i].dev == dev)
			break;
	return &files[i];
}

static int
grow(struct du *du)
{
	size_t cap = du->cap == 0 ? 256 : 2 * du->cap, i;
	struct file *f, *files;

	if ((files = calloc(cap, sizeof(*files))) == NULL)
		return -1;
	for (i = 0; i < du->cap; i++) {
		f = &du->files[i];
		if (f->ino != 0)
			*find(files, cap, f->dev, f->ino) = *f;
	}
	free(du->files);
	du->files = files;
	du->cap = cap;
	return 0;
}

/* Whether the file is met for the first time. */
static int
is_new(struct du *du, const struct stat *st)
{
	struct file *f;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return 1;
	if (2 * du->nfiles >= du->cap && grow(du) == -1) {
		note(du);
		return 1;
	}
	f = find(du->files, du->cap, st->st_dev, st->st_ino);
	if (f->ino != 0)
		return 0;
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	du->nfiles++;
	return 1;
}

static void
look_at(struct du *du, struct level *l, const char *name)
{
	struct stat st;

	if (fstatat(du->fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		note(du);
		return;
	}
	if (is_new(du, &st))
		du->sum += (unsigned long long)st.st_blocks * 512;
	if (S_ISDIR(st.st_mode) &&
	    buf_add(&l->names, name, strlen(name) + 1) == -1)
		note(du);
}

static void
read_level(struct du *du, struct level *l)
{
	struct dirent *e;
	DIR *d = NULL;
	int fd;

	fd = openat(du->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		note(du);
		if (fd != -1)
			close(fd);
		return;
	}
	while ((errno = 0, e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			look_at(du, l, e->d_name);
	if (errno != 0)
		note(du);
	closedir(d);
}

/* Makes the directory fd, which it takes over, the level. */
static void
enter(struct du *du, int fd)
{
	struct level *l;
	struct stat st;

	if (fstat(fd, &st) == -1 || (l = calloc(1, sizeof(*l))) == NULL) {
		note(du);
		close(fd);
		return;
	}
	if (du->level == NULL)
		du->sum += (unsigned long long)st.st_blocks * 512;
	else
		close(du->fd);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	l->up = du->level;
	du->level = l;
	du->fd = fd;
	read_level(du, l);
}

static void
drop(struct du *du)
{
	struct level *l = du->level;

	du->level = l->up;
	buf_free(&l->names);
	free(l);
	if (du->level == NULL)
		close(du->fd);
}

/* Goes back to the level above; a directory that was moved ends it all. */
static void
leave(struct du *du)
{
	struct stat st;
	int fd;

	drop(du);
	if (du->level == NULL)
		return;
	fd = openat(du->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		note(du);
	else if (st.st_dev == du->level->dev && st.st_ino == du->level->ino) {
		close(du->fd);
		du->fd = fd;
		return;
	} else {
		errno = ESTALE;
		note(du);
	}
	if (fd != -1)
		close(fd);
	while (du->level != NULL)
		drop(du);
}

int
du_tree(int dirfd, unsigned long long *sum)
{
	struct du du = {0};
	struct level *l;
	const char *name;
	int fd;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		note(&du);
	else
		enter(&du, fd);
	while ((l = du.level) != NULL) {
		if (l->next == l->names.len) {
			leave(&du);
			continue;
		}
		name = l->names.data + l->next;
		l->next += strlen(name) + 1;
		fd = FAULT("du_open") ? -1 : sys_open_subdir(du.fd, name);
		if (fd != -1)
			enter(&du, fd);
		else if (errno != EXDEV && errno != ENOTDIR && errno != ELOOP)
			note(&du);
	}
	free(du.files);
	*sum = du.sum;
	errno = du.error;
	return du.error == 0 ? 0 : -1;
}
