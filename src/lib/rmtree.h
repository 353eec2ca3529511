/* See LICENSE. */
#ifndef RMTREE_H
#define RMTREE_H

/*
 * Removes the tree `name' below dirfd, several threads, few descriptors
 * whatever its depth.  Follows no link, enters no mount point (by the kernel's
 * word); opens directories that refuse their owner.  What cannot be removed is
 * named (path, reason) and the rest goes on.  path is dirfd/name for messages.
 * A tree that is not there is success.  0, or -1 after messages.
 */
int rmtree(int dirfd, const char *name, const char *path);

#endif
