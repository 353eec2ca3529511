/* See LICENSE. */
#include "sys.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"

/* What /proc is asked, and where the answers go. */
struct family {
	int (*fn)(void *, pid_t, pid_t);
	void *arg;
	int listed;  /* there is /proc/PID/task/TID/children, Linux 3.5 */
	pid_t *todo; /* whose children are to be looked for */
	size_t n, max;
	int rc;
};

/* The parent of a process that has not ended; else -1. */
static pid_t
parent_of(pid_t pid)
{
	char line[512], path[64], *p, state;
	long parent = -1;
	size_t n;
	FILE *fp;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if ((fp = fopen(path, "re")) == NULL)
		return -1;
	n = fread(line, 1, sizeof(line) - 1, fp);
	fclose(fp);
	line[n] = '\0';
	/* the name, in parentheses, may have any byte */
	p = strrchr(line, ')');
	if (p == NULL || sscanf(p + 1, " %c %ld", &state, &parent) != 2 ||
	    state == 'Z' || state == 'X')
		return -1;
	return (pid_t)parent;
}

static void
meet(struct family *f, pid_t parent, pid_t pid)
{
	size_t max = f->max > 0 ? f->max * 2 : 64;
	pid_t *p;

	if (f->fn(f->arg, parent, pid) != 0)
		return;
	if (f->n == f->max) {
		if ((p = realloc(f->todo, max * sizeof(*p))) == NULL) {
			f->rc = -1;
			return;
		}
		f->todo = p;
		f->max = max;
	}
	f->todo[f->n++] = pid;
}

static void
read_children(struct family *f, pid_t parent, const char *tid)
{
	char path[96];
	long pid;
	FILE *fp;

	snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/children",
	    (long)parent, tid);
	if ((fp = fopen(path, "re")) == NULL)
		return;
	while (fscanf(fp, "%ld", &pid) == 1)
		meet(f, parent, (pid_t)pid);
	fclose(fp);
}

/* The children of all threads, or without such lists of all processes those
 * whose parent it is. */
static void
find_children(struct family *f, pid_t parent)
{
	char path[64] = "/proc";
	struct dirent *e;
	pid_t pid;
	DIR *d;

	if (f->listed)
		snprintf(path, sizeof(path), "/proc/%ld/task", (long)parent);
	if ((d = opendir(path)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (f->listed)
			read_children(f, parent, e->d_name);
		else if (parent_of(pid) == parent)
			meet(f, parent, pid);
	}
	closedir(d);
}

/* Whether /proc is there and its numbers are those of this process. */
static int
proc_is_ours(void)
{
	char target[32];
	ssize_t n;

	n = readlink("/proc/self", target, sizeof(target) - 1);
	if (n == -1)
		return 0;
	target[n] = '\0';
	return strtol(target, NULL, 10) == (long)getpid();
}

int
sys_descendants(int (*fn)(void *, pid_t, pid_t), void *arg)
{
	struct family f = {.fn = fn, .arg = arg};
	char path[64];
	pid_t self = getpid();

	if (!proc_is_ours())
		return 1;
	snprintf(
	    path, sizeof(path), "/proc/self/task/%ld/children", (long)self);
	f.listed = access(path, R_OK) == 0;
	find_children(&f, self);
	while (f.n > 0)
		find_children(&f, f.todo[--f.n]);
	free(f.todo);
	return f.rc;
}

static int
signal_child(pid_t pid, int sig)
{
	siginfo_t si;

	/* its number stays its own until it is waited for */
	memset(&si, 0, sizeof(si));
	if (waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    si.si_pid != pid)
		return kill(pid, sig);
	errno = ESRCH;
	return -1;
}

int
sys_signal_descendant(pid_t parent, pid_t pid, int sig)
{
	int e, fd, rc = -1;

	if (parent == getpid())
		return signal_child(pid, sig);
	/* opened before it is looked at: then it was the one that is meant */
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd == -1 && !linux_lacks(errno))
		return -1;
	if (parent_of(pid) != parent) {
		errno = ESRCH;
	} else {
		if (fd != -1)
			rc = (int)syscall(
			    SYS_pidfd_send_signal, fd, sig, NULL, 0);
		if (rc == -1 && (fd == -1 || linux_lacks(errno)))
			rc = kill(pid, sig);
	}
	e = errno;
	if (fd != -1)
		close(fd);
	errno = e;
	return rc;
}
