/* See LICENSE. */
#ifndef STORE_H
#define STORE_H

#include <stddef.h>
#include <sys/types.h>

#include "fdio.h"
#include "manifest.h"
#include "ref.h"

/* The store: chr-store(5). */
struct store;

#define STORE_CREATE 1 /* make it when it is not there */
#define STORE_VERIFY 2 /* hash blobs that are there, not only size them */

/* $CHR_STORE, else by user.  NULL after a message; a store that is not there,
 * without STORE_CREATE, is NULL with errno ENOENT and silent. */
struct store *store_open(int flags);
void store_close(struct store *);
const char *store_path(const struct store *); /* absolute */
int store_fd(const struct store *);

/* --- blobs (needs libcrypto: chr-pull only) --- */

/* A blob that is being written to its temporary name, under a lock. */
struct blob;

enum { BLOB_OURS = 0, BLOB_DONE = -2, BLOB_BUSY = -3, BLOB_AGAIN = -4 };

/*
 * Whether the store has the blob: by its size, with STORE_VERIFY by its
 * digest too; a damaged one is reported and removed.
 */
int blob_have(struct store *, const struct descriptor *);

/*
 * BLOB_OURS: *b is to be written, from blob_offset() on: what an earlier run
 * left is kept and already hashed.  BLOB_DONE: the store has it.  BLOB_BUSY:
 * another process writes it; ask again later.  Else a status > 0.
 */
int blob_begin(struct store *, const struct descriptor *, struct blob **b);
/* The same, but waits for that process. */
int blob_wait(struct store *, const struct descriptor *, struct blob **b);
/* Says that we wait, to who watches. */
void blob_say_busy(const struct descriptor *);
uint64_t blob_offset(const struct blob *);
/* 0; ST_REFUSED when it would grow past its size; ST_LOCAL. */
int blob_write(struct blob *, const void *, size_t);
/* Throws away what is there: the server sends from the start. */
int blob_restart(struct blob *);
/*
 * Checks size and digest, syncs, renames; frees.  0, ST_REFUSED, ST_LOCAL.  Or
 * BLOB_AGAIN (silent, not freed): what an earlier run left was bad; it is
 * thrown away, all is to be fetched from the start.
 */
int blob_commit(struct blob *);
/* Unlocks and frees; what was written stays for a later run, unless a write to
 * the store found no space. */
void blob_abandon(struct blob *);

/* Stores bytes that are at hand and verified by the caller.  0 or status. */
int store_blob_put(struct store *, const char *digest, const void *, size_t);
/*
 * A blob whose digest is not known yet (an archive's): written to a temporary
 * name; blob_commit_as finds its digest and size.
 */
int blob_spool(struct store *, struct blob **);
int blob_commit_as(struct blob *, struct descriptor *);
/* The file being written, for reading it back with pread(2). */
int blob_fd(const struct blob *);

/* --- blobs and images, for all --- */

/* Opens a complete blob of the right size; -1 and errno ENOENT.  Silent. */
int store_blob_open(struct store *, const char *digest, uint64_t size);
/* The same, of the store whose directory is open. */
int store_blob_openat(int storefd, const char *digest, uint64_t size);
/* Reads a small blob.  0 or status. */
int store_blob_load(struct store *, const char *digest, uint64_t size,
    size_t max, struct buf *);

/*
 * Claims the making of the image with this manifest: waits for another process
 * that makes it.  BLOB_OURS: *dirfd is the directory that becomes images/HEX,
 * empty but for the list of the blobs it needs.  BLOB_DONE: *dirfd is the
 * complete images/HEX.  Either way nobody removes it, nor the blobs, while
 * *dirfd is open.  Else a status > 0.
 */
int image_begin(
    struct store *, const char *digest, char *const *blobs, int *dirfd);
/* Syncs the tree and renames the directory into place; dirfd stays open. */
int image_commit(struct store *, const char *digest, int dirfd);
/* A complete image, that nobody removes while it is open; -1 and errno.
 * Silent. */
int image_hold(struct store *, const char *digest);
/* Removes it again; closes dirfd. */
void image_abandon(struct store *, const char *digest, int dirfd);

/*
 * Names an image: names/REPOSITORY:TAG (if any), and @DIGEST for each of the
 * digests, which end in NULL.  0 or status.  store_index is to follow.
 */
int store_name(struct store *, const struct ref *, const char *digest,
    const char *const *digests);
/* Removes one name (path below names/).  0 or status.  store_index is to
 * follow. */
int store_unname(struct store *, const char *name);
/*
 * Writes index.json when names were given or taken since: once for all of them,
 * as it has them all.  A run that is killed before leaves it to the next that
 * changes a name.  0 or status.
 */
int store_index(struct store *);

/*
 * Finds an image by reference, name@digest or prefix of a digest: the digest
 * of its manifest ("sha256:...") in out.  0; ST_NOTFOUND, ST_USAGE, ST_LOCAL
 * after a message.
 */
int store_find(struct store *, const char *operand, char out[DIGEST_MAX]);
/* The same, but ST_NOTFOUND is silent. */
int store_lookup(struct store *, const char *operand, char out[DIGEST_MAX]);
/* Opens images/HEX.  -1 and errno.  Silent. */
int store_image_open(struct store *, const char *digest);

/*
 * Calls fn with each name (path below names/) and the digest of its image
 * until fn returns non-zero, which is returned: for -1 with errno a message is
 * printed here.  -1 after a message, too, when names cannot be read.
 */
int store_names(struct store *,
    int (*fn)(void *, const char *name, const char *digest), void *);

#endif
