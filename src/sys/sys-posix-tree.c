/* See LICENSE. */
#include "sys.h"

#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COPY_CHUNK (64 * 1024)

/*
 * What POSIX has to tell file systems apart.  Where a directory can be mounted
 * a second time with the device number of the first, this does not see it.
 */
static int
same_mount(int a, int b)
{
	struct statvfs va, vb;
	struct stat sa, sb;

	if (fstat(a, &sa) == -1 || fstat(b, &sb) == -1 ||
	    fstatvfs(a, &va) == -1 || fstatvfs(b, &vb) == -1)
		return -1;
	return sa.st_dev == sb.st_dev && va.f_fsid == vb.f_fsid;
}

int
sys_open_subdir(int dirfd, const char *name)
{
	int e, fd, same;

	fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 || (same = same_mount(dirfd, fd)) == 1)
		return fd;
	e = same == 0 ? EXDEV : errno;
	close(fd);
	errno = e;
	return -1;
}

int
sys_is_mount(int fd)
{
	struct stat sb, up;
	int rc = -1, same, upfd;

	if ((upfd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	if (fstat(fd, &sb) == 0 && fstat(upfd, &up) == 0 &&
	    (same = same_mount(fd, upfd)) != -1)
		rc = !same ||
		     (sb.st_dev == up.st_dev && sb.st_ino == up.st_ino);
	close(upfd);
	return rc;
}

int
sys_is_immutable(int dirfd, const char *name)
{
	(void)dirfd;
	(void)name;
	return 0;
}

int
sys_share_data(int in, int out)
{
	(void)in;
	(void)out;
	errno = ENOSYS;
	return -1;
}

static int
write_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n, p += n)
		if ((n = write(fd, p, len)) == -1) {
			if (errno != EINTR)
				return -1;
			n = 0;
		}
	return 0;
}

/* Holes are where blocks are missing and what is read is zeros. */
int
sys_copy_data(int in, int out, const struct stat *sb)
{
	static const char zeros[COPY_CHUNK];
	char chunk[COPY_CHUNK];
	off_t left = sb->st_size;
	int sparse = sb->st_blocks < left / 512;
	size_t len;
	ssize_t n;

	for (; left > 0; left -= n) {
		len = left < COPY_CHUNK ? (size_t)left : COPY_CHUNK;
		while ((n = read(in, chunk, len)) == -1 && errno == EINTR)
			;
		if (n == 0)
			break;
		if (n == -1)
			return -1;
		if (sparse && memcmp(chunk, zeros, (size_t)n) == 0) {
			if (lseek(out, n, SEEK_CUR) == -1)
				return -1;
		} else if (write_all(out, chunk, (size_t)n) == -1)
			return -1;
	}
	return sparse ? ftruncate(out, sb->st_size - left) : 0;
}

unsigned
sys_ncpu(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

/* The numbers are each system's own: those of its /dev. */
int
sys_device(const char *name, dev_t *dev)
{
	struct stat sb;
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", name);
	if (stat(path, &sb) == -1)
		return -1;
	if (!S_ISCHR(sb.st_mode)) {
		errno = ENODEV;
		return -1;
	}
	*dev = sb.st_rdev;
	return 0;
}

int
sys_users_of(const char *path, void (*fn)(void *, pid_t), void *arg)
{
	(void)path;
	(void)fn;
	(void)arg;
	return 1;
}

int
sys_is_user(const char *path, pid_t pid)
{
	(void)path;
	(void)pid;
	return 0;
}

/* None is known: sys_open_subdir refuses each when it comes to it. */
int
sys_mounts_below(const char *path,
    int (*fn)(void *, const char *, const char *, const char *), void *arg)
{
	(void)path;
	(void)fn;
	(void)arg;
	return 0;
}

int
sys_mount_overlay(int dirfd, const char *name, const char *options)
{
	(void)dirfd;
	(void)name;
	(void)options;
	errno = ENOSYS;
	return -1;
}

int
sys_umount(int dirfd, const char *name)
{
	(void)dirfd;
	(void)name;
	errno = ENOSYS;
	return -1;
}

ssize_t
sys_xattr_list(int dirfd, const char *name, char *list, size_t size)
{
	(void)dirfd;
	(void)name;
	(void)list;
	(void)size;
	errno = ENOTSUP;
	return -1;
}

ssize_t
sys_xattr_get(
    int dirfd, const char *name, const char *attr, void *value, size_t size)
{
	(void)dirfd;
	(void)name;
	(void)attr;
	(void)value;
	(void)size;
	errno = ENOTSUP;
	return -1;
}

int
sys_xattr_set(int dirfd, const char *name, const char *attr, const void *value,
    size_t size)
{
	(void)dirfd;
	(void)name;
	(void)attr;
	(void)value;
	(void)size;
	errno = ENOTSUP;
	return -1;
}

int
sys_xattr_remove(int dirfd, const char *name, const char *attr)
{
	(void)dirfd;
	(void)name;
	(void)attr;
	errno = ENOTSUP;
	return -1;
}

int
sys_has_default_acl(int fd)
{
	(void)fd;
	return 0;
}

int
sys_clear_acl(int dirfd, const char *name)
{
	(void)dirfd;
	(void)name;
	return 0;
}

int
sys_sync_fs(int fd)
{
	(void)fd;
	sync();
	return 0;
}
