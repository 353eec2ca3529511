/* See LICENSE. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* One progress line on a terminal: bytes of all, rate, time left, layers. */
struct progress;

/* NULL (which every function takes) when standard error is no terminal or
 * there is no memory. */
struct progress *progress_new(const char *name);
void progress_total(struct progress *, uint64_t bytes, size_t blobs);
void progress_add(struct progress *, int64_t bytes);
void progress_blob_done(struct progress *);
/* Redraws, at most ten times a second. */
void progress_tick(struct progress *);
/* Clears the line; frees. */
void progress_free(struct progress *);

#endif
