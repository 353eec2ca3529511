/* See LICENSE. */
#ifndef MKROOT_H
#define MKROOT_H

#include "ref.h"
#include "root.h"
#include "store.h"

enum mkroot_method { MKROOT_COPY, MKROOT_OVERLAY, MKROOT_AUTO };

struct mkroot {
	struct store *store;
	const char *dir; /* where roots are made */
	enum mkroot_method method;
	int exact; /* nothing that the image has not */
	int quiet; /* no warnings */
	int verbose;
};

/*
 * Makes a root from the image of the store with this digest, which operand
 * named.  0 and *r with its lock held in *lock; or status after a message, and
 * nothing is left.
 */
int mkroot_make(const struct mkroot *, const char *operand,
    const char digest[DIGEST_MAX], struct root *r, int *lock);

#endif
