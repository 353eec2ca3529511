/* See LICENSE. */
#ifndef DU_H
#define DU_H

/*
 * The bytes that the files below a directory occupy, hardlinks counted as often
 * as they are met; follows no link, enters no mount.  What cannot be looked at
 * counts nothing.
 */
unsigned long long du_tree(int dirfd);

#endif
