/* See LICENSE. */
#include "place.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "sys.h"

/*
 * Makes a directory or an empty file.  Somebody else may do so at this moment:
 * that is as good.
 */
static int
make(int dirfd, const char *name, int dir, uid_t uid, gid_t gid)
{
	int e, fd, rc;

	if (FAULT("place_make"))
		return -1;
	fd = dir ? mkdirat(dirfd, name, 0755)
		 : openat(dirfd, name,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0644);
	if (fd == -1)
		return errno == EEXIST ? 0 : -1;
	if (dir)
		fd = openat(dirfd, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	/* whatever the umask and the directory above say */
	rc = fchmod(fd, dir ? 0755 : 0644);
	if (rc == 0)
		rc = fchown(fd, uid, gid);
	e = errno;
	close(fd);
	errno = e;
	return rc;
}

int
place_open(int rootfd, const char *path, int dir, uid_t uid, gid_t gid)
{
	char *copy, *end, *name;
	int e, fd, flags, is_dir, up;

	if ((copy = strdup(path)) == NULL)
		return -1;
	for (end = copy + strlen(copy); end > copy && end[-1] == '/';)
		*--end = '\0';
	fd = up = sys_open_in_root(rootfd, "/", O_PATH | O_DIRECTORY);
	name = copy;
	while (up != -1 && *(name += strspn(name, "/")) != '\0') {
		end = name + strcspn(name, "/");
		is_dir = dir || *end != '\0';
		flags = is_dir ? O_PATH | O_DIRECTORY : O_PATH;
		if (*end == '\0')
			end = NULL;
		else
			*end = '\0';
		fd = sys_open_in_root(rootfd, copy, flags);
		if (fd == -1 && errno == ENOENT &&
		    make(up, name, is_dir, uid, gid) == 0)
			fd = sys_open_in_root(rootfd, copy, flags);
		e = errno;
		close(up);
		errno = e;
		up = fd;
		if (end == NULL)
			break;
		*end = '/';
		name = end;
	}
	free(copy);
	return fd;
}
