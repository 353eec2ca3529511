/* See LICENSE. */
#ifndef AHEAD_H
#define AHEAD_H

#include <stddef.h>
#include <sys/types.h>

/*
 * A stream that is read ahead of who takes it, in a thread of its own, by half
 * a megabyte at most.  Where no thread is wanted or can be made, it is read
 * when it is asked for.
 */
struct ahead;

/* Up to size bytes, as read(2): how many, 0 at the end, -1. */
typedef ssize_t ahead_read(void *, void *, size_t);

/*
 * Starts the thread, if one is wanted, which reads nothing before the first
 * ahead_next.  What read uses is the thread's from then on, until ahead_next
 * has returned 0 or -1.  NULL and errno.
 */
struct ahead *ahead_new(ahead_read *, void *, int thread);
/* 1 and bytes that stay until the next call; what read returned: 0 or -1. */
int ahead_next(struct ahead *, const void **, size_t *);
/* Waits for the thread: for a read that it is in. */
void ahead_free(struct ahead *);

#endif
