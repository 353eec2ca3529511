/* See LICENSE. */
#include "unpack.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"
#include "fault.h"
#include "fdio.h"
#include "layer.h"
#include "msg.h"
#include "sys.h"
#include "wire.h"

#define PIPE_SIZE (1 << 20)
#define DECODER_MEMORY ((rlim_t)1 << 30)

struct unpack {
	const char *name;
	pid_t pid;
	int ready; /* layer numbers go down here */
	int stats; /* struct unpack_stats comes up here */
};

/* --- the decoder: parses foreign bytes, may only read and write --- */

/* Everything of a layer, as records; -1 when it failed or nobody reads. */
static int
decode(struct layer *l, struct wire_out *out)
{
	char diffid[DIGEST_MAX];
	struct layer_entry e;
	uint64_t offset;
	const void *data;
	size_t len;
	int rc, more;

	while ((rc = layer_next(l, &e)) == 1) {
		wire_entry(out, &e);
		if (e.type != LAYER_FILE)
			continue;
		while ((more = layer_data(l, &data, &len, &offset)) == 1)
			wire_data(out, data, len, offset);
		if (more == -1)
			return -1;
	}
	if (rc == -1 || layer_end(l, diffid) != 0)
		return -1;
	wire_end(out, diffid);
	return 0;
}

/* Nothing but what it has open and some memory is left to a decoder. */
static int
confine(int blob, int out)
{
	struct rlimit none = {0, 0};

	if (dup2(blob, 3) == -1 || dup2(out, 4) == -1 ||
	    sys_close_range(5, INT_MAX) == -1 || sys_die_with_parent() == -1)
		return -1;
#ifndef __SANITIZE_ADDRESS__
	struct rlimit memory = {DECODER_MEMORY, DECODER_MEMORY};

	if (setrlimit(RLIMIT_AS, &memory) == -1)
		return -1;
#endif
	if (setrlimit(RLIMIT_FSIZE, &none) == -1 ||
	    setrlimit(RLIMIT_NPROC, &none) == -1)
		return -1;
	if (sys_confine() == -1)
		return -1;
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
#ifndef __SANITIZE_ADDRESS__
	close(STDERR_FILENO);
#endif
	return 0;
}

static void
decoder(int blob, int out, uint64_t bytes_max)
{
	struct wire_out *w;
	struct layer *l;
	int rc;

	/* out of the way of 3 and 4 */
	blob = fcntl(blob, F_DUPFD, 5);
	out = fcntl(out, F_DUPFD, 5);
	if ((l = layer_open(3, NULL)) == NULL || (w = wire_writer(4)) == NULL ||
	    confine(blob, out) == -1) {
		msg_warn("decoder");
		_exit(ST_LOCAL);
	}
	layer_limit(l, bytes_max);
	if ((rc = decode(l, w)) == -1 && layer_status(l) != 0)
		wire_failed(w, layer_status(l), layer_why(l));
	wire_flush(w);
	_exit(rc == 0 ? 0 : ST_REFUSED);
}

/* --- the writer: the child that makes the tree --- */

struct decoding {
	pid_t pid;
	int fd; /* -1: not started */
};

struct writer {
	const struct unpack_job *job;
	int ready; /* layer numbers come here */
	char *is_ready;
	struct decoding *decoding;
	struct apply *apply;
};

static int
start_decoder(struct writer *w, size_t i)
{
	struct decoding *d = &w->decoding[i];
	int blob, p[2];

	if (d->fd != -1)
		return 0;
	if ((blob = w->job->open(w->job->arg, i)) == -1)
		return -1;
	if (pipe2(p, O_CLOEXEC) == -1) {
		close(blob);
		return msg_fail(-1, "%s", w->job->name);
	}
	sys_widen_pipe(p[1], PIPE_SIZE);
	if ((d->pid = fork()) == 0)
		decoder(blob, p[1], w->job->limits.bytes);
	close(blob);
	close(p[1]);
	d->fd = p[0];
	return d->pid == -1 ? msg_fail(-1, "%s: fork", w->job->name) : 0;
}

/*
 * Learns which layers are there; waits until layer i is.  Ends the process when
 * the parent has ended or given up.
 */
static void
wait_ready(struct writer *w, size_t i)
{
	struct pollfd pfd = {w->ready, POLLIN, 0};
	uint32_t n;

	while (!w->is_ready[i] || poll(&pfd, 1, 0) > 0) {
		if (fdio_read(w->ready, &n, sizeof(n)) != sizeof(n)) {
			if (w->is_ready[i])
				return;
			_exit(ST_LOCAL);
		}
		if (n < w->job->nlayers)
			w->is_ready[n] = 1;
	}
}

static int
check_end(
    const struct writer *w, size_t i, const char *digest, const char *found)
{
	if (strcmp(found, w->job->diffids[i]) == 0)
		return 0;
	return msg_failx(ST_REFUSED,
	    "%s: layer %s: expected diffID %s, found %s", w->job->name, digest,
	    w->job->diffids[i], found);
}

/* Applies one layer's records. */
static int
apply_records(
    struct writer *w, size_t i, const char *digest, struct wire_in *in)
{
	struct wire_record r;
	int rc;

	while ((rc = wire_next(in, &r)) == 1) {
		switch (r.kind) {
		case WIRE_ENTRY:
			rc = apply_entry(w->apply, &r.entry);
			break;
		case WIRE_DATA:
			rc = apply_data(w->apply, r.data, r.len, r.offset);
			break;
		case WIRE_FAILED:
			return msg_failx(
			    r.status == ST_LOCAL ? ST_LOCAL : ST_REFUSED,
			    "%s: layer %s: %s", w->job->name, digest, r.text);
		case WIRE_END:
			if ((rc = apply_close(w->apply)) != 0)
				return rc;
			return check_end(w, i, digest, r.text);
		}
		if (rc != 0)
			return rc;
	}
	return msg_failx(ST_LOCAL, "%s: layer %s: the decoder ended%s",
	    w->job->name, digest, rc == -1 ? " in nonsense" : "");
}

static int
apply_one(struct writer *w, size_t i)
{
	struct decoding *d = &w->decoding[i];
	const char *digest = w->job->digest(w->job->arg, i);
	struct wire_in *in;
	int rc, status;

	wait_ready(w, i);
	if (start_decoder(w, i) == -1)
		return ST_LOCAL;
	/* the next one inflates while this one is written */
	if (i + 1 < w->job->nlayers && w->is_ready[i + 1] &&
	    start_decoder(w, i + 1) == -1)
		return ST_LOCAL;
	if ((in = wire_reader(d->fd)) == NULL)
		return msg_fail(ST_LOCAL, "%s", w->job->name);
	apply_layer(w->apply, digest);
	rc = apply_records(w, i, digest, in);
	wire_in_free(in);
	close(d->fd);
	while (waitpid(d->pid, &status, 0) == -1 && errno == EINTR)
		;
	return rc;
}

static int
make_root(const struct unpack_job *job)
{
	int fd;

	if (FAULT("unpack_mkdir") || mkdirat(job->dirfd, "root", 0755) == -1 ||
	    (fd = openat(job->dirfd, "root",
		 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1 ||
	    sys_clear_acl(fd, "") == -1 || fchmod(fd, 0755) == -1) {
		msg_warn("%s: root", job->name);
		return -1;
	}
	return fd;
}

static int
write_tree(struct writer *w, int out)
{
	const struct unpack_job *job = w->job;
	struct unpack_stats stats;
	struct apply_stats as;
	int rc = 0, rootfd;
	size_t i;

	w->is_ready = calloc(job->nlayers + 1, 1);
	w->decoding = calloc(job->nlayers + 1, sizeof(*w->decoding));
	umask(0);
	if ((rootfd = make_root(job)) == -1)
		return ST_LOCAL;
	w->apply = apply_new(rootfd, job->name, &job->limits);
	if (w->is_ready == NULL || w->decoding == NULL || w->apply == NULL)
		return msg_fail(ST_LOCAL, "%s", job->name);
	for (i = 0; i < job->nlayers; i++)
		w->decoding[i].fd = -1;
	for (i = 0; rc == 0 && i < job->nlayers; i++)
		rc = apply_one(w, i);
	if (rc == 0)
		rc = apply_finish(w->apply, &as);
	if (rc == 0) {
		stats.bytes = as.bytes;
		stats.entries = as.entries;
		if (fdio_write(out, &stats, sizeof(stats)) == -1)
			rc = msg_fail(ST_LOCAL, "%s", job->name);
	}
	return rc;
}

static int
by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes all but the standard three and the n of keep. */
static int
close_others(int *keep, size_t n)
{
	int next = STDERR_FILENO + 1;
	size_t i;

	qsort(keep, n, sizeof(*keep), by_number);
	for (i = 0; i < n; i++) {
		if (keep[i] < next)
			continue;
		if (keep[i] > next && sys_close_range(next, keep[i] - 1) == -1)
			return -1;
		next = keep[i] + 1;
	}
	return sys_close_range(next, INT_MAX);
}

/*
 * The child: what the parent has open beside, its connections and locks, is
 * not to outlive there what the parent does with it.
 */
static int
write_alone(struct writer *w, int out)
{
	int keep[] = {w->job->dirfd, w->job->openfd, w->ready, out};

	if (close_others(keep, sizeof(keep) / sizeof(keep[0])) == -1 ||
	    sys_die_with_parent() == -1)
		return msg_fail(ST_LOCAL, "%s", w->job->name);
	signal(SIGPIPE, SIG_DFL);
	return write_tree(w, out);
}

/* --- for the parent --- */

struct unpack *
unpack_start(const struct unpack_job *job)
{
	int ready[2] = {-1, -1}, stats[2] = {-1, -1};
	struct writer w = {.job = job};
	struct unpack *u;

	if ((u = malloc(sizeof(*u))) == NULL || pipe2(ready, O_CLOEXEC) == -1 ||
	    pipe2(stats, O_CLOEXEC) == -1 || (u->pid = fork()) == -1) {
		msg_warn("%s", job->name);
		close(ready[0]);
		close(ready[1]);
		close(stats[0]);
		close(stats[1]);
		free(u);
		return NULL;
	}
	if (u->pid == 0) {
		w.ready = ready[0];
		_exit(write_alone(&w, stats[1]));
	}
	close(ready[0]);
	close(stats[1]);
	u->name = job->name;
	u->ready = ready[1];
	u->stats = stats[0];
	return u;
}

int
unpack_ready(struct unpack *u, size_t i)
{
	uint32_t n = (uint32_t)i;

	return fdio_write(u->ready, &n, sizeof(n));
}

int
unpack_ended(const struct unpack *u)
{
	struct pollfd pfd = {u->stats, POLLIN, 0};

	return poll(&pfd, 1, 0) > 0;
}

static int
reap(struct unpack *u)
{
	int status;

	close(u->ready);
	close(u->stats);
	while (waitpid(u->pid, &status, 0) == -1)
		if (errno != EINTR) {
			status = -1;
			break;
		}
	free(u);
	return status;
}

int
unpack_finish(struct unpack *u, struct unpack_stats *stats)
{
	const char *name = u->name;
	int status, whole;

	whole = fdio_read(u->stats, stats, sizeof(*stats)) == sizeof(*stats);
	status = reap(u);
	if (WIFEXITED(status))
		return WEXITSTATUS(status) != 0 ? WEXITSTATUS(status)
		       : whole			? 0
						: ST_LOCAL;
	return msg_failx(ST_LOCAL, "%s: unpacking ended by signal %d", name,
	    WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

void
unpack_abort(struct unpack *u)
{
	kill(u->pid, SIGKILL);
	reap(u);
}
