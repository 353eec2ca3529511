/* See LICENSE. */
#ifndef IMAGEFILE_H
#define IMAGEFILE_H

#include <stddef.h>

#include "fdio.h"
#include "manifest.h"
#include "members.h"
#include "platform.h"
#include "store.h"

/*
 * Images that come as files: docker save (before and since version 25), an OCI
 * layout as directory or tar, a tree as a tar (docker export).  What has no
 * manifest of its own gets one, always the same for the same bytes.
 */
struct imagefile;

/*
 * "-" is standard input.  The platform is what a bare tree is said to be for.
 * NULL after a message, with the status in *status.
 */
struct imagefile *imagefile_open(struct store *, const char *path,
    const struct platform *, const struct members_opts *, int *status);
void imagefile_close(struct imagefile *);

/*
 * The names of the images in it: at least one; those of one image follow one
 * another.  A name is NULL where the image has none.
 */
size_t imagefile_count(const struct imagefile *);
const char *imagefile_name(const struct imagefile *, size_t);
const char *imagefile_digest(const struct imagefile *, size_t);

/* Gets a manifest or index by digest, verified; *type is malloced, may be
 * NULL.  0 or status. */
int imagefile_manifest(
    struct imagefile *, const char *digest, struct buf *, char **type);
int imagefile_has(struct imagefile *, const char *digest);
/* As registry_blobs. */
int imagefile_blobs(struct imagefile *, struct store *,
    const struct descriptor *, size_t n, int (*done)(void *, size_t), void *);

#endif
