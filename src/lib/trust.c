/* See LICENSE. */
#include "trust.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
