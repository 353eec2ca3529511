/* See LICENSE. */
#include "layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "fdio.h"
#include "gunzip.h"
#include "msg.h"
#include "tar.h"

#define IN (128U << 10)

struct layer {
	int fd;
	char *what; /* NULL: say nothing */
	int status;
	char why[768];
	struct tar *tar;
	struct digest *digest;
	uint64_t taken, max; /* uncompressed bytes; 0 is no limit */
	/* how it is decompressed: one of them, or neither */
	struct archive *archive;
	struct gunzip *gunzip;
	int sniffed;
	int ended;
	/* compressed bytes */
	size_t inlen;
	int given; /* what is in `in' was given */
	uint64_t total;
	char in[IN];
};

static int tar_input(void *, const void **, size_t *);

static int fail(struct layer *, int, const char *, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/* Keeps the first reason and says it. */
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
	if (l->what != NULL)
		msg_warnx("%s: %s", l->what, l->why);
	return -1;
}

struct layer *
layer_open(int fd, const char *what)
{
	struct layer *l;

	if ((l = malloc(sizeof(*l))) == NULL)
		goto fail;
	memset(l, 0, offsetof(struct layer, in));
	l->fd = fd;
	if ((what != NULL && (l->what = strdup(what)) == NULL) ||
	    (l->digest = digest_new("sha256:")) == NULL ||
	    (l->tar = tar_new(tar_input, l)) == NULL)
		goto fail;
	return l;
fail:
	if (what != NULL)
		msg_warn("%s", what);
	layer_close(l);
	return NULL;
}

void
layer_limit(struct layer *l, uint64_t max)
{
	l->max = max;
}

/* The next compressed bytes: 1, 0, -1. */
static int
more(void *arg, const void **data, size_t *len)
{
	struct layer *l = arg;
	ssize_t n;

	if (l->given) {
		do
			n = read(l->fd, l->in, IN);
		while (n == -1 && errno == EINTR);
		if (n == -1)
			return fail(l, ST_LOCAL, "%s", strerror(errno));
		l->inlen = (size_t)n;
		l->total += l->inlen;
	}
	l->given = 1;
	*data = l->in;
	*len = l->inlen;
	return *len > 0;
}

static la_ssize_t
archive_input(struct archive *a, void *arg, const void **data)
{
	size_t len;
	int r;

	if ((r = more(arg, data, &len)) == -1) {
		archive_set_error(a, EIO, "read error");
		return -1;
	}
	return r == 0 ? 0 : (la_ssize_t)len;
}

static int
open_archive(struct layer *l, int filter)
{
	struct archive_entry *e;
	int r;

	if ((l->archive = archive_read_new()) == NULL)
		return fail(l, ST_LOCAL, "out of memory");
	/* anything but ARCHIVE_OK would be a helper program */
	if (archive_read_append_filter(l->archive, filter) != ARCHIVE_OK ||
	    archive_read_set_format(l->archive, ARCHIVE_FORMAT_RAW) !=
		ARCHIVE_OK)
		return fail(l, ST_LOCAL,
		    "libarchive was built without this compression");
	archive_read_support_format_empty(l->archive);
	if (archive_read_open(l->archive, l, NULL, archive_input, NULL) !=
	    ARCHIVE_OK)
		return fail(
		    l, ST_REFUSED, "%s", archive_error_string(l->archive));
	r = archive_read_next_header(l->archive, &e);
	if (r == ARCHIVE_EOF)
		l->ended = 1;
	else if (r != ARCHIVE_OK)
		return fail(
		    l, ST_REFUSED, "%s", archive_error_string(l->archive));
	return 0;
}

static const struct magic {
	char bytes[7];
	size_t len;
	int filter;
} magics[] = {
    {"\x1f\x8b", 2, ARCHIVE_FILTER_GZIP},
    {"\x28\xb5\x2f\xfd", 4, ARCHIVE_FILTER_ZSTD},
    {"\xfd\x37zXZ\0", 6, ARCHIVE_FILTER_XZ},
    {"BZh", 3, ARCHIVE_FILTER_BZIP2},
};

/* The filter for the first bytes; the skippable frames of zstd are 16. */
static int
sniff(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (len >= magics[i].len &&
		    memcmp(p, magics[i].bytes, magics[i].len) == 0)
			return magics[i].filter;
	if (len >= 4 && (p[0] & 0xf0) == 0x50 &&
	    memcmp(p + 1, "\x2a\x4d\x18", 3) == 0)
		return ARCHIVE_FILTER_ZSTD;
	return ARCHIVE_FILTER_NONE;
}

/* Reads the first bytes and chooses the decompressor. */
static int
begin(struct layer *l)
{
	ssize_t n;
	int filter;

	l->sniffed = 1;
	if ((n = fdio_read(l->fd, l->in, IN)) == -1)
		return fail(l, ST_LOCAL, "%s", strerror(errno));
	l->inlen = (size_t)n;
	l->total = l->inlen;
	filter = sniff(l->in, l->inlen);
	if (filter == ARCHIVE_FILTER_NONE)
		return 0;
	if (filter == ARCHIVE_FILTER_GZIP &&
	    (l->gunzip = gunzip_new(more, l)) != NULL)
		return 0;
	return open_archive(l, filter);
}

static int
archive_next(struct layer *l, const void **data, size_t *len)
{
	la_int64_t offset;
	const char *why;
	int r;

	if (l->ended)
		return 0;
	r = archive_read_data_block(l->archive, data, len, &offset);
	if (r == ARCHIVE_OK)
		return 1;
	if (r != ARCHIVE_EOF) {
		why = archive_error_string(l->archive);
		return fail(l, ST_REFUSED, "%s",
		    why != NULL ? why : "the compressed data is malformed");
	}
	l->ended = 1;
	if ((uint64_t)archive_filter_bytes(l->archive, -1) != l->total ||
	    more(l, data, len) != 0)
		return fail(l, ST_REFUSED, "junk after the compressed data");
	return 0;
}

/* The next uncompressed bytes, hashed: 1, 0, -1. */
static int
tar_input(void *arg, const void **data, size_t *len)
{
	struct layer *l = arg;
	int r;

	if (!l->sniffed && begin(l) == -1)
		return -1;
	if (l->gunzip != NULL) {
		if ((r = gunzip_next(l->gunzip, data, len)) == -1)
			return fail(l, ST_REFUSED, "%s", gunzip_why(l->gunzip));
	} else if (l->archive != NULL)
		r = archive_next(l, data, len);
	else
		r = more(l, data, len);
	if (r != 1)
		return r;
	l->taken += *len;
	if (l->max > 0 && l->taken > l->max)
		return fail(l, ST_REFUSED, "over the limit of %llu bytes",
		    (unsigned long long)l->max);
	digest_add(l->digest, *data, *len);
	return 1;
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
	if (l->archive != NULL)
		archive_read_free(l->archive);
	gunzip_free(l->gunzip);
	tar_free(l->tar);
	digest_free(l->digest);
	free(l->what);
	free(l);
}
