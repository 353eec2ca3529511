/* See LICENSE. */
#ifndef LEFTOVERS_H
#define LEFTOVERS_H

#include <sys/types.h>

/*
 * What a command of chr-exec -r leaves behind: the descendants of this process,
 * but not the children that it has before the command.
 */

/*
 * Before the command is started: descendants that lose their parent become
 * children of this process from here on.  0, or -1 after a message.
 */
int leftovers_adopt(void);

/* The child was waited for; its number may become another's. */
void leftovers_reaped(pid_t);

/*
 * Ends them all: SIGTERM; after two seconds SIGSTOP, until there is none that
 * runs and could fork, and SIGKILL.  path is the root, canonical; where there
 * were children before the command, only who is in it is known to be the
 * command's.  0; -1 after a message when some still live after ten seconds.
 * Also 0, and silent, where the system cannot tell who descends from this
 * process.
 */
int leftovers_end(const char *path);

#endif
