/* See LICENSE. */
#ifndef STOREIMPL_H
#define STOREIMPL_H

#include "store.h"

/* What store.c, names.c, image.c, blob.c and space.c share; for nobody else. */

#define STORE_PATH_MAX 256

struct store {
	char *path;
	int fd;
	int verify;
	int renamed; /* index.json is older than names/ */
	int full;    /* there was no space: no part of a blob is kept */
};

/*
 * "blobs/sha256/PREFIX<hex>SUFFIX" in path; -1 and EINVAL for a digest that may
 * not become a path.
 */
int store_blob_path(const char *digest, const char *prefix, const char *suffix,
    char path[STORE_PATH_MAX]);

/* A flock(2) on a directory of the store: close it to unlock.  Silent. */
int store_lock(struct store *, const char *dir, int how);

#endif
