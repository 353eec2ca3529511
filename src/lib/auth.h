/* See LICENSE. */
#ifndef AUTH_H
#define AUTH_H

#include <stddef.h>

/* Credentials for one registry; NULL is absent. */
struct auth {
	char *user;
	char *password;
	char *identity; /* a refresh token */
	char *bearer;	/* a ready token */
};

#define AUTH_HELPER_MAX 64

/*
 * Looks for the credentials of domain/path (path may be NULL) in
 * $REGISTRY_AUTH_FILE, podman's auth.json, docker's config.json and
 * ~/.dockercfg, in this order (containers-auth.json(5)), running credential
 * helpers they name.  What is wrong there is warned about and counts as
 * nothing found.
 */
void auth_find(const char *domain, const char *path, struct auth *);

/*
 * The same in the text of one file; legacy: it is a .dockercfg.  helper is the
 * name of the program to ask, server what to ask it for, when the file says
 * so, else "".  0; -1 and *why when the text is malformed.  Silent.
 */
int auth_lookup(const char *text, size_t len, int legacy, const char *domain,
    const char *path, struct auth *, char helper[AUTH_HELPER_MAX],
    const char **why);

/* Whether there is nothing. */
int auth_none(const struct auth *);
/* Overwrites and frees. */
void auth_clear(struct auth *);

/* base64(user:password), malloced; NULL when out of memory.  Silent. */
char *auth_basic(const char *user, const char *password);

#endif
