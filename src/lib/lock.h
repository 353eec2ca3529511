/* See LICENSE. */
#ifndef LOCK_H
#define LOCK_H

#include <sys/file.h>

/*
 * Locks of flock(2), LOCK_SH or LOCK_EX, on open files and directories: they
 * end with the last descriptor of the open file.  A file system of a network
 * wants a file to be open for writing for LOCK_EX, for reading for LOCK_SH,
 * else EBADF.  Silent.
 */

/* 1; 0 when it is held against this; -1 and errno when locking fails. */
int lock_try(int fd, int how);

/* Waits for it.  0; -1 and errno. */
int lock_wait(int fd, int how);

/* Gives it up, for whoever has the open file. */
void lock_drop(int fd);

#endif
