/* See LICENSE. */
#include "mounts.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "place.h"
#include "sys.h"

int
mounts_parse(char *text, struct mounts_bind *b)
{
	char *dst, *ro;

	dst = strchr(text, ':');
	if (dst == NULL || dst == text || dst[1] != '/')
		return -1;
	ro = strchr(dst + 1, ':');
	if (ro != NULL && strcmp(ro, ":ro") != 0)
		return -1;
	*dst = '\0';
	if (ro != NULL)
		*ro = '\0';
	b->src = text;
	b->dst = dst + 1;
	b->ro = ro != NULL;
	return 0;
}

static int
is_same(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int
mount_kernel(const char *root, int rootfd)
{
	static const struct {
		const char *at;
		int (*mount)(int);
	} all[] = {{"/proc", sys_mount_proc}, {"/sys", sys_mount_sys},
	    {"/dev", sys_mount_dev}};
	size_t i;
	int fd, rc = 0;

	for (i = 0; rc == 0 && i < sizeof(all) / sizeof(*all); i++) {
		fd = place_open(rootfd, all[i].at, 1, geteuid(), getegid());
		if (fd == -1)
			return msg_fail(-1, "%s%s", root, all[i].at);
		if (is_same(fd, rootfd))
			rc = msg_failx(
			    -1, "%s%s: is the root", root, all[i].at);
		else if (all[i].mount(fd) == -1)
			rc = msg_fail(-1, "%s%s: mount", root, all[i].at);
		close(fd);
	}
	return rc;
}

static int
bind_one(const char *root, int rootfd, const struct mounts_bind *b)
{
	struct stat from, to;
	int dst = -1, rc = -1, src;

	src = open(b->src, O_PATH | O_CLOEXEC);
	if (src == -1 || fstat(src, &from) == -1) {
		msg_warn("-b %s", b->src);
		goto out;
	}
	dst = place_open(
	    rootfd, b->dst, S_ISDIR(from.st_mode), geteuid(), getegid());
	if (dst == -1 || fstat(dst, &to) == -1)
		msg_warn("-b %s: %s%s", b->src, root, b->dst);
	else if (is_same(dst, rootfd))
		msg_warnx("-b %s: %s%s: is the root", b->src, root, b->dst);
	else if (S_ISDIR(from.st_mode) != S_ISDIR(to.st_mode))
		msg_warnx("-b %s: %s%s: is a directory", b->src, root, b->dst);
	else if (sys_mount_bind(src, dst, b->ro) == -1)
		msg_warn("-b %s: %s%s: mount", b->src, root, b->dst);
	else
		rc = 0;
out:
	if (src != -1)
		close(src);
	if (dst != -1)
		close(dst);
	return rc;
}

/* The same directory in the present mount namespace. */
static int
reopen(const char *root, int rootfd)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return msg_fail(-1, "%s", root);
	if (!is_same(fd, rootfd)) {
		close(fd);
		return msg_failx(-1, "%s: is another directory now", root);
	}
	return fd;
}

/*
 * The root as a mount point of its own: then "/" is in the command's list of
 * mounts, where df(1) looks for it.
 */
static int
mount_root(const char *root, int rootfd)
{
	int fd, rc;

	if ((fd = reopen(root, rootfd)) == -1)
		return -1;
	rc = sys_mount_bind(fd, fd, 0);
	close(fd);
	if (rc == -1)
		return msg_fail(-1, "%s: mount", root);
	return reopen(root, rootfd);
}

int
mounts_make(const char *root, int rootfd, int kernel,
    const struct mounts_bind *binds, size_t n)
{
	size_t i;
	int fd;

	if (sys_mount_private() == -1)
		return msg_fail(-1, "private mount namespace");
	if ((fd = mount_root(root, rootfd)) == -1)
		return -1;
	if (kernel && mount_kernel(root, fd) == -1)
		goto fail;
	for (i = 0; i < n; i++)
		if (bind_one(root, fd, &binds[i]) == -1)
			goto fail;
	return fd;
fail:
	close(fd);
	return -1;
}
