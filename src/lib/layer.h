/* See LICENSE. */
#ifndef LAYER_H
#define LAYER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "ref.h"

/*
 * A stream of tar entries out of a blob: decompressed (in a thread, ahead of
 * the rest, if so wanted), hashed, parsed.  Silent.
 */
struct layer;

enum layer_type {
	LAYER_FILE,
	LAYER_DIR,
	LAYER_SYMLINK,
	LAYER_HARDLINK,
	LAYER_CHAR,
	LAYER_BLOCK,
	LAYER_FIFO
};

struct layer_xattr {
	char *name;
	void *value;
	size_t size;
};

/* Valid until the next call on the layer. */
struct layer_entry {
	enum layer_type type;
	const char *path; /* as in the archive, any bytes but NUL */
	const char *link; /* target of a symlink or hardlink */
	mode_t mode;	  /* 07777 */
	uint64_t uid, gid;
	uint64_t size; /* of a file, holes included */
	unsigned major, minor;
	int has_mtime;
	struct timespec mtime;
	const struct layer_xattr *xattrs;
	size_t nxattrs;
};

/*
 * Reads fd (not closed) from its offset, so many bytes at most, but nothing
 * before the first layer_next; with or without a thread.  NULL and errno.
 */
struct layer *layer_open(int fd, uint64_t bytes, int thread);
/* Refuses a stream of more uncompressed bytes than max, with those before. */
void layer_limit(struct layer *, uint64_t before, uint64_t max);
/* 1 and *e; 0 at the end; -1: layer_status and layer_why tell. */
int layer_next(struct layer *, struct layer_entry *);
/*
 * The next stretch of the current file's data: 1 with data, length and offset
 * (holes are skipped); 0 at its end; -1.
 */
int layer_data(struct layer *, const void **, size_t *, uint64_t *offset);
/*
 * Reads to the end of the stream, past the end mark; then the digest (sha256)
 * of all uncompressed bytes.  0 or status.
 */
int layer_end(struct layer *, char diffid[DIGEST_MAX]);
/* After the last entry: whether the end was marked as tar does. */
int layer_marked(const struct layer *);
/* Uncompressed bytes read so far. */
uint64_t layer_taken(const struct layer *);
int layer_status(const struct layer *);
const char *layer_why(const struct layer *);
void layer_close(struct layer *);

#endif
