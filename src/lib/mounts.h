/* See LICENSE. */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stddef.h>

/* What is mounted in a root for one command. */
struct mounts_bind {
	const char *src; /* on the host */
	const char *dst; /* below the root, begins with a slash */
	int ro;
};

/* Takes src:dst[:ro] apart, in place.  0; -1, silent, and it is as it was. */
int mounts_parse(char *, struct mounts_bind *);

/*
 * Leaves the mount namespace for a private one and mounts there: with kernel,
 * /proc, /sys (read-only) and a minimal /dev; then the binds in their order.
 * Mount points are found inside the root and made where missing.  rootfd is
 * the directory root; a descriptor for it in the new namespace, or -1 after a
 * message.
 */
int mounts_make(const char *root, int rootfd, int kernel,
    const struct mounts_bind *, size_t n);

#endif
