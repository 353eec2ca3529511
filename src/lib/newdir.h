/* See LICENSE. */
#ifndef NEWDIR_H
#define NEWDIR_H

#include <sys/types.h>

/*
 * Makes the directory `name' below dirfd, where others may rename, and opens
 * it: a descriptor of a directory that is new and this user's.  Its mode is
 * exactly `mode', it has no ACL.  -1 and errno; ESTALE when something else was
 * put in its place.  Silent.
 */
int newdir_make(int dirfd, const char *name, mode_t mode);

#endif
