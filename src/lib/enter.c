/* See LICENSE. */
#include "enter.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "sys.h"

int
enter_descriptors(void)
{
	struct stat st;
	int fd;

	for (fd = 0; fd <= 2; fd++) {
		if (fstat(fd, &st) == -1) {
			if (errno != EBADF || open("/dev/null", O_RDWR) != fd)
				return msg_fail(-1, "descriptor %d", fd);
		} else if (S_ISDIR(st.st_mode))
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

/* Makes the directory name, gives it to the user and goes there. */
static int
make_one(const char *name, const struct passwd_user *user)
{
	int e, fd, rc = -1;

	if (mkdir(name, 0755) == -1)
		return -1;
	fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fchmod(fd, 0755) == 0 && fchown(fd, user->uid, user->gid) == 0)
		rc = fchdir(fd);
	e = errno;
	close(fd);
	errno = e;
	return rc;
}

/*
 * As chdir(2), step by step, making what is missing.  Holds no descriptor
 * while it walks: dir may be one of /proc/self/fd.
 */
static int
make_and_enter(const char *dir, const struct passwd_user *user)
{
	char *copy, *name, *rest;
	int e, rc;

	if ((copy = strdup(dir)) == NULL)
		return -1;
	rc = chdir("/");
	for (name = strtok_r(copy, "/", &rest); rc == 0 && name != NULL;
	     name = strtok_r(NULL, "/", &rest)) {
		rc = chdir(name);
		if (rc == -1 && errno == ENOENT)
			rc = make_one(name, user);
	}
	e = errno;
	free(copy);
	if (rc == -1 && chdir("/") == -1)
		return -1;
	errno = e;
	return rc;
}

int
enter_workdir(const char *dir, const struct passwd_user *user)
{
	char *cwd;

	if (*dir == '\0')
		dir = "/";
	if (chdir(dir) == -1 &&
	    (errno != ENOENT || make_and_enter(dir, user) == -1))
		return errno == EACCES && geteuid() != user->uid
			   ? 1
			   : msg_fail(-1, "working directory %s", dir);
	/* a directory that cannot be reached from / lies outside the root */
	if ((cwd = getcwd(NULL, 0)) == NULL)
		return msg_fail(-1, "working directory %s", dir);
	if (*cwd != '/') {
		free(cwd);
		return msg_failx(
		    -1, "working directory %s: is outside the root", dir);
	}
	free(cwd);
	return 0;
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
