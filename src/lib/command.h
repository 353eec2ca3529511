/* See LICENSE. */
#ifndef COMMAND_H
#define COMMAND_H

/* How a command that could not be run ends, as env(1) and chroot(1) do. */
enum { COMMAND_DENIED = 126, COMMAND_MISSING = 127 };

/*
 * Replaces the process by argv[0], looked up in the PATH of env when it has no
 * slash.  A file of unknown format is not given to a shell.  Returns one of the
 * above after a message that says why.
 */
int command_exec(char *const argv[], char *const env[]);

#endif
