/* See LICENSE. */
#ifndef WORKER_H
#define WORKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Processes that handle foreign bytes and hold no secret.  They are forked by
 * the zygote, a process that was forked before any credential was read, that
 * has forgotten its environment, and that has nothing open but the standard
 * descriptors.  In a process without a zygote, such as a worker, they are
 * forked from it itself.  Silent: -1 and errno.
 */

#define WORKER_FDS 4
#define WORKER_ARGS 2

/* What a worker does: returns its exit status.  The descriptors are its own. */
typedef int worker_main(const int *fds, const uint64_t *args);

/*
 * Forks the zygote, which ends when this process ends, its workers with it.
 * prepare is called in it: what it keeps is there in all workers.  0, or -1.
 */
int worker_begin(void (*prepare)(void));
/* Ends the zygote. */
void worker_stop(void);

/*
 * Starts a worker with so many descriptors, at most WORKER_FDS, which stay the
 * caller's, and WORKER_ARGS numbers.  Its pid, for worker_end, or -1.
 */
pid_t worker_start(worker_main *, const int *fds, size_t n, const uint64_t *);
/* Sends the signal, if any, and waits for the end: as waitpid(2) says, or -1.
 */
int worker_end(pid_t, int sig);

#endif
