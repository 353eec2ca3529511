/* See LICENSE. */
#ifndef TRUST_H
#define TRUST_H

#include <sys/types.h>

/* Paths that other users may have a hand in.  Silent: -1 and errno. */

/*
 * Whether a path, absolute and canonical, leads where it leads whatever other
 * users do: 1.  0 when one of them may rename on the way; *at is then the
 * directory where he may, malloced.
 *
 * Trusted are this user and who owns "/".
 */
int trust_path(const char *path, char **at);

/*
 * Opens what an absolute path names, as a place (O_PATH), through links of root
 * and of this user alone.  -1: EPERM for another's link, whose owner is then in
 * *owner.
 */
int trust_open(const char *path, uid_t *owner);

#endif
