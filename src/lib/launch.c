/* See LICENSE. */
#include "launch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "fdio.h"
#include "msg.h"
#include "supervise.h"

static char **
read_list(int basefd, const char *path, const char *name)
{
	char **v = NULL;

	errno = ENOENT;
	if (basefd != -1)
		v = config_read(basefd, name);
	if (v == NULL && errno == ENOENT)
		v = calloc(1, sizeof(*v));
	if (v == NULL)
		msg_warnx("%s: image's %s: %s", path, name, fdio_why());
	return v;
}

/* One string; given, when that is not NULL. */
static char *
read_string(int basefd, const char *path, const char *name, const char *given)
{
	char *s;

	if (given != NULL || basefd == -1)
		s = strdup(given != NULL ? given : "");
	else
		s = config_read1(basefd, name);
	if (s == NULL)
		msg_warnx("%s: image's %s: %s", path, name, fdio_why());
	return s;
}

static size_t
count(char *const *v)
{
	size_t n = 0;

	while (v[n] != NULL)
		n++;
	return n;
}

static char **
join(char *const *a, char *const *b)
{
	size_t na = count(a), nb = count(b);
	char **v;

	if ((v = calloc(na + nb + 1, sizeof(*v))) == NULL)
		return NULL;
	memcpy(v, a, na * sizeof(*v));
	memcpy(v + na, b, nb * sizeof(*v));
	return v;
}

static int
read_command(
    int basefd, const char *path, int append, char **operands, struct launch *l)
{
	char *none[] = {NULL};
	int given = *operands != NULL;

	if (!given || append) {
		l->entrypoint = read_list(basefd, path, "entrypoint");
		if (l->entrypoint == NULL)
			return -1;
	}
	if (!given && (l->cmd = read_list(basefd, path, "cmd")) == NULL)
		return -1;
	l->argv = join(l->entrypoint != NULL ? l->entrypoint : none,
	    given ? operands : l->cmd);
	if (l->argv == NULL)
		return msg_fail(-1, "%s", path);
	if (l->argv[0] == NULL)
		return msg_failx(-1, "%s: no command", path);
	return 0;
}

int
launch_read(int basefd, const char *path, int append, char **operands,
    const char *user, const char *dir, struct launch *l)
{
	memset(l, 0, sizeof(*l));
	if (read_command(basefd, path, append, operands, l) == 0 &&
	    (l->env = read_list(basefd, path, "env")) != NULL &&
	    (l->user = read_string(basefd, path, "user", user)) != NULL &&
	    (l->dir = read_string(basefd, path, "workdir", dir)) != NULL)
		return 0;
	launch_free(l);
	return -1;
}

void
launch_free(struct launch *l)
{
	free(l->argv);
	free(l->env);
	free(l->user);
	free(l->dir);
	free(l->entrypoint);
	free(l->cmd);
	memset(l, 0, sizeof(*l));
}

int
launch_stop_signal(int basefd, const char *path)
{
	char *name = read_string(basefd, path, "stopsignal", NULL);
	int sig = SIGTERM;

	if (name != NULL && *name != '\0' &&
	    (sig = supervise_signal(name)) == -1) {
		msg_warnx(
		    "%s: warning: stop signal %s: not known, SIGTERM instead",
		    path, name);
		sig = SIGTERM;
	}
	free(name);
	return sig;
}
