/* See LICENSE. */
#ifndef UNPACK_H
#define UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "apply.h"
#include "manifest.h"
#include "ref.h"

/*
 * Makes the tree of an image from its layers, in a worker, so that one layer
 * unpacks while others are still on their way.  Rules: chr-store(5),
 * UNPACKING.
 */
struct unpack;

struct unpack_job {
	const char *name; /* of the image, for messages; stays */
	int dirfd;	  /* where "root" is made */
	int storefd;	  /* where the blobs are */
	/* limits.bytes is the most that all layers may inflate to, too */
	struct apply_limits limits;
	size_t nlayers;
	const struct descriptor *layers;   /* nlayers of them, bottom first */
	const char (*diffids)[DIGEST_MAX]; /* likewise */
};

/* NULL after a message. */
struct unpack *unpack_start(const struct unpack_job *);
/* Layer i is verified and can be opened; any order. */
int unpack_ready(struct unpack *, size_t i);
/* Whether the worker has ended, or is about to: it failed, or made the tree. */
int unpack_ended(const struct unpack *);
/* What the finished tree holds. */
struct unpack_stats {
	uint64_t bytes;	  /* of file data written, less holes */
	uint64_t entries; /* inodes: what a copy of the tree will need */
};

/* Waits for the worker; frees.  0 and the stats, or status after message. */
int unpack_finish(struct unpack *, struct unpack_stats *);
/* Ends the worker, whatever it has to say; frees.  The tree is the caller's to
 * remove. */
void unpack_abort(struct unpack *);

#endif
