/* See LICENSE. */
#ifndef SPACE_H
#define SPACE_H

#include <stddef.h>

#include "manifest.h"
#include "store.h"

/*
 * Whether the file system of the store has room for what is missing of n blobs,
 * each digest counted once, less what an earlier run left of it: as far as it
 * tells.  0, or ST_LOCAL after a message.
 */
int space_check(struct store *, const struct descriptor *, size_t n);

/*
 * After a failure that may have been that of another process: where the file
 * system is full now, no part of a blob is kept.  Silent.
 */
void space_lost(struct store *);

#endif
