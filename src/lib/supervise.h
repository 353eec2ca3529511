/* See LICENSE. */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include <sys/types.h>

/*
 * A parent that stays beside its command: chr-exec -r.  There is one command
 * at a time.
 */

/*
 * The number of a signal as an image names it (SIGQUIT, QUIT, 3, RTMIN+3); -1
 * when there is none.  Silent.
 */
int supervise_signal(const char *name);

/*
 * Holds back every signal: what comes before supervise_fork is passed on by
 * it.  unblock undoes that, where there is nothing to supervise.
 */
void supervise_block(void);
void supervise_unblock(void);

/*
 * As fork(2), after supervise_block.  From then on the parent passes on to the
 * child every signal that a process sent it; a terminal's signals reach the
 * child anyway, which stays in the process group.  SIGTERM is passed on as the
 * signal term.  The child has the signals as they were before supervise_block.
 * -1 after a message: signals are still held back.
 */
pid_t supervise_fork(int term);

/* In the child: to die when the parent does.  -1 after a message. */
int supervise_bind(void);

/*
 * Waits for the child to end; stops as long as it is stopped.  Its status as
 * of waitpid(2).
 */
int supervise_wait(void);

/* Dies of the signal without a core file; returns when that did not do. */
void supervise_die(int sig);

#endif
