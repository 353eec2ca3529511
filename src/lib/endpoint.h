/* See LICENSE. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "auth.h"
#include "challenge.h"
#include "http.h"
#include "reply.h"

/*
 * A server that may have the repository: the registry itself, or a mirror of
 * it; what it was found to want, and the credentials that are its own.
 */
struct endpoint {
	struct endpoint *next;
	char *base;   /* URL up to /v2 */
	char *domain; /* host[:port], the key to its credentials */
	struct http_origin origin;
	char *ns; /* of a mirror: the domain it stands in for; else NULL */
	const char *repository;
	int verbose;
	struct auth auth;
	struct challenge challenge;
	struct addr sender;  /* who sent it */
	char *value;	     /* of Authorization, or NULL */
	long expires;	     /* of value, endpoint_now; 0 is never */
	unsigned generation; /* of value */
	int guess;	     /* http was guessed, it may be https */
	int spoke;	     /* it has answered */
	int dead;	     /* it is not to be asked again */
};

/* Takes over nothing.  NULL with errno; EINVAL: not an http or https URL. */
struct endpoint *endpoint_new(const char *base, const char *ns,
    const char *domain, const char *repository);
void endpoint_free(struct endpoint *);

/* "BASE/v2/REPOSITORY/KIND/ID", malloced; NULL when out of memory. */
char *endpoint_url(const struct endpoint *, const char *kind, const char *id);

/*
 * Runs the exchange for KIND/ID, method, accept and limits being set in call,
 * with the authorization that it takes; passing failures are tried again.  0
 * with a reply that is no 401, or a failure of the exchange, in call; or a
 * status and why.
 */
int endpoint_call(struct http *, struct endpoint *, const char *kind,
    const char *id, struct http_call *, char why[REPLY_WHY]);

/*
 * Gets the authorization that a 401 asks for; with NULL renews what has
 * expired.  0, and ep->value is another one; or a status and why.
 */
int endpoint_authorize(struct http *, struct endpoint *,
    const struct http_call *reply, char why[REPLY_WHY]);
/* Renews it when its time has come. */
int endpoint_refresh(struct http *, struct endpoint *, char why[REPLY_WHY]);

/* Milliseconds of a clock that only goes forward. */
long endpoint_now(void);

#endif
