/* See LICENSE. */
#ifndef OWN_H
#define OWN_H

#include <stddef.h>
#include <stdint.h>

/*
 * What the current layer has set: names in directories, by the inode number of
 * the directory, and directories that have such names somewhere below.
 * Whiteouts and opaque markers leave these alone.  All functions cost the same
 * however much there is.
 *
 * Kept are 64-bit hashes, 8 to 18 bytes for each, not the names: two of ten
 * million have the same hash once in 300,000 runs.  The key is random, so that
 * nobody can make an image for which they have.
 */
struct own;

struct own *own_new(void); /* NULL and errno.  Silent. */
void own_free(struct own *);
/* Forgets all: the next layer. */
void own_clear(struct own *);

/* Adds; 1 when it was there already, 0 when not, -1 without memory. */
int own_add(struct own *, uint64_t dir, const char *name);
int own_has(const struct own *, uint64_t dir, const char *name);

#endif
