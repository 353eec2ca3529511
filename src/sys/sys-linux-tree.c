/* See LICENSE. */
#include "sys.h"

#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"

#define SUBDIR_FLAGS \
	(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
#define COPY_CHUNK (64 * 1024)

/* The mount's id, by statx(2) (Linux 5.8) or by what /proc says of fd. */
static int
mount_id(int fd, unsigned long long *id)
{
	char path[64], line[128];
	struct statx sx;
	int found = -1;
	FILE *fp;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) == 0 &&
	    (sx.stx_mask & STATX_MNT_ID) != 0) {
		*id = sx.stx_mnt_id;
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if ((fp = fopen(path, "re")) == NULL)
		return -1;
	while (found == -1 && fgets(line, sizeof(line), fp) != NULL)
		if (sscanf(line, "mnt_id: %llu", id) == 1)
			found = 0;
	fclose(fp);
	if (found == -1)
		errno = ENOSYS;
	return found;
}

/* Without openat2(2), Linux 5.6. */
static int
open_subdir_checked(int dirfd, const char *name)
{
	unsigned long long above, here;
	int e, fd;

	if ((fd = openat(dirfd, name, SUBDIR_FLAGS)) == -1)
		return -1;
	if (mount_id(dirfd, &above) == 0 && mount_id(fd, &here) == 0) {
		if (above == here)
			return fd;
		errno = EXDEV;
	}
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

int
sys_open_subdir(int dirfd, const char *name)
{
	static atomic_int missing;
	struct open_how how = {.flags = SUBDIR_FLAGS,
	    .resolve = RESOLVE_NO_XDEV | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	long fd;

	if (!missing) {
		do
			fd = syscall(
			    SYS_openat2, dirfd, name, &how, sizeof(how));
		while (fd == -1 && errno == EAGAIN);
		if (fd != -1 || !linux_lacks(errno))
			return (int)fd;
		missing = 1;
	}
	return open_subdir_checked(dirfd, name);
}

int
sys_is_mount(int fd)
{
	unsigned long long above, here;
	struct stat up, sb;
	struct statx sx;
	int rc = -1, upfd;

	if (statx(fd, "", AT_EMPTY_PATH, 0, &sx) == 0 &&
	    (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
		return (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
	if ((upfd = openat(fd, "..", O_PATH | O_CLOEXEC)) == -1)
		return -1;
	if (fstat(upfd, &up) == 0 && fstat(fd, &sb) == 0 &&
	    mount_id(upfd, &above) == 0 && mount_id(fd, &here) == 0)
		rc = above != here ||
		     (up.st_dev == sb.st_dev && up.st_ino == sb.st_ino);
	close(upfd);
	return rc;
}

int
sys_is_immutable(int dirfd, const char *name)
{
	struct statx sx;

	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, 0, &sx) ==
	    -1)
		return 0;
	return (sx.stx_attributes &
		   (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0;
}

int
sys_share_data(int in, int out)
{
	static atomic_int cannot;

	if (cannot) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY ||
	    errno == EINVAL || errno == ENOSYS)
		cannot = 1;
	return -1;
}

/* Bytes copied, 0 at the end of the file. */
static ssize_t
copy_some(int in, int out, char *chunk, size_t len)
{
	ssize_t done, n, w;

	while ((n = read(in, chunk, len)) == -1 && errno == EINTR)
		;
	for (done = 0; done < n; done += w)
		if ((w = write(out, chunk + done, (size_t)(n - done))) == -1) {
			if (errno != EINTR)
				return -1;
			w = 0;
		}
	return n;
}

/* The next stretch of data in [*from, size): 0 when there is none. */
static int
next_data(int in, int out, off_t *from, off_t *to, off_t size)
{
	off_t pos;

	if ((pos = lseek(in, *from, SEEK_DATA)) == -1) {
		if (errno == ENXIO)
			return 0;
		*to = size;
		return 1;
	}
	if (pos >= size)
		return 0;
	*from = pos;
	*to = lseek(in, pos, SEEK_HOLE);
	if (*to == -1 || *to > size)
		*to = size;
	if (lseek(in, pos, SEEK_SET) == -1 || lseek(out, pos, SEEK_SET) == -1)
		return -1;
	return 1;
}

static int
copy_sparse(int in, int out, char *chunk, off_t size)
{
	off_t from = 0, to;
	ssize_t n;
	int rc;

	while ((rc = next_data(in, out, &from, &to, size)) == 1) {
		while (from < to) {
			n = copy_some(in, out, chunk,
			    to - from < COPY_CHUNK ? (size_t)(to - from)
						   : COPY_CHUNK);
			if (n == -1)
				return -1;
			if (n == 0)
				break;
			from += n;
		}
		if (from < to)
			break;
	}
	return rc == -1 ? -1 : ftruncate(out, size);
}

int
sys_copy_data(int in, int out, const struct stat *sb)
{
	char chunk[COPY_CHUNK];
	off_t left = sb->st_size;
	ssize_t n;

	if (left == 0 || sys_share_data(in, out) == 0)
		return 0;
	if (sb->st_blocks < left / 512)
		return copy_sparse(in, out, chunk, left);
	for (; left > 0; left -= n)
		if ((n = copy_some(in, out, chunk, sizeof(chunk))) <= 0)
			return (int)n;
	return 0;
}

unsigned
sys_ncpu(void)
{
	cpu_set_t set;
	long n;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

/* Documentation/admin-guide/devices.txt */
int
sys_device(const char *name, dev_t *dev)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} devices[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7},
	    {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
	size_t i;

	for (i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (strcmp(devices[i].name, name) == 0) {
			*dev = makedev(devices[i].major, devices[i].minor);
			return 0;
		}
	errno = ENODEV;
	return -1;
}
