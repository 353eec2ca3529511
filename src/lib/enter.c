/* See LICENSE. */
#include "enter.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "msg.h"
#include "place.h"
#include "sys.h"

int
enter_descriptors(void)
{
	struct stat st;
	int fd;

	for (fd = 0; fd <= 2; fd++) {
		if (fstat(fd, &st) == -1)
			return msg_fail(-1, "descriptor %d", fd);
		if (S_ISDIR(st.st_mode))
			return msg_failx(-1,
			    "descriptor %d: is a directory, which would lead "
			    "out of the root",
			    fd);
	}
	if (sys_close_dirs(3) == -1)
		return msg_fail(-1, "closing inherited directories");
	return 0;
}

int
enter_root(int rootfd, const char *path)
{
	if (fchdir(rootfd) == -1)
		return msg_fail(-1, "%s", path);
	if (chroot(".") == -1) {
		if (errno == EPERM && geteuid() != 0)
			return msg_failx(-1,
			    "%s: not root: chroot(2) is not permitted", path);
		return msg_fail(-1, "%s: chroot", path);
	}
	if (chdir("/") == -1)
		return msg_fail(-1, "%s: chdir", path);
	return 0;
}

/* Opens dir below /, made where it is missing. */
static int
open_workdir(const char *dir, const struct passwd_user *user)
{
	int e, fd, rootfd;

	rootfd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd == -1)
		return -1;
	fd = place_open(rootfd, dir, 1, user->uid, user->gid);
	e = errno;
	close(rootfd);
	errno = e;
	return fd;
}

int
enter_workdir(const char *dir, const struct passwd_user *user)
{
	char *cwd;
	int fd, rc;

	if (*dir == '\0')
		dir = "/";
	fd = open_workdir(dir, user);
	rc = fd == -1 ? -1 : fchdir(fd);
	if (rc == -1 && errno == EACCES && geteuid() != user->uid)
		rc = 1;
	else if (rc == -1)
		msg_warn("working directory %s", dir);
	if (fd != -1)
		close(fd);
	if (rc != 0)
		return rc;
	/* a directory that cannot be reached from / lies outside the root */
	if ((cwd = getcwd(NULL, 0)) == NULL)
		return msg_fail(-1, "working directory %s", dir);
	rc = *cwd == '/'
		 ? 0
		 : msg_failx(
		       -1, "working directory %s: is outside the root", dir);
	free(cwd);
	return rc;
}

int
enter_user(const struct passwd_user *user)
{
	if (setgroups(user->ngroups, user->groups) == -1)
		return msg_fail(-1, "setgroups");
	if (setgid(user->gid) == -1)
		return msg_fail(-1, "setgid %lu", (unsigned long)user->gid);
	if (setuid(user->uid) == -1)
		return msg_fail(-1, "setuid %lu", (unsigned long)user->uid);
	if (getuid() != user->uid || geteuid() != user->uid ||
	    getgid() != user->gid || getegid() != user->gid)
		return msg_failx(-1, "setuid %lu: did not take effect",
		    (unsigned long)user->uid);
	if (user->uid == 0)
		return 0;
	if (setuid(0) != -1 || seteuid(0) != -1)
		return msg_failx(-1, "setuid %lu: could be undone",
		    (unsigned long)user->uid);
	if (sys_no_new_privs() == -1)
		return msg_fail(-1, "no_new_privs");
	return 0;
}
