/* See LICENSE. */
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELETED " (deleted)"

/*
 * The last name of an open file, by its link in proc(5), perhaps one that it
 * had.
 */
static int
file_name(int fddir, const char *link, char name[NAME_MAX + 1])
{
	char path[PATH_MAX], *p;
	ssize_t n;

	if ((n = readlinkat(fddir, link, path, sizeof(path) - 1)) == -1)
		return -1;
	path[n] = '\0';
	n -= (ssize_t)strlen(DELETED);
	if (n > 0 && strcmp(path + n, DELETED) == 0)
		path[n] = '\0';
	p = strrchr(path, '/');
	snprintf(
	    name, NAME_MAX + 1, "%.*s", NAME_MAX, p != NULL ? p + 1 : path);
	return 0;
}

/* Whether a lock is shown of the open file: "lock: 1: FLOCK  ADVISORY ...". */
static int
has_lock(int procfd, const char *pid, const char *number)
{
	char line[256], path[64];
	int fd, found = 0;
	FILE *fp;

	snprintf(path, sizeof(path), "%.20s/fdinfo/%.20s", pid, number);
	if ((fd = openat(procfd, path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	if ((fp = fdopen(fd, "r")) == NULL) {
		close(fd);
		return 0;
	}
	while (!found && fgets(line, sizeof(line), fp) != NULL)
		found = strncmp(line, "lock:", 5) == 0 &&
			strstr(line, " FLOCK ") != NULL;
	fclose(fp);
	return found;
}

struct file {
	char name[NAME_MAX + 1];
	struct stat st;
};

/*
 * Whether a process has the file open and locked.  Its descriptors are told by
 * their names first: who asks after a file of a dead server waits for ever.
 */
static int
locks(int procfd, const char *pid, const struct file *file)
{
	char name[NAME_MAX + 1], path[64];
	int fd, found = 0;
	struct dirent *e;
	struct stat st;
	DIR *d;

	snprintf(path, sizeof(path), "%.20s/fd", pid);
	fd = openat(procfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return 0;
	}
	while (!found && (e = readdir(d)) != NULL)
		found = file_name(fd, e->d_name, name) == 0 &&
			strcmp(name, file->name) == 0 &&
			fstatat(fd, e->d_name, &st, 0) == 0 &&
			st.st_dev == file->st.st_dev &&
			st.st_ino == file->st.st_ino &&
			has_lock(procfd, pid, e->d_name);
	closedir(d);
	return found;
}

int
sys_lockers_of(int fd, void (*fn)(void *, pid_t), void *arg)
{
	struct file file;
	struct dirent *e;
	char self[32];
	pid_t pid;
	DIR *d;

	if (fstat(fd, &file.st) == -1)
		return -1;
	if ((d = opendir("/proc")) == NULL)
		return errno == ENOENT ? 1 : -1;
	snprintf(self, sizeof(self), "self/fd/%d", fd);
	if (file_name(dirfd(d), self, file.name) == -1) {
		closedir(d);
		return 1;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid != getpid() && locks(dirfd(d), e->d_name, &file))
			fn(arg, pid);
	}
	closedir(d);
	return 0;
}
