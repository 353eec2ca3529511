/* See LICENSE. */
#include "layer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ahead.h"
#include "digest.h"
#include "inflate.h"
#include "msg.h"
#include "tar.h"

struct layer {
	struct inflate *inflate; /* the thread's, while it reads ahead */
	struct ahead *ahead;
	struct digest *digest;
	struct tar *tar;
	uint64_t taken, before, max; /* uncompressed bytes; 0 is no limit */
	int status;
	char why[768];
};

static int fail(struct layer *, int, const char *, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/* Keeps the first reason. */
static int
fail(struct layer *l, int status, const char *fmt, ...)
{
	va_list ap;

	if (l->status != ST_OK)
		return -1;
	l->status = status;
	va_start(ap, fmt);
	vsnprintf(l->why, sizeof(l->why), fmt, ap);
	va_end(ap);
	return -1;
}

/* The next uncompressed bytes, hashed: 1, 0, -1. */
static int
tar_input(void *arg, const void **data, size_t *len)
{
	struct layer *l = arg;
	int r;

	if ((r = ahead_next(l->ahead, data, len)) == -1)
		return fail(l, inflate_status(l->inflate), "%s",
		    inflate_why(l->inflate));
	if (r == 0)
		return 0;
	l->taken += *len;
	if (l->max > 0 && (l->before > l->max || l->taken > l->max - l->before))
		return fail(l, ST_REFUSED, "over the limit of %llu bytes",
		    (unsigned long long)l->max);
	digest_add(l->digest, *data, *len);
	return 1;
}

static ssize_t
uncompressed(void *arg, void *buf, size_t size)
{
	return inflate_read(arg, buf, size);
}

struct layer *
layer_open(int fd, uint64_t bytes, int thread)
{
	struct layer *l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	if ((l->digest = digest_new("sha256:")) == NULL ||
	    (l->tar = tar_new(tar_input, l)) == NULL ||
	    (l->inflate = inflate_new(fd, bytes)) == NULL ||
	    (l->ahead = ahead_new(uncompressed, l->inflate, thread)) == NULL) {
		layer_close(l);
		return NULL;
	}
	return l;
}

void
layer_limit(struct layer *l, uint64_t before, uint64_t max)
{
	l->before = before;
	l->max = max;
}

/* Passes on what the tar reader returned. */
static int
tell(struct layer *l, int r)
{
	return r == -1 ? fail(l, ST_REFUSED, "%s", tar_why(l->tar)) : r;
}

int
layer_next(struct layer *l, struct layer_entry *e)
{
	return tell(l, tar_next(l->tar, e));
}

int
layer_data(struct layer *l, const void **data, size_t *len, uint64_t *offset)
{
	return tell(l, tar_data(l->tar, data, len, offset));
}

int
layer_end(struct layer *l, char diffid[DIGEST_MAX])
{
	if (tell(l, tar_drain(l->tar)) == -1)
		return l->status;
	digest_end(l->digest, diffid);
	l->digest = NULL;
	return ST_OK;
}

int
layer_marked(const struct layer *l)
{
	return tar_marked(l->tar);
}

uint64_t
layer_taken(const struct layer *l)
{
	return l->taken;
}

int
layer_status(const struct layer *l)
{
	return l->status;
}

const char *
layer_why(const struct layer *l)
{
	return l->why;
}

void
layer_close(struct layer *l)
{
	if (l == NULL)
		return;
	ahead_free(l->ahead);
	inflate_free(l->inflate);
	tar_free(l->tar);
	digest_free(l->digest);
	free(l);
}
