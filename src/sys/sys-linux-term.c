/* See LICENSE. */
#include "sys.h"

#include <sys/ioctl.h>

#include <errno.h>

int
sys_term_width(int fd)
{
	struct winsize w;

	if (ioctl(fd, TIOCGWINSZ, &w) == -1)
		return -1;
	if (w.ws_col == 0) {
		errno = ENOTTY;
		return -1;
	}
	return w.ws_col;
}
