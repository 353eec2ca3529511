/* See LICENSE. */
#include "passwd.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "sys.h"

#define PASSWD "/etc/passwd"
#define GROUP "/etc/group"

#define NFIELDS 7
#define SPEC_ID_MAX INT32_MAX	     /* docker's limit for USER */
#define FILE_ID_MAX (UINT32_MAX - 1) /* (uid_t)-1 means "leave it" */

/* The lines of passwd(5) and group(5), split at colons. */
struct table {
	FILE *fp;
	char *line;
	size_t cap;
	size_t seen; /* bytes read */
	char *field[NFIELDS];
	size_t nfields;
};

static int
all_digits(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static int
parse_id(const char *s, uint32_t max, uint32_t *id)
{
	unsigned long long n = 0;

	if (!all_digits(s))
		return -1;
	for (; *s != '\0'; s++)
		if ((n = n * 10 + (unsigned)(*s - '0')) > max)
			return -1;
	*id = (uint32_t)n;
	return 0;
}

static void
split(struct table *t)
{
	char *p = t->line;

	for (t->nfields = 0; p != NULL && t->nfields < NFIELDS; t->nfields++) {
		t->field[t->nfields] = p;
		if ((p = strchr(p, ':')) != NULL)
			*p++ = '\0';
	}
}

/* 1 with the fields of the next line, 0 at the end, -1 and errno. */
static int
next_line(struct table *t)
{
	ssize_t n;

	for (;;) {
		errno = 0;
		if ((n = getline(&t->line, &t->cap, t->fp)) == -1)
			return ferror(t->fp) || errno == ENOMEM ? -1 : 0;
		if ((t->seen += (size_t)n) > PASSWD_FILE_MAX) {
			errno = EFBIG;
			return -1;
		}
		if (t->line[n - 1] == '\n')
			t->line[--n] = '\0';
		if (strlen(t->line) != (size_t)n)
			continue;
		split(t);
		if (t->nfields > 2 && strchr("#+-", *t->line) == NULL)
			return 1;
	}
}

/*
 * Finds the line of the user by name, or by uid when name is NULL.  1 with
 * *user and *name (malloced) set from it, 0 when there is none, -1.
 */
static int
find_user(FILE *fp, const char *name, struct passwd_user *user, char **found)
{
	struct table t = {.fp = fp};
	uint32_t uid, gid;
	int rc = 0;

	while (fp != NULL && (rc = next_line(&t)) == 1) {
		if (t.nfields < 4 ||
		    parse_id(t.field[2], FILE_ID_MAX, &uid) == -1 ||
		    parse_id(t.field[3], FILE_ID_MAX, &gid) == -1)
			continue;
		if (name != NULL ? strcmp(t.field[0], name) != 0
				 : uid != user->uid)
			continue;
		user->uid = uid;
		user->gid = gid;
		if (t.nfields > 5 && t.field[5][0] == '/' &&
		    (user->home = strdup(t.field[5])) == NULL)
			rc = -1;
		if ((*found = strdup(t.field[0])) == NULL)
			rc = -1;
		break;
	}
	if (rc == -1)
		msg_warn(PASSWD);
	free(t.line);
	return rc;
}

/* 1 with *gid set, 0, -1. */
static int
find_group(FILE *fp, const char *name, gid_t *gid)
{
	struct table t = {.fp = fp};
	uint32_t id;
	int rc = 0;

	while (fp != NULL && (rc = next_line(&t)) == 1) {
		if (strcmp(t.field[0], name) == 0 &&
		    parse_id(t.field[2], FILE_ID_MAX, &id) == 0) {
			*gid = id;
			break;
		}
	}
	if (rc == -1)
		msg_warn(GROUP);
	free(t.line);
	return rc;
}

static int
add_group(struct passwd_user *user, gid_t gid)
{
	gid_t *p;
	size_t n = user->ngroups;

	/* room for 2, 4, 8 ...: grow when n is a power of two */
	if ((n & (n - 1)) == 0) {
		p = realloc(user->groups, (n > 0 ? 2 * n : 2) * sizeof(*p));
		if (p == NULL)
			return msg_fail(-1, GROUP);
		user->groups = p;
	}
	user->groups[user->ngroups++] = gid;
	return 0;
}

static int
is_member(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list != '\0') {
		if (strncmp(list, name, len) == 0 &&
		    (list[len] == ',' || list[len] == '\0'))
			return 1;
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return 0;
}

/* Adds the groups that list the user as a member. */
static int
add_memberships(FILE *fp, const char *name, struct passwd_user *user)
{
	struct table t = {.fp = fp};
	uint32_t gid;
	int rc = 0;

	while (fp != NULL && (rc = next_line(&t)) == 1) {
		if (t.nfields < 4 ||
		    parse_id(t.field[2], FILE_ID_MAX, &gid) == -1 ||
		    gid == user->gid || !is_member(t.field[3], name))
			continue;
		if (user->ngroups == PASSWD_GROUPS_MAX) {
			rc = msg_failx(-1, "user %s: in more than %d groups",
			    name, PASSWD_GROUPS_MAX);
			goto out;
		}
		if ((rc = add_group(user, gid)) == -1)
			goto out;
	}
	if (rc == -1)
		msg_warn(GROUP);
out:
	free(t.line);
	return rc;
}

/* Sets the user by the text before the colon; *name is NULL when unknown. */
static int
resolve_user(
    FILE *passwd, const char *text, struct passwd_user *user, char **name)
{
	uint32_t id = 0;
	int numeric = *text == '\0' || all_digits(text);
	int rc;

	if (*text != '\0' && numeric && parse_id(text, SPEC_ID_MAX, &id) == -1)
		return msg_failx(-1, "user %s: no such number", text);
	user->uid = id;
	rc = find_user(passwd, numeric ? NULL : text, user, name);
	if (rc == 0 && !numeric)
		return msg_failx(
		    -1, "user %s: not in the root's " PASSWD, text);
	return rc == -1 ? -1 : 0;
}

static int
resolve_group(FILE *group, const char *text, struct passwd_user *user)
{
	uint32_t id;
	int rc;

	if (all_digits(text)) {
		if (parse_id(text, SPEC_ID_MAX, &id) == -1)
			return msg_failx(-1, "group %s: no such number", text);
		user->gid = id;
		return 0;
	}
	if ((rc = find_group(group, text, &user->gid)) == 0)
		return msg_failx(
		    -1, "group %s: not in the root's " GROUP, text);
	return rc == -1 ? -1 : 0;
}

int
passwd_lookup(
    FILE *passwd, FILE *group, const char *spec, struct passwd_user *user)
{
	char *copy, *colon, *name = NULL;
	int rc = -1;

	memset(user, 0, sizeof(*user));
	if ((copy = strdup(spec)) == NULL)
		return msg_fail(-1, "user %s", spec);
	if ((colon = strchr(copy, ':')) != NULL)
		*colon++ = '\0';
	if (colon != NULL && strchr(colon, ':') != NULL) {
		msg_warnx("user %s: expected user[:group]", spec);
		goto out;
	}
	if (resolve_user(passwd, copy, user, &name) == -1)
		goto out;
	if (colon != NULL && *colon != '\0') {
		if (resolve_group(group, colon, user) == -1 ||
		    add_group(user, user->gid) == -1)
			goto out;
	} else if (add_group(user, user->gid) == -1 ||
		   (name != NULL && add_memberships(group, name, user) == -1))
		goto out;
	if (user->home == NULL && (user->home = strdup("/")) == NULL) {
		msg_warn("user %s", spec);
		goto out;
	}
	rc = 0;
out:
	if (rc == -1)
		passwd_free(user);
	free(name);
	free(copy);
	return rc;
}

/*
 * Opens the file below /, if it is a regular one; -1 and errno.  No link of
 * proc(5) is followed, which may lead out of the root.
 */
static int
open_regular(const char *path)
{
	struct stat st;
	int e, fd, place, rootfd;

	rootfd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd == -1)
		return -1;
	/* looked at before it is opened, which may act on a device */
	fd = place = sys_open_in_root(rootfd, path, O_PATH);
	if (place != -1 && (fstat(place, &st) == -1 || !S_ISREG(st.st_mode))) {
		errno = EINVAL;
		fd = -1;
	} else if (place != -1)
		fd = sys_open_in_root(
		    rootfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	e = errno;
	if (place != -1)
		close(place);
	close(rootfd);
	errno = e;
	return fd;
}

/* Opens a regular file of bearable size; NULL with errno. */
static FILE *
open_table(const char *path)
{
	struct stat st;
	FILE *fp;
	int fd;

	if ((fd = open_regular(path)) == -1)
		return NULL;
	errno = EINVAL;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		goto fail;
	if (st.st_size > (off_t)PASSWD_FILE_MAX) {
		errno = EFBIG;
		goto fail;
	}
	if ((fp = fdopen(fd, "r")) != NULL)
		return fp;
fail:
	close(fd);
	return NULL;
}

/*
 * A file that is not there is an empty one.  One that cannot be used is an
 * error only where a name is to be found in it.
 */
static int
open_needed(const char *path, int named, FILE **fp)
{
	if ((*fp = open_table(path)) != NULL || errno == ENOENT ||
	    errno == ENOTDIR)
		return 0;
	if (errno == EINVAL)
		msg_warnx("%s: not a regular file", path);
	else
		msg_warn("%s", path);
	return named ? -1 : 0;
}

int
passwd_resolve(const char *spec, struct passwd_user *user)
{
	const char *colon = strchr(spec, ':');
	FILE *passwd = NULL, *group = NULL;
	int rc = -1;

	memset(user, 0, sizeof(*user));
	if (open_needed(PASSWD,
		spec[strspn(spec, "0123456789")] != '\0' &&
		    spec[strspn(spec, "0123456789")] != ':',
		&passwd) == -1)
		goto out;
	if (open_needed(GROUP,
		colon != NULL && colon[1] != '\0' && !all_digits(colon + 1),
		&group) == -1)
		goto out;
	rc = passwd_lookup(passwd, group, spec, user);
out:
	if (passwd != NULL)
		fclose(passwd);
	if (group != NULL)
		fclose(group);
	return rc;
}

void
passwd_free(struct passwd_user *user)
{
	free(user->groups);
	free(user->home);
	memset(user, 0, sizeof(*user));
}
