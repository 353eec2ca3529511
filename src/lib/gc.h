/* See LICENSE. */
#ifndef GC_H
#define GC_H

#include <stddef.h>

#include "store.h"

struct gc {
	struct store *store;
	double hours; /* that a root must have been unused */
	int verbose;  /* say what goes */
};

/*
 * Removes the roots of n directories that nobody wants any more: chr-rm(1), -g;
 * syncs those that stay.  A directory that is not there has none.  0, or
 * ST_LOCAL after messages.
 */
int gc_roots(const struct gc *, const char *const *dirs, size_t n);

/* Removes images without names and half-made ones that nobody works on. */
int gc_images(const struct gc *);

/* Removes blobs that no image needs, and parts that nobody fetches. */
int gc_blobs(const struct gc *);

/* Whether an overlay that is mounted stands on images/HEX: 1, 0, or -1 after a
 * message. */
int gc_has_overlays(struct store *, const char *hex);

/*
 * Removes an image, all its names, its tree, and the blobs that only it needed.
 * operand is for messages.  0 or status; refuses while it is being copied or
 * overlay roots stand on it.
 */
int gc_remove_image(
    const struct gc *, const char *operand, const char digest[DIGEST_MAX]);

#endif
