/* See LICENSE. */
#include "command.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "environ.h"
#include "explain.h"
#include "fdio.h"
#include "msg.h"

/* The reason worth telling, of all the places tried. */
struct failure {
	char *path;
	int err; /* 0: none yet */
};

static int
is_missing(int err)
{
	return err == ENOENT || err == ENOTDIR;
}

/* Tries path, which the failure may keep.  1: no other place will do better. */
static int
try(char *path, char *const argv[], char *const env[], struct failure *f)
{
	struct stat st;
	int err;

	execve(path, argv, env);
	err = errno;
	if ((is_missing(err) || err == EACCES) && lstat(path, &st) == -1) {
		free(path);
		return 0;
	}
	if (f->err == 0 || !is_missing(err)) {
		free(f->path);
		f->path = path;
		f->err = err;
	} else
		free(path);
	return !is_missing(err) && err != EACCES;
}

static int
search(
    const char *path, char *const argv[], char *const env[], struct failure *f)
{
	const char *dir;
	size_t len;
	char *file;

	for (dir = path;; dir += len + 1) {
		len = strcspn(dir, ":");
		file = fdio_fmt("%.*s%s%s", (int)len, dir,
		    len > 0 && dir[len - 1] != '/' ? "/" : "", argv[0]);
		if (file == NULL)
			return msg_fail(-1, "%s", argv[0]);
		if (try(file, argv, env, f) || dir[len] == '\0')
			return 0;
	}
}

int
command_exec(char *const argv[], char *const env[])
{
	struct failure f = {NULL, 0};
	const char *name = argv[0], *path;
	char *why;
	int status = COMMAND_DENIED;

	if ((path = environ_get(env, "PATH")) == NULL)
		path = strchr(ENVIRON_PATH, '=') + 1;
	if (strchr(name, '/') != NULL) {
		execve(name, argv, env);
		f.err = errno;
		f.path = strdup(name);
	} else if (*name != '\0' && search(path, argv, env, &f) == -1)
		goto out;
	if (f.err == 0) {
		status = msg_failx(
		    COMMAND_MISSING, "%s: not found in %s", name, path);
		goto out;
	}
	if (is_missing(f.err))
		status = COMMAND_MISSING;
	why = f.path != NULL ? explain_exec(f.path, f.err) : NULL;
	msg_warnx("%s: %s", f.path != NULL ? f.path : name,
	    why != NULL ? why : strerror(f.err));
	free(why);
out:
	free(f.path);
	return status;
}
