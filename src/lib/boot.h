/* See LICENSE. */
#ifndef BOOT_H
#define BOOT_H

/*
 * What a root knows of the machine's run, from its start to its end, in which
 * it was made, and of its own age (chr-store(5), Roots).
 *
 * A root is not synced.  BASE/boot says in which run it was made: after a
 * restart what was not on disk is missing from it.  Without that file all is
 * on disk, or nothing is known: hosts that share a file system restart one
 * without the other.
 */
enum boot {
	BOOT_NONE,
	BOOT_THIS,   /* made in this run, not known to be on disk */
	BOOT_EARLIER /* made before the machine restarted */
};

/* Marks the new root whose BASE is basefd.  0, or -1 and errno. */
int boot_mark(int basefd);
enum boot boot_of(int basefd);
/* The root is on disk as a whole.  0, or -1 and errno. */
int boot_unmark(int basefd);

/*
 * Notes that the root is unused from now on: BASE/idle.  0, or -1 and errno.
 */
int boot_note_idle(int basefd);
/*
 * The age of the mark `name' of BASE in seconds, 0 when it is not there: by the
 * wall clock, but not more than has passed since BASE/idle was written, if that
 * was in this run.
 */
double boot_age(int basefd, const char *name);

#endif
