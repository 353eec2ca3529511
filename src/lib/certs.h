/* See LICENSE. */
#ifndef CERTS_H
#define CERTS_H

#include "fdio.h"

/*
 * Certificates of one server: directory host[:port] in
 * ~/.config/containers/certs.d, /etc/containers/certs.d or
 * /etc/docker/certs.d, the first that is there (containers-certs.d(5)): *.crt,
 * and X.cert with X.key.
 */
struct certs {
	struct certs *next;
	char *name;    /* host[:port] */
	int present;   /* there is a directory */
	struct buf ca; /* PEM */
	char *cert;    /* path or NULL */
	char *key;     /* path or NULL */
};

/*
 * The certificates for a server, read once and kept in the list.  NULL, and
 * the reason in why.  Silent.
 */
const struct certs *certs_get(
    struct certs **, const char *hostport, char *why, size_t size);
/* Frees a list. */
void certs_free(struct certs *);

#endif
