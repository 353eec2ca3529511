/* See LICENSE. */
#ifndef DU_H
#define DU_H

/*
 * The bytes that a directory and all below it occupy, each file counted once
 * however many names it has, into *sum.  Follows no link, enters no mount;
 * two descriptors whatever the depth.  What vanishes meanwhile counts nothing.
 * 0, or -1 and the first failure's errno, *sum being what could be looked at.
 * Silent.
 */
int du_tree(int dirfd, unsigned long long *sum);

#endif
