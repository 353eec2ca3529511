/* See LICENSE. */
#ifndef START_H
#define START_H

#include <signal.h>

/*
 * What a program takes over from its caller, put right before anything else
 * is done.
 */

/*
 * Opens /dev/null where 0, 1 or 2 is closed, so that nothing that is opened
 * later takes their numbers: there it would get what is printed.  For a command
 * they are as a daemon has them: reads end at once, writes vanish.  Without
 * one, 0 can only be written to and the others only be read, so that using
 * them fails, as it would have.  0, or -1 after a message.
 */
int start_descriptors(int command);

/*
 * For a program without a command.  The descriptors, as above.  A file that
 * becomes too large is an error, EFBIG, no signal.  Children can be waited for,
 * although the caller ignored SIGCHLD.  0, or -1 after a message.
 */
int start_program(void);

/* Ignores the signal from here on. */
void start_ignore(int sig);

/*
 * The signals that are ignored but were not by the caller, which programs that
 * are started are to have by default again.
 */
void start_ignored(sigset_t *);

#endif
