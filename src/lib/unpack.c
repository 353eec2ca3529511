/* See LICENSE. */
#include "unpack.h"

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
#include "decoder.h"
#include "fault.h"
#include "fdio.h"
#include "msg.h"
#include "sys.h"

struct unpack {
	const char *name;
	pid_t pid;
	int ready;  /* layer numbers go down here */
	int report; /* struct unpack_stats comes up here, or why not */
};

/* --- the writer: the child that makes the tree --- */

struct writer {
	const struct unpack_job *job;
	int ready; /* layer numbers come here */
	char *is_ready;
	struct decoder **decoders; /* of layers; NULL: not started */
	struct apply *apply;
};

static int
start_decoder(struct writer *w, size_t i)
{
	int blob;

	if (w->decoders[i] != NULL)
		return 0;
	if ((blob = w->job->open(w->job->arg, i)) == -1)
		return -1;
	w->decoders[i] = decoder_start(blob, w->job->limits.bytes);
	close(blob);
	return w->decoders[i] == NULL ? msg_fail(-1, "%s", w->job->name) : 0;
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

/* Applies the current entry, with its data. */
static int
apply_whole(struct writer *w, struct decoder *d, const struct layer_entry *e)
{
	const void *data;
	uint64_t offset;
	size_t len;
	int more, rc;

	rc = apply_entry(w->apply, e);
	while (rc == 0 && (more = decoder_data(d, &data, &len, &offset)) != 0)
		rc = more == -1 ? -1 : apply_data(w->apply, data, len, offset);
	return rc;
}

/* Applies one layer; -1 when it was the decoder that failed. */
static int
apply_entries(struct writer *w, size_t i, const char *digest, struct decoder *d)
{
	struct layer_entry e;
	int rc;

	while ((rc = decoder_next(d, &e)) == 1)
		if ((rc = apply_whole(w, d, &e)) != 0)
			return rc;
	if (rc == -1)
		return -1;
	if ((rc = apply_close(w->apply)) != 0)
		return rc;
	if (strcmp(decoder_diffid(d), w->job->diffids[i]) == 0)
		return 0;
	return msg_failx(ST_REFUSED,
	    "%s: layer %s: expected diffID %s, found %s", w->job->name, digest,
	    w->job->diffids[i], decoder_diffid(d));
}

static int
apply_one(struct writer *w, size_t i)
{
	const char *digest = w->job->digest(w->job->arg, i);
	struct decoder *d;
	int rc;

	wait_ready(w, i);
	if (start_decoder(w, i) == -1)
		return ST_LOCAL;
	/* the next one inflates while this one is written */
	if (i + 1 < w->job->nlayers && w->is_ready[i + 1] &&
	    start_decoder(w, i + 1) == -1)
		return ST_LOCAL;
	d = w->decoders[i];
	apply_layer(w->apply, digest);
	rc = apply_entries(w, i, digest, d);
	if (rc == -1)
		rc = msg_failx(decoder_status(d), "%s: layer %s: %s",
		    w->job->name, digest, decoder_why(d));
	decoder_close(d);
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
		return msg_fail(-1, "%s: root", job->name);
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
	w->decoders = calloc(job->nlayers + 1, sizeof(*w->decoders));
	umask(0);
	if ((rootfd = make_root(job)) == -1)
		return ST_LOCAL;
	w->apply = apply_new(rootfd, job->name, &job->limits);
	if (w->is_ready == NULL || w->decoders == NULL || w->apply == NULL)
		return msg_fail(ST_LOCAL, "%s", job->name);
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

	msg_defer(out);
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
	int ready[2] = {-1, -1}, report[2] = {-1, -1};
	struct writer w = {.job = job};
	struct unpack *u;

	if ((u = malloc(sizeof(*u))) == NULL || pipe2(ready, O_CLOEXEC) == -1 ||
	    pipe2(report, O_CLOEXEC) == -1 || (u->pid = fork()) == -1) {
		msg_warn("%s", job->name);
		close(ready[0]);
		close(ready[1]);
		close(report[0]);
		close(report[1]);
		free(u);
		return NULL;
	}
	if (u->pid == 0) {
		w.ready = ready[0];
		_exit(write_alone(&w, report[1]));
	}
	close(ready[0]);
	close(report[1]);
	u->name = job->name;
	u->ready = ready[1];
	u->report = report[0];
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
	struct pollfd pfd = {u->report, POLLIN, 0};

	return poll(&pfd, 1, 0) > 0;
}

static int
reap(struct unpack *u)
{
	int status;

	close(u->ready);
	close(u->report);
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
	char report[8192];
	ssize_t len;
	int status;

	len = fdio_read(u->report, report, sizeof(report) - 1);
	status = reap(u);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	    len == sizeof(*stats)) {
		memcpy(stats, report, sizeof(*stats));
		return 0;
	}
	report[len > 0 ? len : 0] = '\0';
	msg_deferred(report);
	if (WIFEXITED(status))
		return WEXITSTATUS(status) != 0 ? WEXITSTATUS(status)
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
