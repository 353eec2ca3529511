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

#endif
