/* See LICENSE. */
#ifndef CHALLENGE_H
#define CHALLENGE_H

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

/* What a server asks for; all zero is nothing.  Absent parameters are NULL. */
struct challenge {
	enum challenge_scheme scheme;
	char *realm;
	char *service;
	char *scope;
	char *error;
};

/*
 * Takes the best challenge out of one WWW-Authenticate value (RFC 9110, 11.6.1;
 * RFC 6750) unless *c is as good already: Bearer, then Basic; schemes it does
 * not know are skipped.  0; -1 when the value is malformed or a Bearer
 * challenge has no realm: what stands before that counts.  Silent.
 */
int challenge_add(struct challenge *c, const char *value);
void challenge_clear(struct challenge *);

#endif
