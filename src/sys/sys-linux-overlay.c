/* See LICENSE. */
#include "sys.h"

#include <sys/mount.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* mount(2) knows paths only: they start at the directory fd. */
static int
enter(int fd)
{
	int back;

	if ((back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	if (fchdir(fd) == -1) {
		close(back);
		return -1;
	}
	return back;
}

static int
leave(int back, int rc)
{
	int e = errno;

	if (fchdir(back) == -1 && rc == 0) {
		rc = -1;
		e = errno;
	}
	close(back);
	errno = e;
	return rc;
}

int
sys_mount_overlay(int dirfd, const char *name, const char *options)
{
	int back;

	if ((back = enter(dirfd)) == -1)
		return -1;
	return leave(back, mount("overlay", name, "overlay", 0, options));
}

int
sys_umount(int dirfd, const char *name)
{
	int back, rc;

	if ((back = enter(dirfd)) == -1)
		return -1;
	rc = umount2(name, UMOUNT_NOFOLLOW);
	if (rc == -1 && errno == EBUSY)
		rc = umount2(name, UMOUNT_NOFOLLOW | MNT_DETACH);
	return leave(back, rc);
}
