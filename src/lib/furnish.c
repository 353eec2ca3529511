/* See LICENSE. */
#include "furnish.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "msg.h"
#include "rmtree.h"
#include "sys.h"

#define HOST_FILE_MAX (16 << 20)

static int
fail(const char *path, const char *dir, const char *name)
{
	return msg_fail(
	    -1, "%s/%s%s%s", path, dir, *name != '\0' ? "/" : "", name);
}

/* Removes whatever has the name. */
static int
clear(int dirfd, const char *name, const char *path)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	return rmtree(dirfd, name, path);
}

/* Opens a directory of the root; makes it, in place of what is none. */
static int
open_directory(int rootfd, const char *name, const char *path)
{
	int fd;

	fd = sys_open_in_root(rootfd, name, O_RDONLY | O_DIRECTORY);
	if (fd != -1)
		return fd;
	if (clear(rootfd, name, path) == -1 ||
	    mkdirat(rootfd, name, 0755) == -1)
		return -1;
	return openat(
	    rootfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Without the capability all fail alike: said once, and they are left out. */
static int
make_devices(int devfd, const char *path, int quiet)
{
	static const char *const names[] = {
	    "null", "zero", "full", "random", "urandom", "tty"};
	dev_t dev;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (sys_device(names[i], &dev) == -1 ||
		    clear(devfd, names[i], path) == -1)
			return fail(path, "dev", names[i]);
		if (mknodat(devfd, names[i], S_IFCHR | 0666, dev) == -1) {
			if (errno != EPERM)
				return fail(path, "dev", names[i]);
			if (!quiet)
				msg_warnx("%s: warning: devices cannot be "
					  "made: %s; see chr-exec -p",
				    path, strerror(errno));
			return 0;
		}
		if (fchmodat(devfd, names[i], 0666, 0) == -1)
			return fail(path, "dev", names[i]);
	}
	return 0;
}

static int
make_links(int devfd, const char *path)
{
	static const char *const links[][2] = {{"fd", "/proc/self/fd"},
	    {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	    {"stderr", "/proc/self/fd/2"}};
	size_t i;

	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (clear(devfd, links[i][0], path) == -1 ||
		    symlinkat(links[i][1], devfd, links[i][0]) == -1)
			return fail(path, "dev", links[i][0]);
	return 0;
}

/* A fresh file in place of whatever has the name. */
static int
write_new(int dirfd, const char *name, const struct buf *b, const char *path)
{
	int fd, rc;

	if (clear(dirfd, name, path) == -1)
		return -1;
	fd = openat(dirfd, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1)
		return -1;
	rc = fdio_write(fd, b->data, b->len);
	return close(fd) == -1 ? -1 : rc;
}

/* The host's file, if it has one that can be had. */
static int
copy_host_file(int etcfd, const char *name, const char *path, int quiet)
{
	struct buf b = {0};
	char host[64];
	int rc = 0;

	snprintf(host, sizeof(host), "/etc/%s", name);
	if (fdio_load_link(AT_FDCWD, host, HOST_FILE_MAX, &b) == -1) {
		if (errno != ENOENT && !quiet)
			msg_warnx(
			    "%s: warning: %s: not put in", host, fdio_why());
		return 0;
	}
	if (write_new(etcfd, name, &b, path) == -1)
		rc = fail(path, "etc", name);
	buf_free(&b);
	return rc;
}

int
furnish(int rootfd, const char *path, int quiet)
{
	int fd, rc = 0;

	if ((fd = open_directory(rootfd, "dev", path)) == -1)
		return fail(path, "dev", "");
	if (make_devices(fd, path, quiet) == -1 || make_links(fd, path) == -1)
		rc = -1;
	close(fd);
	if (rc == -1)
		return -1;
	if ((fd = open_directory(rootfd, "etc", path)) == -1)
		return fail(path, "etc", "");
	if (copy_host_file(fd, "resolv.conf", path, quiet) == -1 ||
	    copy_host_file(fd, "hosts", path, quiet) == -1)
		rc = -1;
	close(fd);
	return rc;
}
