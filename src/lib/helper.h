/* See LICENSE. */
#ifndef HELPER_H
#define HELPER_H

#include "auth.h"

/*
 * Asks the program docker-credential-NAME for the credentials of server
 * (docker-credential-helpers).  1 when it has some.  A failure is warned about
 * and counts as none: a public image needs no credentials.
 */
int helper_get(const char *name, const char *server, struct auth *);

#endif
