/* See LICENSE. */
#include "lock.h"

#include <errno.h>

int
lock_try(int fd, int how)
{
	while (flock(fd, how | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			return 0;
		if (errno != EINTR)
			return -1;
	}
	return 1;
}

int
lock_wait(int fd, int how)
{
	while (flock(fd, how) == -1)
		if (errno != EINTR)
			return -1;
	return 0;
}

void
lock_drop(int fd)
{
	flock(fd, LOCK_UN);
}
