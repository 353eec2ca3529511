/* See LICENSE. */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"

static sigset_t ignored;

int
start_descriptors(int command)
{
	int fd, how;

	for (fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
			continue;
		how = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
		/* the lowest that is free, which is fd */
		if (open("/dev/null", command ? O_RDWR : how) == -1)
			return msg_fail(
			    -1, "descriptor %d is closed: /dev/null", fd);
	}
	return 0;
}

void
start_ignore(int sig)
{
	struct sigaction sa, old;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	if (sigaction(sig, &sa, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaddset(&ignored, sig);
}

void
start_ignored(sigset_t *set)
{
	*set = ignored;
}

int
start_program(void)
{
	if (start_descriptors(0) == -1)
		return -1;
	sigemptyset(&ignored);
	signal(SIGCHLD, SIG_DFL);
	start_ignore(SIGXFSZ);
	return 0;
}
