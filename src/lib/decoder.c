/* See LICENSE. */
#include "decoder.h"

#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "sys.h"
#include "wire.h"

#define PIPE_SIZE (1 << 20)
#define DECODER_MEMORY ((rlim_t)1 << 30)

struct decoder {
	pid_t pid;
	int fd;
	struct wire_in *in;
	struct wire_record record; /* the last that came */
	int held;		   /* it was not asked for yet */
	int status;
	char why[768];
	char diffid[DIGEST_MAX];
	int marked;
};

/* --- the process: parses foreign bytes, may only read and write --- */

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
	wire_end(out, diffid, layer_marked(l));
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

/* The child. */
static void
run(int blob, int out, uint64_t bytes_max)
{
	struct wire_out *w;
	struct layer *l;
	int rc;

	/* out of the way of 3 and 4 */
	blob = fcntl(blob, F_DUPFD, 5);
	out = fcntl(out, F_DUPFD, 5);
	if ((l = layer_open(3)) == NULL || (w = wire_writer(4)) == NULL ||
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

/* --- for its parent --- */

struct decoder *
decoder_start(int fd, uint64_t bytes_max)
{
	struct decoder *d;
	int e, p[2] = {-1, -1};

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	if (pipe2(p, O_CLOEXEC) == -1 || (d->in = wire_reader(p[0])) == NULL)
		goto fail;
	sys_widen_pipe(p[1], PIPE_SIZE);
	if ((d->pid = fork()) == -1)
		goto fail;
	if (d->pid == 0)
		run(fd, p[1], bytes_max);
	close(p[1]);
	d->fd = p[0];
	return d;
fail:
	e = errno;
	if (p[0] != -1) {
		close(p[0]);
		close(p[1]);
	}
	wire_in_free(d->in);
	free(d);
	errno = e;
	return NULL;
}

static int
fail(struct decoder *d, int status, const char *why)
{
	d->status = status;
	snprintf(d->why, sizeof(d->why), "%s", why);
	return -1;
}

/* Has the next record in d->record: 1; 0 at the end; -1. */
static int
advance(struct decoder *d)
{
	int rc;

	if (d->held || d->status != 0 || d->diffid[0] != '\0')
		return d->status != 0 ? -1 : d->held;
	if ((rc = wire_next(d->in, &d->record)) != 1)
		return fail(d, ST_LOCAL,
		    rc == -1 ? "the decoder ended in nonsense"
			     : "the decoder ended");
	switch (d->record.kind) {
	case WIRE_FAILED:
		return fail(d,
		    d->record.status == ST_LOCAL ? ST_LOCAL : ST_REFUSED,
		    d->record.text);
	case WIRE_END:
		snprintf(d->diffid, sizeof(d->diffid), "%s", d->record.text);
		d->marked = d->record.status;
		return 0;
	default:
		d->held = 1;
		return 1;
	}
}

int
decoder_next(struct decoder *d, struct layer_entry *e)
{
	int rc;

	/* past data that nobody asked for */
	while ((rc = advance(d)) == 1) {
		d->held = 0;
		if (d->record.kind == WIRE_ENTRY) {
			*e = d->record.entry;
			return 1;
		}
	}
	return rc;
}

int
decoder_data(
    struct decoder *d, const void **data, size_t *len, uint64_t *offset)
{
	int rc;

	if ((rc = advance(d)) != 1)
		return rc;
	if (d->record.kind != WIRE_DATA)
		return 0;
	d->held = 0;
	*data = d->record.data;
	*len = d->record.len;
	*offset = d->record.offset;
	return 1;
}

const char *
decoder_diffid(const struct decoder *d)
{
	return d->diffid;
}

int
decoder_marked(const struct decoder *d)
{
	return d->marked;
}

int
decoder_status(const struct decoder *d)
{
	return d->status;
}

const char *
decoder_why(const struct decoder *d)
{
	return d->why;
}

void
decoder_close(struct decoder *d)
{
	if (d == NULL)
		return;
	close(d->fd);
	/* it may have much to read that nobody wants */
	kill(d->pid, SIGKILL);
	while (waitpid(d->pid, NULL, 0) == -1 && errno == EINTR)
		;
	wire_in_free(d->in);
	free(d);
}
