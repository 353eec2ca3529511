/* See LICENSE. */
#include "unpack.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
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
#include "store.h"
#include "sys.h"
#include "worker.h"

struct unpack {
	const char *name;
	pid_t pid;
	int ready;  /* layer numbers go down here */
	int report; /* struct unpack_stats comes up here, or why not */
};

/* What the writer is told first, down the pipe; the name follows. */
struct order {
	struct apply_limits limits;
	size_t nlayers, name_len;
};

struct order_layer {
	struct descriptor blob;
	char diffid[DIGEST_MAX];
};

/* --- the writer: the worker that makes the tree --- */

struct writer {
	struct order order;
	char *name;
	struct order_layer *layers;
	int dirfd, storefd;
	int ready; /* the order, then layer numbers come here */
	char *is_ready;
	struct decoder **decoders; /* of each layer; NULL: not started */
	struct decoder *small;	   /* of all small ones */
	uint64_t inflated;	   /* bytes of all layers so far */
	struct apply *apply;
};

static int
is_small(const struct writer *w, size_t i)
{
	return w->layers[i].blob.size <= DECODER_SMALL;
}

static int
open_blob(const struct writer *w, size_t i)
{
	const struct descriptor *blob = &w->layers[i].blob;
	int fd;

	fd = store_blob_openat(w->storefd, blob->digest, blob->size);
	return fd != -1 ? fd
			: msg_fail(-1, "%s: layer %s", w->name, blob->digest);
}

/* A process for a layer, unless it has one. */
static int
start_decoder(struct writer *w, size_t i)
{
	int fd;

	if (w->decoders[i] != NULL)
		return 0;
	if ((fd = open_blob(w, i)) == -1)
		return -1;
	w->decoders[i] = decoder_start(fd, w->inflated, w->order.limits.bytes);
	close(fd);
	return w->decoders[i] == NULL ? msg_fail(-1, "%s", w->name) : 0;
}

/* A small layer to the process that all of them have. */
static int
send_small(struct writer *w, size_t i)
{
	const struct descriptor *blob = &w->layers[i].blob;
	int fd, rc = 0;

	if (w->small == NULL &&
	    (w->small = decoder_start_small(w->order.limits.bytes)) == NULL)
		return msg_fail(-1, "%s", w->name);
	if ((fd = open_blob(w, i)) == -1)
		return -1;
	if (decoder_send(w->small, fd, (size_t)blob->size, w->inflated) == -1)
		rc = msg_fail(-1, "%s: layer %s", w->name, blob->digest);
	close(fd);
	w->decoders[i] = w->small;
	return rc;
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
		if (n < w->order.nlayers)
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

/* Whether the layer is what the image says, and all of them in the limit. */
static int
check_layer(struct writer *w, size_t i, const struct decoder *d)
{
	const struct order_layer *l = &w->layers[i];

	/* the next one was started when this one's size was not known */
	w->inflated += decoder_bytes(d);
	if (w->inflated > w->order.limits.bytes)
		return msg_failx(ST_REFUSED,
		    "%s: layer %s: over the limit of %llu bytes", w->name,
		    l->blob.digest, (unsigned long long)w->order.limits.bytes);
	if (strcmp(decoder_diffid(d), l->diffid) == 0)
		return 0;
	return msg_failx(ST_REFUSED,
	    "%s: layer %s: expected diffID %s, found %s", w->name,
	    l->blob.digest, l->diffid, decoder_diffid(d));
}

/* Applies one layer; -1 when it was the decoder that failed. */
static int
apply_entries(struct writer *w, size_t i, struct decoder *d)
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
	return check_layer(w, i, d);
}

static int
apply_one(struct writer *w, size_t i)
{
	const char *digest = w->layers[i].blob.digest;
	struct decoder *d;
	int rc;

	wait_ready(w, i);
	if ((is_small(w, i) ? send_small(w, i) : start_decoder(w, i)) == -1)
		return ST_LOCAL;
	/* the next one inflates while this one is written */
	if (i + 1 < w->order.nlayers && w->is_ready[i + 1] &&
	    !is_small(w, i + 1) && start_decoder(w, i + 1) == -1)
		return ST_LOCAL;
	d = w->decoders[i];
	apply_layer(w->apply, digest);
	rc = apply_entries(w, i, d);
	if (rc == -1)
		rc = msg_failx(decoder_status(d), "%s: layer %s: %s", w->name,
		    digest, decoder_why(d));
	if (d != w->small)
		decoder_close(d);
	return rc;
}

static int
make_root(const struct writer *w)
{
	int fd;

	if (FAULT("unpack_mkdir") || mkdirat(w->dirfd, "root", 0755) == -1 ||
	    (fd = openat(w->dirfd, "root",
		 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1 ||
	    sys_clear_acl(fd, "") == -1 || fchmod(fd, 0755) == -1) {
		return msg_fail(-1, "%s: root", w->name);
	}
	return fd;
}

static int
write_tree(struct writer *w, int out)
{
	struct unpack_stats stats;
	struct apply_stats as;
	int rc = 0, rootfd;
	size_t i;

	umask(0);
	if ((rootfd = make_root(w)) == -1)
		return ST_LOCAL;
	w->apply = apply_new(rootfd, w->name, &w->order.limits);
	if (w->apply == NULL)
		return msg_fail(ST_LOCAL, "%s", w->name);
	for (i = 0; rc == 0 && i < w->order.nlayers; i++)
		rc = apply_one(w, i);
	if (rc == 0)
		rc = apply_finish(w->apply, &as);
	if (rc == 0) {
		stats.bytes = as.bytes;
		stats.entries = as.entries;
		if (fdio_write(out, &stats, sizeof(stats)) == -1)
			rc = msg_fail(ST_LOCAL, "%s", w->name);
	}
	return rc;
}

/* -1 when the parent has ended, or there is no memory. */
static int
take_order(struct writer *w)
{
	size_t n;

	if (fdio_read(w->ready, &w->order, sizeof(w->order)) !=
	    sizeof(w->order))
		return -1;
	n = w->order.nlayers;
	w->name = calloc(w->order.name_len + 1, 1);
	w->layers = calloc(n + 1, sizeof(*w->layers));
	w->is_ready = calloc(n + 1, 1);
	w->decoders = calloc(n + 1, sizeof(*w->decoders));
	if (w->name == NULL || w->layers == NULL || w->is_ready == NULL ||
	    w->decoders == NULL)
		return msg_fail(-1, "unpacking");
	n *= sizeof(*w->layers);
	return fdio_read(w->ready, w->name, w->order.name_len) ==
			   (ssize_t)w->order.name_len &&
		       fdio_read(w->ready, w->layers, n) == (ssize_t)n
		   ? 0
		   : -1;
}

static int
be_writer(const int *fds, const uint64_t *args)
{
	struct writer w = {.dirfd = fds[0], .storefd = fds[1], .ready = fds[2]};

	(void)args;
	msg_defer(fds[3]);
	signal(SIGPIPE, SIG_IGN);
	return take_order(&w) == -1 ? ST_LOCAL : write_tree(&w, fds[3]);
}

/* --- for the parent --- */

/* What fails here fails again with the first layer that is ready. */
static void
give_order(int fd, const struct unpack_job *job)
{
	struct order o;
	struct order_layer l;
	size_t i;

	memset(&o, 0, sizeof(o));
	o.limits = job->limits;
	o.nlayers = job->nlayers;
	o.name_len = strlen(job->name);
	if (fdio_write(fd, &o, sizeof(o)) == -1 ||
	    fdio_write(fd, job->name, o.name_len) == -1)
		return;
	for (i = 0; i < job->nlayers; i++) {
		memset(&l, 0, sizeof(l));
		l.blob = job->layers[i];
		strcpy(l.diffid, job->diffids[i]);
		if (fdio_write(fd, &l, sizeof(l)) == -1)
			return;
	}
}

struct unpack *
unpack_start(const struct unpack_job *job)
{
	static const uint64_t args[WORKER_ARGS];
	int ready[2] = {-1, -1}, report[2] = {-1, -1};
	struct unpack *u;

	if ((u = malloc(sizeof(*u))) == NULL || pipe2(ready, O_CLOEXEC) == -1 ||
	    pipe2(report, O_CLOEXEC) == -1)
		goto fail;
	const int fds[] = {job->dirfd, job->storefd, ready[0], report[1]};
	if ((u->pid = worker_start(be_writer, fds, 4, args)) == -1)
		goto fail;
	close(ready[0]);
	close(report[1]);
	u->name = job->name;
	u->ready = ready[1];
	u->report = report[0];
	give_order(u->ready, job);
	return u;
fail:
	msg_warn("%s", job->name);
	close(ready[0]);
	close(ready[1]);
	close(report[0]);
	close(report[1]);
	free(u);
	return NULL;
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
end(struct unpack *u, int sig)
{
	int status;

	close(u->ready);
	close(u->report);
	status = worker_end(u->pid, sig);
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
	if ((status = end(u, 0)) == -1)
		return msg_fail(ST_LOCAL, "%s: unpacking", name);
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
	    WTERMSIG(status));
}

void
unpack_abort(struct unpack *u)
{
	end(u, SIGKILL);
}
