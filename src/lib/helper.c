/* See LICENSE. */
#include "helper.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "http.h"
#include "json.h"
#include "msg.h"
#include "start.h"
#include "sys.h"

#define REPLY_MAX (256U << 10)
#define WAIT_MS 120000
#define TICK_MS 50
#define ERR_FD 3
#define NAME "-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static int
is_gone(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
		   0 &&
	       info.si_pid == pid;
}

/*
 * All that comes out of fd until its end, or the end of the process: what it
 * started and left behind may hold the pipe open.  -1 and errno.
 */
static int
drain(int fd, pid_t pid, struct buf *b)
{
	struct pollfd p = {fd, POLLIN, 0};
	long until = now_ms() + WAIT_MS;
	char chunk[4096];
	ssize_t n;
	int gone;

	for (;;) {
		if (now_ms() >= until) {
			errno = ETIMEDOUT;
			return -1;
		}
		gone = is_gone(pid);
		if ((n = poll(&p, 1, gone ? 0 : TICK_MS)) == 0 && gone)
			return 0;
		if (n == -1 && errno != EINTR)
			return -1;
		if (n <= 0)
			continue;
		if ((n = read(fd, chunk, sizeof(chunk))) == 0)
			return 0;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (b->len + (size_t)n > REPLY_MAX) {
			errno = EFBIG;
			return -1;
		}
		if (buf_add(b, chunk, (size_t)n) == -1)
			return -1;
		explicit_bzero(chunk, (size_t)n);
	}
}

/*
 * Becomes "program get" between two pipes, with nothing open but 0 to 2 and the
 * signals of the caller.  Why it did not goes to err.
 */
static _Noreturn void
become(const char *program, int in, int out, int err)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	char get[] = "get", *argv[] = {(char *)(size_t)program, get, NULL};
	sigset_t set;
	int e, sig;

	start_ignored(&set);
	for (sig = 1; sig < NSIG; sig++)
		if (sigismember(&set, sig) == 1)
			sigaction(sig, &usual, NULL);
	if (dup2(in, 0) == -1 || dup2(out, 1) == -1 ||
	    dup2(err, ERR_FD) == -1 ||
	    fcntl(ERR_FD, F_SETFD, FD_CLOEXEC) == -1 ||
	    sys_close_range(ERR_FD + 1, INT_MAX) == -1)
		_exit(1);
	execvp(program, argv);
	e = errno;
	fdio_write(ERR_FD, &e, sizeof(e));
	_exit(1);
}

/* Starts it; -1 and errno when it cannot be executed. */
static int
start(const char *program, int in, int out, pid_t *pid)
{
	int e = 0, err[2];

	if (pipe2(err, O_CLOEXEC) == -1)
		return -1;
	if ((*pid = fork()) == 0)
		become(program, in, out, err[1]);
	if (*pid == -1)
		e = errno;
	close(err[1]);
	if (*pid != -1 && fdio_read(err[0], &e, sizeof(e)) == sizeof(e))
		while (waitpid(*pid, NULL, 0) == -1 && errno == EINTR)
			continue;
	close(err[0]);
	errno = e;
	return e == 0 ? 0 : -1;
}

/*
 * The program's exit status, its output in b; -1 and errno.  The question is
 * written before anybody may close the other end: it fits the pipe.
 */
static int
ask(const char *program, const char *server, struct buf *b)
{
	int e, in[2], out[2] = {-1, -1}, rc = -1, status;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) == -1)
		return -1;
	if (pipe2(out, O_CLOEXEC) == -1 ||
	    fdio_write(in[1], server, strlen(server)) == -1 ||
	    start(program, in[0], out[1], &pid) == -1)
		goto out;
	close(in[1]);
	close(out[1]);
	in[1] = out[1] = -1;
	rc = drain(out[0], pid, b);
	e = errno;
	if (rc == -1)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (rc == 0)
		rc = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	errno = e;
out:
	e = errno;
	close(in[0]);
	if (in[1] != -1)
		close(in[1]);
	if (out[0] != -1)
		close(out[0]);
	if (out[1] != -1)
		close(out[1]);
	errno = e;
	return rc;
}

static int
parse(const char *program, const struct buf *b, struct auth *a)
{
	const char *secret, *user, *why = "no Username and Secret";
	struct json *j = json_parse(b->data, b->len, &why);

	user = json_str(json_get(j, "Username"));
	secret = json_str(json_get(j, "Secret"));
	if (user != NULL && secret != NULL && strcmp(user, "<token>") == 0)
		a->identity = strdup(secret);
	else if (user != NULL && *user != '\0' && secret != NULL) {
		a->user = strdup(user);
		if ((a->password = strdup(secret)) == NULL)
			auth_clear(a);
	} else if (user == NULL || secret == NULL)
		msg_warnx("warning: %s: %s: no credentials used", program, why);
	json_free(j);
	return !auth_none(a);
}

int
helper_get(const char *name, const char *server, struct auth *a)
{
	struct buf b = {0};
	char *program;
	int rc;

	memset(a, 0, sizeof(*a));
	if (name[strspn(name, NAME)] != '\0') {
		msg_warnx("warning: credential helper %s: bad name", name);
		return 0;
	}
	if (strlen(server) > 4000 ||
	    (program = fdio_fmt("docker-credential-%s", name)) == NULL)
		return 0;
	rc = ask(program, server, &b);
	while (b.len > 0 && b.data[b.len - 1] == '\n')
		b.data[--b.len] = '\0';
	if (rc == 0 && b.len > 0)
		rc = parse(program, &b, a);
	else {
		/* its output may be the password, whatever its status */
		if (rc == -1)
			msg_warn("warning: %s", program);
		else if (rc == 0)
			msg_warnx("warning: %s: no output: no credentials used",
			    program);
		else if (b.len == 0 ||
			 strstr(b.data, "credentials not found") == NULL)
			msg_warnx("warning: %s: exit status %d: no "
				  "credentials used",
			    program, rc);
		rc = 0;
	}
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	buf_free(&b);
	free(program);
	return rc;
}
