/* See LICENSE. */
#include "worker.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

extern char **environ;

/* main == NULL: to end the worker pid. */
struct order {
	worker_main *main; /* the zygote is a copy: it is there as well */
	uint64_t args[WORKER_ARGS];
	size_t nfds;
	pid_t pid;
	int sig;
};

struct answer {
	int error;
	pid_t pid;
	int status;
};

/* Room for the descriptors that go with an order, aligned. */
union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(WORKER_FDS * sizeof(int))];
};

static int zygote = -1; /* the socket */
static pid_t zygote_pid;

/* --- the zygote --- */

static void
be_worker(worker_main *fn, const int *fds, const uint64_t *args, pid_t parent)
{
	if (sys_die_with_parent() == -1 || getppid() != parent)
		_exit(127);
	_exit(fn(fds, args));
}

static pid_t
fork_worker(worker_main *fn, const int *fds, const uint64_t *args)
{
	pid_t parent = getpid(), pid;

	if ((pid = fork()) == 0)
		be_worker(fn, fds, args, parent);
	return pid;
}

static int
wait_for(pid_t pid, int sig)
{
	int status;

	if (sig != 0)
		kill(pid, sig);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return status;
}

/*
 * The next order with its descriptors: 1; 0 when there will be none any more.
 * What does not come whole, for want of descriptors, has o->nfds above *n.
 */
static int
receive(int sock, struct order *o, int *fds, size_t *n)
{
	struct iovec iov = {o, sizeof(*o)};
	union control control;
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	ssize_t len;

	*n = 0;
	do
		len = recvmsg(sock, &m, 0);
	while (len == -1 && errno == EINTR);
	if (len != sizeof(*o))
		return 0;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			*n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
		}
	return 1;
}

static void
obey(int sock, const struct order *o, const int *fds, size_t n)
{
	struct answer a = {0, 0, 0};
	pid_t self = getpid();

	if (o->main == NULL) {
		if ((a.status = wait_for(o->pid, o->sig)) == -1)
			a.error = errno;
	} else if (n != o->nfds)
		a.error = EMFILE;
	else if ((a.pid = fork()) == -1)
		a.error = errno;
	else if (a.pid == 0) {
		close(sock);
		be_worker(o->main, fds, o->args, self);
	}
	while (n > 0)
		close(fds[--n]);
	if (send(sock, &a, sizeof(a), MSG_NOSIGNAL) == -1)
		_exit(0);
}

/* Passwords of proxies, among others. */
static void
forget_environment(void)
{
	char **v, *value;

	for (v = environ; v != NULL && *v != NULL; v++)
#ifdef FAULTS
		if (strncmp(*v, "FAULT", 5) != 0)
#endif
			if ((value = strchr(*v, '=')) != NULL)
				explicit_bzero(value + 1, strlen(value + 1));
}

static void
be_zygote(int sock, pid_t parent, void (*prepare)(void))
{
	int fds[WORKER_FDS];
	struct order o;
	size_t n;

	if (sys_die_with_parent() == -1 || getppid() != parent ||
	    dup2(sock, STDERR_FILENO + 1) == -1 ||
	    sys_close_range(STDERR_FILENO + 2, INT_MAX) == -1)
		_exit(127);
	sock = STDERR_FILENO + 1;
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	prepare();
	forget_environment();
	while (receive(sock, &o, fds, &n))
		obey(sock, &o, fds, n);
	_exit(0);
}

/* --- for its parent --- */

int
worker_begin(void (*prepare)(void))
{
	pid_t parent = getpid();
	int e, s[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) == -1)
		return -1;
	if ((zygote_pid = fork()) == 0)
		be_zygote(s[1], parent, prepare);
	e = errno;
	close(s[1]);
	if (zygote_pid == -1) {
		close(s[0]);
		errno = e;
		return -1;
	}
	zygote = s[0];
	return 0;
}

void
worker_stop(void)
{
	if (zygote == -1)
		return;
	close(zygote);
	zygote = -1;
	wait_for(zygote_pid, 0);
}

/* Sends an order, takes the answer. */
static int
command(struct order *o, const int *fds, struct answer *a)
{
	struct iovec iov = {o, sizeof(*o)};
	union control control;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	memset(&control, 0, sizeof(control));
	if (o->nfds > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(o->nfds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(o->nfds * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, o->nfds * sizeof(int));
	}
	do
		n = sendmsg(zygote, &m, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == -1) {
		if (errno == EPIPE || errno == ECONNRESET)
			errno = ECHILD;
		return -1;
	}
	do
		n = recv(zygote, a, sizeof(*a), 0);
	while (n == -1 && errno == EINTR);
	if (n != sizeof(*a)) {
		errno = n == -1 ? errno : ECHILD;
		return -1;
	}
	errno = a->error;
	return a->error == 0 ? 0 : -1;
}

pid_t
worker_start(worker_main *fn, const int *fds, size_t n, const uint64_t *args)
{
	struct order o;
	struct answer a;

	if (zygote == -1)
		return fork_worker(fn, fds, args);
	memset(&o, 0, sizeof(o));
	o.main = fn;
	o.nfds = n;
	memcpy(o.args, args, sizeof(o.args));
	return command(&o, fds, &a) == -1 ? -1 : a.pid;
}

int
worker_end(pid_t pid, int sig)
{
	struct order o;
	struct answer a;

	if (zygote == -1)
		return wait_for(pid, sig);
	memset(&o, 0, sizeof(o));
	o.pid = pid;
	o.sig = sig;
	return command(&o, NULL, &a) == -1 ? -1 : a.status;
}
