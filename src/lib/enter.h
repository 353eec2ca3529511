/* See LICENSE. */
#ifndef ENTER_H
#define ENTER_H

#include "passwd.h"

/*
 * The steps into a root, in this order.  Each 0, or -1 after a message.
 */

/*
 * Refuses a directory on 0, 1 or 2, which are open, and closes every other
 * descriptor that is a directory: by fchdir(2) it would lead out of the root.
 * What else is inherited is left alone.
 */
int enter_descriptors(void);

/* Changes the root and the working directory; path is for messages. */
int enter_root(int rootfd, const char *path);

/*
 * Changes the working directory; relative means below /.  What is missing is
 * made, mode 0755, and given to the user.  1, silent, when the directory is
 * denied even to root, as on NFS: to be tried again as the user.
 */
int enter_workdir(const char *dir, const struct passwd_user *);

/*
 * Becomes the user, for good; privilege is gained by no exec from then on
 * unless the user is root.
 */
int enter_user(const struct passwd_user *);

#endif
