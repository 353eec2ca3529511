/* See LICENSE. */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "fdio.h"
#include "manifest.h"
#include "store.h"

/*
 * The files of an archive: a tar (plain or compressed, a file or a stream) or
 * a directory, found by path or by digest.  A stream is kept in the store
 * while it is open, since what describes it may come last; without a store, in
 * a file without a name in $TMPDIR.
 */
struct members;

struct members_opts {
	uint64_t bytes_max; /* of a stream, and of what is inflated */
	int verbose;	    /* -v lines by msg_say */
};

/* NULL after a message, with the status in *status.  The store may be NULL. */
struct members *members_open(
    struct store *, const char *path, const struct members_opts *, int *status);
void members_close(struct members *);
int members_is_dir(const struct members *);
/* Whether it has what only archives of images have; of a directory: yes. */
int members_of_image(const struct members *);

/*
 * Appends the member's bytes.  0; ST_NOTFOUND (silent) when there is none; or
 * status, ST_REFUSED when it is longer than MANIFEST_SIZE_MAX.
 */
int members_load(struct members *, const char *path, struct buf *);
/* The same by digest. */
int members_load_digest(struct members *, const char *digest, struct buf *);

/* Digest and size of a member (links among members are followed).  0, or
 * ST_NOTFOUND, silent. */
int members_describe(struct members *, const char *path, struct descriptor *);
/* Whether a member has this digest. */
int members_has(struct members *, const char *digest);

/*
 * Brings n blobs from the archive into the store, as registry_blobs does.
 */
int members_blobs(struct members *, struct store *, const struct descriptor *,
    size_t n, int (*done)(void *, size_t), void *);

/*
 * The archive itself as a layer: digest and size as it is, diffID of what it
 * holds.  0 or status.
 */
int members_as_layer(
    struct members *, struct descriptor *, char diffid[DIGEST_MAX]);

#endif
