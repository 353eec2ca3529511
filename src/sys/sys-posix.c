/* See LICENSE. */
#include "sys.h"

#include <errno.h>
#include <unistd.h>

int
sys_open_plain(int rootfd, const char *path, int flags)
{
	(void)rootfd;
	(void)path;
	(void)flags;
	errno = ENOSYS;
	return -1;
}

int
sys_open_in_root(int rootfd, const char *path, int flags)
{
	return sys_walk_in_root(rootfd, path, flags, NULL, NULL, NULL);
}

int
sys_lockers_of(int fd, void (*fn)(void *, pid_t), void *arg)
{
	(void)fd;
	(void)fn;
	(void)arg;
	return 1;
}

int
sys_term_width(int fd)
{
	(void)fd;
	errno = ENOSYS;
	return -1;
}

int
sys_close_dirs(int lowest)
{
	long end = sysconf(_SC_OPEN_MAX);
	struct stat st;
	int fd;

	for (fd = lowest; fd < end; fd++)
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			close(fd);
	return 0;
}

int
sys_adopt_orphans(void)
{
	return 1;
}

int
sys_descendants(int (*fn)(void *, pid_t, pid_t), void *arg)
{
	(void)fn;
	(void)arg;
	return 1;
}

int
sys_signal_descendant(pid_t parent, pid_t pid, int sig)
{
	(void)parent;
	(void)pid;
	(void)sig;
	errno = ENOSYS;
	return -1;
}

int
sys_fs_flags(const char *path)
{
	(void)path;
	return 0;
}

int
sys_boot_id(char id[SYS_BOOT_ID_MAX])
{
	(void)id;
	errno = ENOSYS;
	return -1;
}

int
sys_boot_time(time_t *seconds)
{
	(void)seconds;
	errno = ENOSYS;
	return -1;
}

int
sys_fs_is_shared(int fd)
{
	(void)fd;
	errno = ENOSYS;
	return -1;
}

int
sys_mount_private(void)
{
	errno = ENOSYS;
	return -1;
}

int
sys_mount_proc(int fd)
{
	(void)fd;
	errno = ENOSYS;
	return -1;
}

int
sys_mount_sys(int fd)
{
	(void)fd;
	errno = ENOSYS;
	return -1;
}

int
sys_mount_dev(int fd)
{
	(void)fd;
	errno = ENOSYS;
	return -1;
}

int
sys_mount_bind(int srcfd, int dstfd, int ro)
{
	(void)srcfd;
	(void)dstfd;
	(void)ro;
	errno = ENOSYS;
	return -1;
}

int
sys_close_range(int first, int last)
{
	long end = sysconf(_SC_OPEN_MAX);

	for (; first <= last && first < end; first++)
		if (close(first) == -1 && errno != EBADF)
			return -1;
	return 0;
}

void
sys_widen_pipe(int fd, int size)
{
	(void)fd;
	(void)size;
}

int
sys_can_confine(void)
{
	return 0;
}

int
sys_confine(void)
{
	return 1;
}

int
sys_drop_capabilities(void)
{
	return 1;
}

int
sys_no_new_privs(void)
{
	return 1;
}

int
sys_die_with_parent(void)
{
	return 1;
}
