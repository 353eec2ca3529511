/* See LICENSE. */
#ifndef LINUX_H
#define LINUX_H

#include <errno.h>

/*
 * Whether a system call that fails so is one to do without: the kernel does
 * not know it, or a filter does not.  Filters that are older than a call answer
 * EPERM, as docker's did.  Where the call is there and that was its true
 * answer, what is done instead fails likewise.
 */
static inline int
linux_lacks(int error)
{
	return error == ENOSYS || error == EPERM;
}

#endif
