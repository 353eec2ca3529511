/* See LICENSE. */
#ifndef TRUST_H
#define TRUST_H

/*
 * Whether a path, absolute and canonical, leads where it leads whatever other
 * users do: 1.  0 when one of them may rename on the way; *at is then the
 * directory where he may, malloced.  -1 and errno.  Silent.
 *
 * Trusted are this user and who owns "/".
 */
int trust_path(const char *path, char **at);

#endif
