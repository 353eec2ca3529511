/* See LICENSE. */
#include "links.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

#define LINKS 8

struct link {
	char *path; /* NULL: nothing is here */
	size_t len;
	int fd;
};

struct links {
	struct link v[LINKS];
	size_t next; /* to be replaced */
};

struct links *
links_new(void)
{
	return calloc(1, sizeof(struct links));
}

static void
forget(struct link *l)
{
	if (l->path == NULL)
		return;
	close(l->fd);
	free(l->path);
	l->path = NULL;
}

void
links_clear(struct links *ls)
{
	size_t i;

	for (i = 0; i < LINKS; i++)
		forget(&ls->v[i]);
}

void
links_free(struct links *ls)
{
	if (ls == NULL)
		return;
	links_clear(ls);
	free(ls);
}

void
links_add(struct links *ls, const char *path, size_t len, int fd)
{
	struct link *l = &ls->v[ls->next++ % LINKS];

	forget(l);
	if ((l->path = strndup(path, len)) == NULL) {
		close(fd);
		return;
	}
	l->len = len;
	l->fd = fd;
}

int
links_open(const struct links *ls, const char *path)
{
	const struct link *l;
	const char *rest;
	int fd;

	for (l = ls->v; l < ls->v + LINKS; l++) {
		if (l->path == NULL || strncmp(path, l->path, l->len) != 0)
			continue;
		rest = path + l->len;
		if (*rest != '\0' && *rest != '/')
			continue;
		rest = *rest == '/' ? rest + 1 : ".";
		fd = sys_open_plain(l->fd, rest, O_RDONLY | O_DIRECTORY);
		if (fd != -1)
			return fd;
	}
	return -1;
}
