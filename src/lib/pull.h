/* See LICENSE. */
#ifndef PULL_H
#define PULL_H

#include "apply.h"
#include "fdio.h"
#include "manifest.h"
#include "platform.h"
#include "ref.h"
#include "store.h"

/* Where manifests and blobs come from: a registry or an archive. */
struct pull_source {
	/* Gets a manifest by tag or digest, verified; *type may be NULL. */
	int (*manifest)(void *, const char *, struct buf *, char **type,
	    char digest[DIGEST_MAX]);
	/* As registry_blobs. */
	int (*blobs)(void *, struct store *, const struct descriptor *,
	    size_t n, int (*done)(void *, size_t), void *);
	/* Whether a manifest is there at all; NULL: all are. */
	int (*has)(void *, const char *digest);
	void *arg;
};

struct pull {
	struct store *store;
	const char *name;	  /* for messages */
	const struct ref *refs;	  /* what it is to be called ... */
	size_t nrefs;		  /* ... by so many names */
	const char *start;	  /* tag or digest to begin with */
	struct platform platform; /* wanted */
	int verify;		  /* look at every blob again */
	struct apply_limits limits;
};

/*
 * Fetches, verifies, unpacks and names one image, by all its names.  The digest
 * of its manifest in digest.  0 or status; a failure leaves nothing but whole
 * blobs and what a later run resumes.
 */
int pull_image(
    const struct pull *, const struct pull_source *, char digest[DIGEST_MAX]);

/* Warns when the image whose directory this is does not run on a platform. */
void pull_check_platform(
    const char *name, const struct platform *want, int dirfd);

#endif
