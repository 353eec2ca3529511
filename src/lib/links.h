/* See LICENSE. */
#ifndef LINKS_H
#define LINKS_H

#include <stddef.h>

/*
 * Where some links lead that were followed of late, each a path and the
 * directory that it leads to: what is below need not follow them again.
 * Silent.
 */
struct links;

/* NULL and errno. */
struct links *links_new(void);
void links_free(struct links *);
/* Something was removed or put in another's place: none counts any more. */
void links_clear(struct links *);
/* The first len bytes of path lead to the directory fd, which is taken over. */
void links_add(struct links *, const char *path, size_t len, int fd);
/*
 * Opens a clean path that one of them begins, when no other link is on the rest
 * of the way: a directory.  -1 when that cannot be, whatever the reason.
 */
int links_open(const struct links *, const char *path);

#endif
