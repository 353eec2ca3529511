/* See LICENSE. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <stddef.h>

#include "fdio.h"
#include "manifest.h"
#include "ref.h"
#include "store.h"

/* The distribution protocol (distribution-spec), for one repository. */
struct registry;

struct registry_opts {
	unsigned jobs;		   /* blobs at once */
	int verbose;		   /* -v lines by msg_say */
	struct progress *progress; /* or NULL */
};

/*
 * Chooses scheme, host, mirrors, certificates, credentials for ref.  No
 * network yet.  NULL after a message, with the status in *status.
 */
struct registry *registry_open(
    const struct ref *, const struct registry_opts *, int *status);
void registry_close(struct registry *);

/*
 * What the tag names now (or the digest, checked to be there): HEAD where the
 * server answers it well, else GET.  0 or status.
 */
int registry_resolve(
    struct registry *, const char *tag_or_digest, char digest[DIGEST_MAX]);

/*
 * Gets a manifest: by digest it is verified.  digest is that of the bytes.
 * *type is malloced, may be NULL.  At most MANIFEST_SIZE_MAX.  0 or status.
 */
int registry_manifest(struct registry *, const char *tag_or_digest,
    struct buf *body, char **type, char digest[DIGEST_MAX]);

/*
 * Brings n blobs into the store, several at once, and calls done(arg, i) as
 * each is there, verified (at once for those that the store has; perhaps more
 * than once), and done(arg, n) now and then meanwhile.  Equal digests are
 * fetched once.  When done returns non-zero all stops and that is returned.  0
 * or the status of the first failure; what was fetched stays for the next run.
 */
int registry_blobs(struct registry *, struct store *, const struct descriptor *,
    size_t n, int (*done)(void *, size_t), void *);

#endif
