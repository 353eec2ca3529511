/* See LICENSE. */
#ifndef APPLY_H
#define APPLY_H

#include <stddef.h>
#include <stdint.h>

#include "layer.h"

/*
 * Puts the entries of layers into a tree: chr-store(5), UNPACKING.  Every name
 * resolves below the root by the kernel's word.
 */
struct apply;

struct apply_stats {
	uint64_t bytes;	  /* of file data written, less holes */
	uint64_t entries; /* files and directories made */
};

/* What may be unpacked for one image. */
struct apply_limits {
	uint64_t bytes; /* of file data, holes and all */
	uint64_t entries;
};

/* name is the image's, for messages.  rootfd stays the caller's. */
struct apply *apply_new(
    int rootfd, const char *name, const struct apply_limits *);
void apply_free(struct apply *);

/* A layer begins; digest is for messages. */
void apply_layer(struct apply *, const char *digest);
/* The next entry of it.  0, or status after a message. */
int apply_entry(struct apply *, const struct layer_entry *);
/* Data of the file that the last entry was.  0 or status. */
int apply_data(struct apply *, const void *, size_t, uint64_t offset);
/* The last file is complete. */
int apply_close(struct apply *);
/* All layers are there: the times of directories.  0 or status. */
int apply_finish(struct apply *, struct apply_stats *);

#endif
