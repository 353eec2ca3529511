/* See LICENSE. */
#include "sys.h"

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"

/*
 * The mount API of Linux 5.2 and 5.12 by its numbers: C libraries came to it
 * late, and linux/mount.h quarrels with sys/mount.h.
 */
enum {
	OPEN_CLOEXEC = 1,	   /* FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC */
	SET_STRING = 1,		   /* FSCONFIG_SET_STRING */
	CREATE = 6,		   /* FSCONFIG_CMD_CREATE */
	TREE_CLONE = 1,		   /* OPEN_TREE_CLONE */
	BY_DESCRIPTORS = 4 | 0x40, /* MOVE_MOUNT_{F,T}_EMPTY_PATH */
	RECURSIVE = 0x8000,	   /* AT_RECURSIVE */
	RDONLY = 1,		   /* MOUNT_ATTR_... */
	NOSUID = 2,
	NODEV = 4,
	NOEXEC = 8
};

struct attr {
	uint64_t set, clear, propagation, userns;
};

struct kind {
	const char *type;
	unsigned attrs;
	const char *options; /* key=value,... */
};

#define FD_PATH_MAX 40

static char *
fd_path(int fd, char buf[FD_PATH_MAX])
{
	snprintf(buf, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return buf;
}

static void
close_keep(int fd)
{
	int e = errno;

	if (fd != -1)
		close(fd);
	errno = e;
}

int
sys_fs_flags(const char *path)
{
	struct statvfs sv;
	int flags = 0;

	if (statvfs(path, &sv) == -1)
		return -1;
	if ((sv.f_flag & ST_NOEXEC) != 0)
		flags |= SYS_FS_NOEXEC;
	if ((sv.f_flag & ST_NODEV) != 0)
		flags |= SYS_FS_NODEV;
	return flags;
}

int
sys_mount_private(void)
{
	/* slave: a mount that the host undoes is undone here as well */
	if (unshare(CLONE_NEWNS) == -1)
		return -1;
	return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
}

/* --- a new file system --- */

static int
set_options(int fs, const char *options)
{
	char *copy, *key, *rest, *value;
	int rc = 0;

	if ((copy = strdup(options)) == NULL)
		return -1;
	for (key = strtok_r(copy, ",", &rest); rc == 0 && key != NULL;
	     key = strtok_r(NULL, ",", &rest)) {
		value = strchr(key, '=');
		*value++ = '\0';
		rc = (int)syscall(SYS_fsconfig, fs, SET_STRING, key, value, 0);
	}
	free(copy);
	return rc;
}

static int
mount_by_fd(const struct kind *k, int at)
{
	int fs, fd = -1;

	fs = (int)syscall(SYS_fsopen, k->type, OPEN_CLOEXEC);
	if (fs == -1)
		return -1;
	if (set_options(fs, k->options) == -1 ||
	    syscall(SYS_fsconfig, fs, CREATE, NULL, NULL, 0) == -1)
		goto out;
	fd = (int)syscall(SYS_fsmount, fs, OPEN_CLOEXEC, k->attrs);
	if (fd != -1 &&
	    syscall(SYS_move_mount, fd, "", at, "", BY_DESCRIPTORS) == -1) {
		close_keep(fd);
		fd = -1;
	}
out:
	close_keep(fs);
	return fd;
}

/* What is mounted on the directory below; -1 when that is not to be found. */
static int
open_above(int below)
{
	char link[FD_PATH_MAX], path[PATH_MAX];
	ssize_t n;
	int fd;

	n = readlink(fd_path(below, link), path, sizeof(path));
	if (n == -1)
		return -1;
	if (n == (ssize_t)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	path[n] = '\0';
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1 && sys_is_mount(fd) != 1) {
		close(fd);
		errno = ESTALE;
		return -1;
	}
	return fd;
}

static int
mount_by_path(const struct kind *k, int at)
{
	unsigned long flags = 0;
	char to[FD_PATH_MAX];

	flags |= (k->attrs & RDONLY) != 0 ? MS_RDONLY : 0;
	flags |= (k->attrs & NOSUID) != 0 ? MS_NOSUID : 0;
	flags |= (k->attrs & NODEV) != 0 ? MS_NODEV : 0;
	flags |= (k->attrs & NOEXEC) != 0 ? MS_NOEXEC : 0;
	if (mount(k->type, fd_path(at, to), k->type, flags, k->options) == -1)
		return -1;
	return open_above(at);
}

/* Mounts at the directory `at'; a descriptor of the new file system's root. */
static int
mount_new(const struct kind *k, int at)
{
	int fd = mount_by_fd(k, at);

	if (fd == -1 && linux_lacks(errno))
		fd = mount_by_path(k, at);
	return fd;
}

static int
mount_and_close(const struct kind *k, int at)
{
	int fd = mount_new(k, at);

	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

int
sys_mount_proc(int fd)
{
	static const struct kind proc = {"proc", NOSUID | NODEV | NOEXEC, ""};

	return mount_and_close(&proc, fd);
}

int
sys_mount_sys(int fd)
{
	static const struct kind sys = {
	    "sysfs", RDONLY | NOSUID | NODEV | NOEXEC, ""};

	return mount_and_close(&sys, fd);
}

/* --- /dev --- */

/* Makes the device; where mknod(2) is denied, binds the host's. */
static int
make_device(int devfd, const char *name)
{
	char path[32];
	dev_t dev;
	int from, rc, to;

	if (sys_device(name, &dev) == -1)
		return -1;
	if (mknodat(devfd, name, S_IFCHR | 0666, dev) == 0)
		return fchmodat(devfd, name, 0666, 0);
	if (errno != EPERM)
		return -1;
	snprintf(path, sizeof(path), "/dev/%s", name);
	from = open(path, O_PATH | O_CLOEXEC);
	to = openat(devfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	rc = from != -1 && to != -1 ? sys_mount_bind(from, to, 0) : -1;
	close_keep(from);
	close_keep(to);
	return rc;
}

static int
mount_below(int devfd, const char *name, const struct kind *k)
{
	int fd, rc;

	if (mkdirat(devfd, name, 0755) == -1)
		return -1;
	fd = openat(
	    devfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = mount_and_close(k, fd);
	close_keep(fd);
	return rc;
}

int
sys_mount_dev(int fd)
{
	static const struct kind dev = {
	    "tmpfs", NOSUID | NOEXEC, "mode=0755,size=64k"};
	static const struct kind pts = {
	    "devpts", NOSUID | NOEXEC, "mode=0620,gid=5,ptmxmode=0666"};
	static const struct kind shm = {"tmpfs", NOSUID | NODEV, "mode=1777"};
	static const char *const devices[] = {
	    "null", "zero", "full", "random", "urandom", "tty"};
	static const char *const links[][2] = {{"fd", "/proc/self/fd"},
	    {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	    {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"}};
	int devfd, rc = -1;
	size_t i;

	if ((devfd = mount_new(&dev, fd)) == -1)
		return -1;
	for (i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		if (make_device(devfd, devices[i]) == -1)
			goto out;
	for (i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (symlinkat(links[i][1], devfd, links[i][0]) == -1)
			goto out;
	if (mount_below(devfd, "pts", &pts) == 0 &&
	    mount_below(devfd, "shm", &shm) == 0)
		rc = 0;
out:
	close_keep(devfd);
	return rc;
}

/* --- binds --- */

static int
bind_by_fd(int srcfd, int dstfd, int ro)
{
	struct attr attr = {.set = RDONLY, .propagation = MS_PRIVATE};
	int rc = -1, tree;

	tree = (int)syscall(SYS_open_tree, srcfd, "",
	    TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | RECURSIVE);
	if (tree == -1)
		return -1;
	/* private: what the host mounts later would come in writable */
	if (!ro || syscall(SYS_mount_setattr, tree, "",
		       AT_EMPTY_PATH | RECURSIVE, &attr, sizeof(attr)) == 0)
		rc = (int)syscall(
		    SYS_move_mount, tree, "", dstfd, "", BY_DESCRIPTORS);
	close_keep(tree);
	return rc;
}

static int
make_readonly(void *arg, const char *at, const char *type, const char *options)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
	struct statvfs sv;

	(void)arg;
	(void)type;
	(void)options;
	if (statvfs(at, &sv) == -1)
		return -1;
	flags |= (sv.f_flag & ST_NOSUID) != 0 ? MS_NOSUID : 0;
	flags |= (sv.f_flag & ST_NODEV) != 0 ? MS_NODEV : 0;
	flags |= (sv.f_flag & ST_NOEXEC) != 0 ? MS_NOEXEC : 0;
	flags |= (sv.f_flag & ST_NOATIME) != 0 ? MS_NOATIME : 0;
	flags |= (sv.f_flag & ST_NODIRATIME) != 0 ? MS_NODIRATIME : 0;
	flags |= (sv.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0;
	return mount(NULL, at, NULL, flags, NULL);
}

static int
bind_by_path(int srcfd, int dstfd, int ro)
{
	char from[FD_PATH_MAX], path[PATH_MAX], to[FD_PATH_MAX];
	ssize_t n;

	n = readlink(fd_path(dstfd, to), path, sizeof(path));
	if (n == -1)
		return -1;
	if (n == (ssize_t)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	path[n] = '\0';
	if (mount(fd_path(srcfd, from), to, NULL, MS_BIND | MS_REC, NULL) == -1)
		return -1;
	if (!ro)
		return 0;
	if (mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return -1;
	return sys_mounts_below(path, make_readonly, NULL);
}

int
sys_mount_bind(int srcfd, int dstfd, int ro)
{
	int rc = bind_by_fd(srcfd, dstfd, ro);

	if (rc == -1 && linux_lacks(errno))
		rc = bind_by_path(srcfd, dstfd, ro);
	return rc;
}
