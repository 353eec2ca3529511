/* See LICENSE. */
#ifndef REPLY_H
#define REPLY_H

#include <stddef.h>

#include "http.h"

#define REPLY_WHY 512

/*
 * What a reply that is no success means: the status for it, and the words in
 * why.  Silent.
 */
int reply_fail(const struct http_call *, char why[REPLY_WHY]);

/*
 * What the server says of the error, short; "" when nothing.  Of a reply that
 * may hold a secret, or of an error behind a redirect, only the members that
 * are for people; of one that brings a secret that was asked for nothing.
 */
char *reply_text(const struct http_call *, char *dst, size_t size);

/* Prints each new Warning: 299 of the server. */
void reply_warnings(const struct http_call *);

#define REPLY_TRIES 5

/* Whether the failure looks passing; known: see reply_again. */
int reply_passing(const struct http_call *, int known);
/*
 * Milliseconds to wait after the nth try, by Retry-After or doubling; -1 when
 * the server wants more patience than anybody has.
 */
long reply_delay(const struct http_call *, unsigned nth);

/*
 * After the nth try: 1 when there should be another, having waited for it.
 * known: the server has answered before, so that a refused connection is a
 * passing failure, too.
 */
int reply_again(struct http *, const struct http_call *, unsigned nth,
    unsigned tries, int known, int verbose);

#endif
