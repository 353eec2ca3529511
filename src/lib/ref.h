/* See LICENSE. */
#ifndef REF_H
#define REF_H

#include <stddef.h>

#define DIGEST_MAX 136 /* "sha512:" and 128 digits and NUL */

/*
 * An image reference in its normal form: redis is docker.io, library/redis,
 * latest, no digest.  Grammar: distribution/reference.
 */
struct ref {
	int http;		 /* the source said http:// */
	char *domain;		 /* docker.io, localhost:5000, [::1]:5000 */
	char *path;		 /* library/redis */
	char *tag;		 /* NULL when only a digest was given */
	char digest[DIGEST_MAX]; /* "" when none */
};

/*
 * Parses docker:// or http:// in front, then
 * [domain/]path[:tag][@digest].  After http:// the domain must be there, and
 * gets :80 where only a port tells that it is one.  The last part of the path,
 * and the longest that follows it, fit a file name: 183 bytes at most.  0, or
 * ST_USAGE after a message.
 */
int ref_parse(const char *, struct ref *);
/* The same: NULL, or why it is malformed.  Silent. */
const char *ref_read(const char *, struct ref *);
void ref_free(struct ref *);

/* "docker.io/library/redis": malloced, NULL and errno.  Silent. */
char *ref_repository(const struct ref *);
/* The same and ":tag" (the tag only where there is one, no digest).  Silent. */
char *ref_name(const struct ref *);

/*
 * sha256:<64 lower-case hex> or sha512:<128>: the only digests that may become
 * a path or a URL.
 */
int ref_digest_ok(const char *);
/* The digits of a good digest. */
const char *ref_digest_hex(const char *);

#endif
