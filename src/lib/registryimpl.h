/* See LICENSE. */
#ifndef REGISTRYIMPL_H
#define REGISTRYIMPL_H

#include "endpoint.h"
#include "registry.h"

/* What registry.c, mirrors.c and fetch.c share; for nobody else. */

struct registry {
	struct registry_opts opts;
	struct http *http;
	char *name;		    /* docker.io/library/redis */
	char *tag_name;		    /* the same with the tag, if any */
	char *repository;	    /* library/redis */
	struct endpoint *endpoints; /* mirrors first, the registry last */
	struct addr sender;	    /* of the last manifest */
	int sender_tls;
};

/*
 * The mirrors of a domain, by $CHR_MIRRORS or /etc/chr/mirrors, as a list in
 * *list.  0; ST_LOCAL after a message.
 */
int mirrors_find(
    const char *domain, const char *repository, struct endpoint **list);

#endif
