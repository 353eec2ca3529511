/* See LICENSE. */
#ifndef PATH_H
#define PATH_H

/*
 * Makes a//./b/../c a/c, in place; a leading / goes.  What would lead above the
 * top stays at the top with clamp, and is -1 without.  0.  For names in
 * archives, before the kernel resolves them.
 */
int path_clean(char *path, int clamp);

#endif
