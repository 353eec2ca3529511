/* See LICENSE. */
#include "fault.h"

#ifdef FAULTS

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int value;
} errors[] = {{"EACCES", EACCES}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR},
    {"EIO", EIO}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC},
    {"EPERM", EPERM}, {"EROFS", EROFS}};

static void
note(const char *name)
{
	const char *path = getenv("FAULT_LOG");
	char line[128];
	int fd, n;

	if (path == NULL)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return;
	n = snprintf(line, sizeof(line), "%s\n", name);
	if (write(fd, line, (size_t)n) == -1)
		abort();
	close(fd);
}

int
fault_hit(const char *name)
{
	static long passed;
	const char *spec = getenv("FAULT");
	size_t i, len = strlen(name);
	char *end;
	long nth;

	note(name);
	if (spec == NULL || strncmp(spec, name, len) != 0 || spec[len] != ':')
		return 0;
	nth = strtol(spec + len + 1, &end, 10);
	if (*end != ':' || ++passed != nth)
		return 0;
	if (strcmp(end + 1, "KILL") == 0)
		raise(SIGKILL);
	if (strcmp(end + 1, "STOP") == 0) {
		raise(SIGSTOP);
		return 0;
	}
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(end + 1, errors[i].name) == 0) {
			errno = errors[i].value;
			return 1;
		}
	abort();
}

long
fault_number(const char *variable, long usual)
{
	const char *s = getenv(variable);

	return s != NULL ? strtol(s, NULL, 10) : usual;
}

#else

/* A translation unit may not be empty. */
extern int fault_none;

#endif
