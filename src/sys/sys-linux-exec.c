/* See LICENSE. */
#include "sys.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define FD_MAX (1 << 20)

static void
close_if_dir(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		close(fd);
}

/*
 * Where /proc is not mounted.  Above the hard limit, which may be lower than
 * what was opened before it was set, nothing is looked at: all is closed.
 */
static int
close_dirs_by_number(int lowest)
{
	struct rlimit rl;
	int fd, end = FD_MAX;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_max < FD_MAX)
		end = (int)rl.rlim_max;
	for (fd = lowest; fd < end; fd++)
		close_if_dir(fd);
	return sys_close_range(end > lowest ? end : lowest, INT_MAX);
}

int
sys_close_dirs(int lowest)
{
	struct dirent *de;
	DIR *dir;
	int fd;

	if ((dir = opendir("/proc/self/fd")) == NULL)
		return close_dirs_by_number(lowest);
	while ((errno = 0, de = readdir(dir)) != NULL) {
		fd = atoi(de->d_name);
		if (*de->d_name != '.' && fd >= lowest && fd != dirfd(dir))
			close_if_dir(fd);
	}
	fd = errno;
	closedir(dir);
	errno = fd;
	return errno == 0 ? 0 : -1;
}

int
sys_adopt_orphans(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
}
