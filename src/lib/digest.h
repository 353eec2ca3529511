/* See LICENSE. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>

#include "ref.h"

/* A running hash.  The only user of libcrypto. */
struct digest;

/* For the algorithm of a good digest string (ref_digest_ok). */
struct digest *digest_new(const char *like);
void digest_add(struct digest *, const void *, size_t);
/* Writes "sha256:..." and frees. */
void digest_end(struct digest *, char out[DIGEST_MAX]);
void digest_free(struct digest *);

/* The digest of bytes in memory, by the algorithm of like ("sha256:..."). */
int digest_of(const char *like, const void *, size_t, char out[DIGEST_MAX]);

#endif
