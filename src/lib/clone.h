/* See LICENSE. */
#ifndef CLONE_H
#define CLONE_H

/*
 * Copies the tree srcfd into the existing empty directory dstfd, with several
 * threads: data (reflinks and holes kept), hardlinks, owners, modes, xattrs,
 * times in nanoseconds, of the top directory as well.  Devices are made where
 * the caller may.  what names the copy in messages.  Stops at the first
 * failure.  0 or -1.
 */
int clone_tree(int srcfd, int dstfd, const char *what);

/* Makes a clone_tree that runs stop and fail, silently.  For signal handlers.
 */
void clone_interrupt(void);

#endif
