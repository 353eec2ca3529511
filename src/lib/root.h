/* See LICENSE. */
#ifndef ROOT_H
#define ROOT_H

#include <stddef.h>

/*
 * Roots that chr-mkroot made (chr-store(5), ROOTS): BASE is mode 0700 and
 * holds root/, lock, image, idle, boot, remove and the image's configuration.
 * The user sees BASE/root.
 */
struct root {
	int parentfd; /* the directory that holds BASE */
	int fd;	      /* BASE */
	char *name;   /* last component of BASE */
	char *path;   /* absolute, BASE/root: for messages and products */
};

/*
 * Opens the root at path.  0; 1 when chr-mkroot did not make it, *why says
 * what is missing; -1 and errno when there is nothing at path, or that cannot
 * be told.  Silent.
 */
int root_open(const char *path, struct root *, const char **why);
void root_close(struct root *);

/*
 * Makes DIR/.chr-PREFIX.XXXXXX (0700) with its lock, held, and an empty root/:
 * 0, or -1 after a message.  *lock is the descriptor to be closed when done.
 */
int root_make(const char *dir, const char *prefix, struct root *, int *lock);
/*
 * Gives the finished root its name: exactly what root_make made, whatever
 * others rename.  -1 after a message.
 */
int root_publish(struct root *);
/* Removes what root_make made, published or not. */
void root_discard(struct root *);

/*
 * BASE/lock, opened: flags are open(2)'s.  Who wants it exclusively needs
 * O_RDWR (lock.h).  -1 and errno.  Silent.
 */
int root_open_lock(const struct root *, int flags);

/*
 * The shared lock that marks the root in use: a descriptor, not close-on-exec
 * and high, to be inherited by the command.  Drops the idle mark.  flags as of
 * root_open_lock.  Waits a second for who has the lock.  ROOT_LOCKED after a
 * message that names who that is, or when locking fails; -1 after another.
 */
enum { ROOT_LOCKED = -2 };
int root_hold(struct root *, int flags);

/* The name of BASE, with its directory, while it is made; malloced. */
char *root_hidden_path(const struct root *);

/*
 * Removes what an interrupted making or removal left under the hidden name in
 * the directory dirfd, whose canonical path is dir.  1 when it did; 0 when it
 * is nothing of the kind or somebody works on it; -1 after messages.
 */
int root_remove_half(int dirfd, const char *dir, const char *name);
/* The same of the root that was at path. */
int root_resume(const char *path);

/*
 * Removes it: refuses when in use (unless `held' is the caller's own lock, open
 * for writing, else -1; it may be given up) and when anything but its own
 * overlay is mounted below it.  Resumable by chr-rm -g.  0, or ST_LOCAL after
 * messages.
 */
int root_remove(struct root *, int held);

#endif
