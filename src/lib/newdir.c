/* See LICENSE. */
#include "newdir.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "sys.h"

static int
is_empty(int fd)
{
	struct dirent *e;
	int empty = 1, sub;
	DIR *d;

	sub = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub == -1)
		return 0;
	if ((d = fdopendir(sub)) == NULL) {
		close(sub);
		return 0;
	}
	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0;
	closedir(d);
	return empty;
}

/*
 * Whether fd is as mkdirat(2) leaves a directory in dirfd.  What another user
 * can put there is his, or was not open to this user alone, or is mounted.
 */
static int
is_new(int dirfd, int fd)
{
	struct stat above, st;

	return fstat(dirfd, &above) == 0 && fstat(fd, &st) == 0 &&
	       st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
	       st.st_dev == above.st_dev && is_empty(fd);
}

int
newdir_make(int dirfd, const char *name, mode_t mode)
{
	int e, fd;

	if (FAULT("newdir_make") || mkdirat(dirfd, name, 0700) == -1)
		return -1;
	fd = FAULT("newdir_open")
		 ? -1
		 : openat(dirfd, name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && (errno == ENOTDIR || errno == ELOOP))
		errno = ESTALE;
	else if (fd != -1 && !is_new(dirfd, fd))
		errno = ESTALE;
	else if (fd != -1 && !FAULT("newdir_mode") &&
		 sys_clear_acl(fd, "") == 0 && fchmod(fd, mode) == 0)
		return fd;
	e = errno;
	if (fd != -1)
		close(fd);
	/* an empty directory at most, whosever it is */
	unlinkat(dirfd, name, AT_REMOVEDIR);
	errno = e;
	return -1;
}
