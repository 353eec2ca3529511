/* See LICENSE. */
#ifndef TOKEN_H
#define TOKEN_H

#include "auth.h"
#include "challenge.h"
#include "http.h"
#include "reply.h"

struct token_ask {
	const struct http_origin *registry;
	const struct addr *sender; /* the address that sent the challenge */
	const struct challenge *challenge; /* Bearer */
	const char *repository;
	const struct auth *auth; /* those of the registry */
	int verbose;
};

/*
 * Gets a token to pull (distribution, Token Authentication Specification; OAuth
 * 2 for an identity token).  *token is malloced; *seconds is how long it
 * lives.  0; or a status and the reason in why.  Silent.
 */
int token_get(struct http *, const struct token_ask *, char **token,
    long *seconds, char why[REPLY_WHY]);

/*
 * Whether a registry may send us, and its users' credentials, to this realm:
 * https unless the registry has none, and no address of the local network but
 * the registry's own.  0; -1 and why.
 */
int token_realm_ok(
    const struct http_origin *registry, const char *realm, const char **why);

#endif
