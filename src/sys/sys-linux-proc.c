/* See LICENSE. */
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 &&
	       (path[n] == '\0' || path[n] == '/');
}

struct place {
	const char *path;
	struct stat sb;
	int mounted;
};

/*
 * Whether the directory fd is the place, or below it: by going up, since its
 * path may be too long to be told, or that of another mount.  Closes fd.
 */
static int
is_inside(int fd, const struct place *place)
{
	struct stat above, here;
	int found = 0, up;

	if (fstat(fd, &here) == -1) {
		close(fd);
		return 0;
	}
	while (!(found = here.st_dev == place->sb.st_dev &&
			 (place->mounted || here.st_ino == place->sb.st_ino))) {
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up == -1 || fstat(up, &above) == -1) {
			if (up != -1)
				close(up);
			break;
		}
		close(fd);
		fd = up;
		if (above.st_dev == here.st_dev && above.st_ino == here.st_ino)
			break;
		here = above;
	}
	close(fd);
	return found;
}

/*
 * Whether a link of /proc/PID leads into the place.  Processes that end
 * meanwhile, and those of others that may not be looked at, are not there.
 */
static int
leads_into(
    int procfd, const char *pid, const char *which, const struct place *place)
{
	char link[64], target[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(link, sizeof(link), "%.20s/%s", pid, which);
	n = readlinkat(procfd, link, target, sizeof(target) - 1);
	if (n == -1 && errno != ENAMETOOLONG)
		return 0;
	if (n != -1) {
		target[n] = '\0';
		if (is_below(target, place->path))
			return 1;
	}
	fd = openat(procfd, link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd != -1 && is_inside(fd, place);
}

static int
is_user(int procfd, const char *pid, const struct place *place)
{
	return leads_into(procfd, pid, "root", place) ||
	       leads_into(procfd, pid, "cwd", place);
}

static int
find_place(const char *path, struct place *place)
{
	int fd;

	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	if (fstat(fd, &place->sb) == -1) {
		close(fd);
		return -1;
	}
	place->path = path;
	place->mounted = sys_is_mount(fd) == 1;
	close(fd);
	return 0;
}

int
sys_users_of(const char *path, void (*fn)(void *, pid_t), void *arg)
{
	struct place place;
	struct dirent *e;
	struct stat st;
	DIR *d;

	if (find_place(path, &place) == -1)
		return -1;
	if ((d = opendir("/proc")) == NULL)
		return errno == ENOENT ? 1 : -1;
	if (fstatat(dirfd(d), "self/root", &st, AT_SYMLINK_NOFOLLOW) == -1) {
		closedir(d);
		return 1;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    is_user(dirfd(d), e->d_name, &place))
			fn(arg, (pid_t)strtol(e->d_name, NULL, 10));
	closedir(d);
	return 0;
}

int
sys_is_user(const char *path, pid_t pid)
{
	struct place place;
	char name[24];
	int fd, rc;

	if (find_place(path, &place) == -1 ||
	    (fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return 0;
	snprintf(name, sizeof(name), "%ld", (long)pid);
	rc = is_user(fd, name, &place);
	close(fd);
	return rc;
}

/* Undoes the \040 of /proc/self/mountinfo in place; proc(5). */
static void
unescape(char *s)
{
	char *d = s;

	for (; *s != '\0'; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*d++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
				      (s[3] - '0'));
			s += 3;
		} else
			*d++ = *s;
	*d = '\0';
}

/*
 * Splits a line of mountinfo:
 * 36 35 98:0 /root /mount/point rw,noatime master:1 - ext4 /dev/sda rw,errors=x
 */
static int
parse_line(char *line, char **point, char **type, char **options)
{
	char *p, *save;
	int i;

	line[strcspn(line, "\n")] = '\0';
	if ((p = strtok_r(line, " ", &save)) == NULL)
		return -1;
	for (i = 0; i < 4; i++)
		if ((p = strtok_r(NULL, " ", &save)) == NULL)
			return -1;
	unescape(*point = p);
	while ((p = strtok_r(NULL, " ", &save)) != NULL && strcmp(p, "-") != 0)
		;
	if ((*type = strtok_r(NULL, " ", &save)) == NULL ||
	    strtok_r(NULL, " ", &save) == NULL)
		return -1;
	*options = save;
	unescape(*options);
	return 0;
}

int
sys_mounts_below(const char *path,
    int (*fn)(void *, const char *, const char *, const char *), void *arg)
{
	char *line = NULL, *options, *point, *type;
	size_t size = 0;
	FILE *fp;
	int rc = 0;

	if ((fp = fopen("/proc/self/mountinfo", "re")) == NULL)
		return -1;
	while (rc == 0 && getline(&line, &size, fp) != -1)
		if (parse_line(line, &point, &type, &options) == 0 &&
		    (strcmp(path, "/") == 0 || is_below(point, path)))
			rc = fn(arg, point, type, options);
	if (rc == 0 && ferror(fp))
		rc = -1;
	free(line);
	fclose(fp);
	return rc;
}
