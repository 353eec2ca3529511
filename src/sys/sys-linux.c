/* See LICENSE. */
#include "sys.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"

/* openat2(2), Linux 5.6, with "/" being rootfd; ENOSYS where it cannot be used.
 */
static int
open_in_root(int rootfd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC),
	    .resolve = RESOLVE_IN_ROOT | resolve};
	long fd;

	do
		fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
	while (fd == -1 && (errno == EAGAIN || errno == EINTR));
	if (fd == -1 && linux_lacks(errno))
		errno = ENOSYS;
	return (int)fd;
}

int
sys_open_plain(int rootfd, const char *path, int flags)
{
	return open_in_root(rootfd, path, flags, RESOLVE_NO_SYMLINKS);
}

int
sys_open_in_root(int rootfd, const char *path, int flags)
{
	int fd;

	fd = open_in_root(rootfd, path, flags, RESOLVE_NO_MAGICLINKS);
	if (fd != -1 || errno != ENOSYS)
		return fd;
	return sys_walk_in_root(rootfd, path, flags, NULL, NULL, NULL);
}

/*
 * The path of name below dirfd for the calls on extended attributes, which
 * know no directory descriptors.  /proc/self/fd/N is followed, name is not.
 */
static int
proc_path(char *path, size_t size, int dirfd, const char *name)
{
	int n;

	n = snprintf(path, size, "/proc/self/fd/%d%s%s", dirfd,
	    *name != '\0' ? "/" : "", name);
	if (n > 0 && (size_t)n < size)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

#define PROC_PATH_MAX 320

ssize_t
sys_xattr_list(int dirfd, const char *name, char *list, size_t size)
{
	char path[PROC_PATH_MAX];

	if (*name == '\0')
		return flistxattr(dirfd, list, size);
	if (proc_path(path, sizeof(path), dirfd, name) == -1)
		return -1;
	return llistxattr(path, list, size);
}

ssize_t
sys_xattr_get(
    int dirfd, const char *name, const char *attr, void *value, size_t size)
{
	char path[PROC_PATH_MAX];

	if (*name == '\0')
		return fgetxattr(dirfd, attr, value, size);
	if (proc_path(path, sizeof(path), dirfd, name) == -1)
		return -1;
	return lgetxattr(path, attr, value, size);
}

int
sys_xattr_set(int dirfd, const char *name, const char *attr, const void *value,
    size_t size)
{
	char path[PROC_PATH_MAX];

	if (*name == '\0')
		return fsetxattr(dirfd, attr, value, size, 0);
	if (proc_path(path, sizeof(path), dirfd, name) == -1)
		return -1;
	return lsetxattr(path, attr, value, size, 0);
}

int
sys_xattr_remove(int dirfd, const char *name, const char *attr)
{
	char path[PROC_PATH_MAX];

	if (*name == '\0')
		return fremovexattr(dirfd, attr);
	if (proc_path(path, sizeof(path), dirfd, name) == -1)
		return -1;
	return lremovexattr(path, attr);
}

static const char access_acl[] = "system.posix_acl_access";
static const char default_acl[] = "system.posix_acl_default";

int
sys_has_default_acl(int fd)
{
	return fgetxattr(fd, default_acl, NULL, 0) > 0;
}

static int
remove_acl(int dirfd, const char *name, const char *acl)
{
	if (sys_xattr_remove(dirfd, name, acl) == 0 || errno == ENODATA ||
	    errno == ENOTSUP)
		return 0;
	return -1;
}

int
sys_clear_acl(int dirfd, const char *name)
{
	return remove_acl(dirfd, name, access_acl) == 0 &&
		       remove_acl(dirfd, name, default_acl) == 0
		   ? 0
		   : -1;
}

int
sys_sync_fs(int fd)
{
	return syncfs(fd);
}

int
sys_close_range(int first, int last)
{
	if (close_range((unsigned)first, (unsigned)last, 0) == 0)
		return 0;
	for (; first <= last && first < 65536; first++)
		if (close(first) == -1 && errno != EBADF)
			return -1;
	return 0;
}

void
sys_widen_pipe(int fd, int size)
{
	fcntl(fd, F_SETPIPE_SZ, size);
}

int
sys_no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
