/* See LICENSE. */
#ifndef LAUNCH_H
#define LAUNCH_H

/* What an image says of its command.  Strings may be "", lists empty. */
struct launch {
	char **argv;
	char **env;
	char *user;
	char *dir;
	char **entrypoint, **cmd; /* argv's strings are theirs */
};

/*
 * Reads the configuration files below basefd, -1 for a root without any; path
 * names it in messages.  The command is operands exactly; with append, they
 * follow the image's entrypoint; without operands, it is entrypoint and cmd.
 * user and dir go before the image's unless NULL.  0, or -1 after a message.
 */
int launch_read(int basefd, const char *path, int append, char **operands,
    const char *user, const char *dir, struct launch *);
void launch_free(struct launch *);

/* The signal that asks the command to end.  SIGTERM after a message when the
 * image names one that is not known here. */
int launch_stop_signal(int basefd, const char *path);

#endif
