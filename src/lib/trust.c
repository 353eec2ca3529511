/* See LICENSE. */
#include "trust.h"

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "sys.h"

#define LINKS_MAX 40 /* as Linux has it */

/*
 * In a directory with the sticky bit only owners rename: there it is the next
 * component's owner that counts, and that is looked at in its turn.
 */
static int
is_fixed(const struct stat *st, uid_t top)
{
	return (st->st_uid == geteuid() || st->st_uid == top) &&
	       ((st->st_mode & 022) == 0 || (st->st_mode & S_ISVTX) != 0);
}

int
trust_path(const char *path, char **at)
{
	char *copy, *end;
	struct stat st;
	uid_t top;
	int rc;

	*at = NULL;
	if (lstat("/", &st) == -1)
		return -1;
	top = st.st_uid;
	if (!is_fixed(&st, top))
		return (*at = strdup("/")) != NULL ? 0 : -1;
	if ((copy = strdup(path)) == NULL)
		return -1;
	/* from the top: what comes next stands still when this does */
	for (rc = 1, end = copy; rc == 1 && end != NULL;) {
		end = strchr(end + 1, '/');
		if (end != NULL)
			*end = '\0';
		rc = lstat(copy, &st) == -1 ? -1 : is_fixed(&st, top);
		if (rc == 0 && (*at = strdup(copy)) == NULL)
			rc = -1;
		if (end != NULL)
			*end = '/';
	}
	free(copy);
	return rc;
}

struct walk {
	int fd;	    /* where it is */
	char *rest; /* of the path; malloced */
	unsigned links;
	uid_t *owner;
};

static int
enter(struct walk *w, int fd)
{
	if (fd == -1)
		return -1;
	if (w->fd != -1)
		close(w->fd);
	w->fd = fd;
	return 0;
}

static int
enter_top(struct walk *w)
{
	return enter(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* The link name, whose status is given, is walked first. */
static int
follow(struct walk *w, const char *name, const struct stat *st)
{
	char target[PATH_MAX], *rest;
	ssize_t n;

	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		*w->owner = st->st_uid;
		errno = EPERM;
		return -1;
	}
	if (++w->links > LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	if ((n = readlinkat(w->fd, name, target, sizeof(target) - 1)) == -1)
		return -1;
	target[n] = '\0';
	if ((rest = fdio_fmt("%s/%s", target, w->rest)) == NULL)
		return -1;
	free(w->rest);
	w->rest = rest;
	return *target == '/' ? enter_top(w) : 0;
}

/* The next name: 1, 0 when there is none, -1 and errno. */
static int
step(struct walk *w)
{
	char name[NAME_MAX + 1], *p;
	struct stat st;
	size_t n;

	p = w->rest + strspn(w->rest, "/");
	if ((n = strcspn(p, "/")) == 0)
		return 0;
	if (n > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, p, n);
	name[n] = '\0';
	memmove(w->rest, p + n, strlen(p + n) + 1);
	if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (S_ISLNK(st.st_mode))
		return follow(w, name, &st) == -1 ? -1 : 1;
	return enter(w, openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)) ==
		       -1
		   ? -1
		   : 1;
}

int
trust_open(const char *path, uid_t *owner)
{
	struct walk w = {-1, NULL, 0, owner};
	int e, rc;

	rc = enter_top(&w);
	if (rc == 0 && (w.rest = strdup(path)) == NULL)
		rc = -1;
	if (rc == 0)
		while ((rc = step(&w)) == 1)
			;
	e = errno;
	free(w.rest);
	if (rc == 0)
		return w.fd;
	if (w.fd != -1)
		close(w.fd);
	errno = e;
	return -1;
}
