/* See LICENSE. */
#include "decoder.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "msg.h"
#include "sys.h"
#include "wire.h"
#include "worker.h"

#define PIPE_SIZE (1 << 20)
#define DECODER_MEMORY ((rlim_t)1 << 30)
#define NOBODY 65534
#define EMPTY_DIR 10 /* or above: out of the way of a decoder */

struct decoder {
	pid_t pid;
	int fd;
	int feed; /* where small layers are sent, or -1 */
	struct wire_in *in;
	struct wire_record record; /* the last that came */
	int held;		   /* it was not asked for yet */
	int status;
	char why[768];
	char diffid[DIGEST_MAX];
	int marked;
	uint64_t bytes;
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
	wire_end(out, diffid, layer_marked(l), layer_taken(l));
	return 0;
}

/* Where there is nothing to find; -1: a decoder keeps its root directory. */
static int empty_dir = -1;

int
decoder_is_filtered(void)
{
	return sys_can_confine();
}

/* Makes a directory below dir, opens it, removes it: nothing can be made in
 * it any more.  -1 and errno. */
static int
open_empty(const char *dir)
{
	char *path;
	int fd = -1;

	if ((path = fdio_fmt("%s/chr-pull.XXXXXX", dir)) != NULL &&
	    mkdtemp(path) != NULL) {
		fd = open(
		    path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (rmdir(path) == -1 && fd != -1) {
			close(fd);
			fd = -1;
		}
	}
	free(path);
	return fd;
}

void
decoder_prepare(void)
{
	const char *dirs[] = {getenv("TMPDIR"), "/tmp", "/dev/shm", "/"};
	int fd = -1;
	size_t i;

	if (geteuid() != 0)
		return;
	for (i = 0; fd == -1 && i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (dirs[i] != NULL && *dirs[i] != '\0')
			fd = open_empty(dirs[i]);
	if (fd == -1)
		return;
	empty_dir = fcntl(fd, F_DUPFD_CLOEXEC, EMPTY_DIR);
	close(fd);
}

/*
 * The walls that need privilege: an empty root, another user, at least no
 * privilege.  Where one of them fails, the others stand, and the filter for
 * system calls.
 */
static void
leave(void)
{
	if (geteuid() != 0)
		return;
	if (empty_dir != -1 && fchdir(empty_dir) == 0)
		(void)!chroot(".");
	(void)!setgroups(0, NULL);
	(void)!setgid(NOBODY);
	(void)!setuid(NOBODY);
	sys_drop_capabilities();
}

static int
limit(int resource, rlim_t most)
{
	struct rlimit rl;

	if (getrlimit(resource, &rl) == -1)
		return -1;
	if (most < rl.rlim_max)
		rl.rlim_max = most;
	rl.rlim_cur = rl.rlim_max;
	return setrlimit(resource, &rl);
}

/* Nothing but what it has open and some memory is left to a decoder. */
static int
confine(void)
{
	if (sys_close_range(5, INT_MAX) == -1 || sys_die_with_parent() == -1)
		return -1;
#ifndef __SANITIZE_ADDRESS__
	if (limit(RLIMIT_AS, DECODER_MEMORY) == -1)
		return -1;
#endif
	if (limit(RLIMIT_FSIZE, 0) == -1 || limit(RLIMIT_NPROC, 0) == -1 ||
	    limit(RLIMIT_NOFILE, 0) == -1)
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

/* Tells the parent, which knows what this is about. */
static int
fail_here(struct wire_out *w)
{
	wire_failed(w, ST_LOCAL, strerror(errno));
	wire_flush(w);
	return ST_LOCAL;
}

/* The same, before there is a writer. */
static int
fail_early(int out)
{
	int e = errno;
	struct wire_out *w = wire_writer(out);

	errno = e;
	return w != NULL ? fail_here(w) : ST_LOCAL;
}

static int
decode_layer(struct layer *l, struct wire_out *w)
{
	int rc = decode(l, w);

	if (rc == -1 && layer_status(l) != 0)
		wire_failed(w, layer_status(l), layer_why(l));
	return wire_flush(w) == -1 || rc == -1 ? ST_REFUSED : 0;
}

/* Its input at 3, its output at 4. */
static struct wire_out *
place(const int *fds)
{
	int in, out;

	signal(SIGPIPE, SIG_DFL);
	/* out of the way of 3 and 4 */
	in = fcntl(fds[0], F_DUPFD, 5);
	out = fcntl(fds[1], F_DUPFD, 5);
	if (in == -1 || out == -1 || dup2(in, 3) == -1 || dup2(out, 4) == -1)
		return NULL;
	return wire_writer(4);
}

/* Libraries load what they need while they can. */
static int
load(void)
{
	struct layer *l = layer_open(3, 0, 0);

	layer_close(l);
	return l == NULL ? -1 : 0;
}

/* The process: its descriptors are the blob and the pipe. */
static int
run(const int *fds, const uint64_t *args)
{
	struct wire_out *w;
	struct layer *l;

	if ((w = place(fds)) == NULL)
		return fail_early(fds[1]);
	if (load() == -1)
		return fail_here(w);
	/* before there is a thread, which would keep its capabilities */
	leave();
	if ((l = layer_open(3, UINT64_MAX, 1)) == NULL || confine() == -1)
		return fail_here(w);
	layer_limit(l, args[0], args[1]);
	return decode_layer(l, w);
}

/* What comes before a small layer's bytes. */
struct small {
	uint64_t size, before;
};

/* The process for small layers: its descriptors are two pipes. */
static int
run_small(const int *fds, const uint64_t *args)
{
	struct wire_out *w;
	struct small s;
	struct layer *l;
	int rc = 0;

	if ((w = place(fds)) == NULL)
		return fail_early(fds[1]);
	if (load() == -1)
		return fail_here(w);
	leave();
	if (confine() == -1)
		return fail_here(w);
	while (rc == 0 && fdio_read(3, &s, sizeof(s)) == sizeof(s)) {
		if ((l = layer_open(3, s.size, 0)) == NULL)
			return fail_here(w);
		layer_limit(l, s.before, args[0]);
		rc = decode_layer(l, w);
		layer_close(l);
	}
	return rc;
}

/* --- for its parent --- */

/* A worker that reads in. */
static struct decoder *
start(worker_main *fn, int in, const uint64_t *args)
{
	struct decoder *d;
	int e, fds[2], p[2] = {-1, -1};

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->feed = -1;
	if (pipe2(p, O_CLOEXEC) == -1 || (d->in = wire_reader(p[0])) == NULL)
		goto fail;
	sys_widen_pipe(p[1], PIPE_SIZE);
	fds[0] = in;
	fds[1] = p[1];
	if ((d->pid = worker_start(fn, fds, 2, args)) == -1)
		goto fail;
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

struct decoder *
decoder_start(int fd, uint64_t before, uint64_t bytes_max)
{
	const uint64_t args[WORKER_ARGS] = {before, bytes_max};

	return start(run, fd, args);
}

struct decoder *
decoder_start_small(uint64_t bytes_max)
{
	const uint64_t args[WORKER_ARGS] = {bytes_max};
	struct decoder *d;
	int e, p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		return NULL;
	d = start(run_small, p[0], args);
	e = errno;
	close(p[0]);
	if (d != NULL)
		d->feed = p[1];
	else
		close(p[1]);
	errno = e;
	return d;
}

/* It reads all of it before it writes anything: neither waits for ever. */
int
decoder_send(struct decoder *d, int fd, size_t size, uint64_t before)
{
	struct small s = {size, before};
	char data[DECODER_SMALL];
	ssize_t n;

	d->diffid[0] = '\0';
	if ((n = fdio_read(fd, data, size)) == -1)
		return -1;
	if ((size_t)n < size) {
		errno = EIO;
		return -1;
	}
	if (fdio_write(d->feed, &s, sizeof(s)) == -1 ||
	    fdio_write(d->feed, data, size) == -1)
		/* that it has ended is for decoder_next to say */
		return errno == EPIPE ? 0 : -1;
	return 0;
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
		    rc == -1 ? "the decoder sent what makes no sense"
			     : "the decoder ended too early");
	switch (d->record.kind) {
	case WIRE_FAILED:
		return fail(d, d->record.status, d->record.text);
	case WIRE_END:
		snprintf(d->diffid, sizeof(d->diffid), "%s", d->record.text);
		d->marked = d->record.status;
		d->bytes = d->record.offset;
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

uint64_t
decoder_bytes(const struct decoder *d)
{
	return d->bytes;
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
	if (d->feed != -1)
		close(d->feed);
	/* it may have much to read that nobody wants */
	worker_end(d->pid, SIGKILL);
	wire_in_free(d->in);
	free(d);
}
