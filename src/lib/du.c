/* See LICENSE. */
#include "du.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

#define DEPTH_MAX 200

/* Takes over fd. */
static unsigned long long
walk(int fd, int depth)
{
	unsigned long long sum = 0;
	struct dirent *e;
	struct stat st;
	DIR *d;
	int sub;

	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return 0;
	}
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		sum += (unsigned long long)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX &&
		    (sub = sys_open_subdir(fd, e->d_name)) != -1)
			sum += walk(sub, depth + 1);
	}
	closedir(d);
	return sum;
}

unsigned long long
du_tree(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? 0 : walk(fd, 0);
}
