/* See LICENSE. */
#include "inflate.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "gunzip.h"
#include "msg.h"

#define IN (128U << 10)

struct inflate {
	int fd;
	uint64_t left; /* bytes that may be read of it */
	int status;
	char why[512];
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

/* Keeps the first reason. */
static int
fail(struct inflate *f, int status, const char *why)
{
	if (f->status != ST_OK)
		return -1;
	f->status = status;
	snprintf(f->why, sizeof(f->why), "%s",
	    why != NULL ? why : "the compressed data is malformed");
	return -1;
}

struct inflate *
inflate_new(int fd, uint64_t bytes)
{
	struct inflate *f;

	if ((f = malloc(sizeof(*f))) == NULL)
		return NULL;
	memset(f, 0, offsetof(struct inflate, in));
	f->fd = fd;
	f->left = bytes;
	return f;
}

/* As read(2) of what may be read. */
static ssize_t
get(struct inflate *f, void *buf, size_t size)
{
	ssize_t n;

	if (size > f->left)
		size = (size_t)f->left;
	do
		n = read(f->fd, buf, size);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		f->left -= (uint64_t)n;
	return n;
}

/* The next compressed bytes: 1, 0, -1. */
static int
more(void *arg, const void **data, size_t *len)
{
	struct inflate *f = arg;
	ssize_t n;

	if (f->given) {
		if ((n = get(f, f->in, IN)) == -1)
			return fail(f, ST_LOCAL, strerror(errno));
		f->inlen = (size_t)n;
		f->total += f->inlen;
	}
	f->given = 1;
	*data = f->in;
	*len = f->inlen;
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
open_archive(struct inflate *f, int filter)
{
	struct archive_entry *e;
	int r;

	if ((f->archive = archive_read_new()) == NULL)
		return fail(f, ST_LOCAL, "out of memory");
	/* anything but ARCHIVE_OK would be a helper program */
	if (archive_read_append_filter(f->archive, filter) != ARCHIVE_OK ||
	    archive_read_set_format(f->archive, ARCHIVE_FORMAT_RAW) !=
		ARCHIVE_OK)
		return fail(f, ST_LOCAL,
		    "libarchive was built without this compression");
	archive_read_support_format_empty(f->archive);
	if (archive_read_open(f->archive, f, NULL, archive_input, NULL) !=
	    ARCHIVE_OK)
		return fail(f, ST_REFUSED, archive_error_string(f->archive));
	r = archive_read_next_header(f->archive, &e);
	if (r == ARCHIVE_EOF)
		f->ended = 1;
	else if (r != ARCHIVE_OK)
		return fail(f, ST_REFUSED, archive_error_string(f->archive));
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
begin(struct inflate *f)
{
	ssize_t n;
	int filter;

	f->sniffed = 1;
	do {
		if ((n = get(f, f->in + f->inlen, IN - f->inlen)) == -1)
			return fail(f, ST_LOCAL, strerror(errno));
		f->inlen += (size_t)n;
	} while (n > 0 && f->inlen < IN);
	f->total = f->inlen;
	filter = sniff(f->in, f->inlen);
	if (filter == ARCHIVE_FILTER_NONE)
		return 0;
	if (filter == ARCHIVE_FILTER_GZIP &&
	    (f->gunzip = gunzip_new(more, f)) != NULL)
		return 0;
	return open_archive(f, filter);
}

static ssize_t
archive_read(struct inflate *f, void *buf, size_t size)
{
	const void *data;
	la_ssize_t n;
	size_t len;

	if (f->ended)
		return 0;
	if ((n = archive_read_data(f->archive, buf, size)) > 0)
		return n;
	if (n < 0)
		return fail(f, ST_REFUSED, archive_error_string(f->archive));
	f->ended = 1;
	if ((uint64_t)archive_filter_bytes(f->archive, -1) != f->total ||
	    more(f, &data, &len) != 0)
		return fail(f, ST_REFUSED, "junk after the compressed data");
	return 0;
}

/* What is not compressed: first what begin has read. */
static ssize_t
plain_read(struct inflate *f, void *buf, size_t size)
{
	ssize_t n;

	if (!f->given) {
		n = (ssize_t)(f->inlen < size ? f->inlen : size);
		memcpy(buf, f->in, (size_t)n);
		memmove(f->in, f->in + n, f->inlen -= (size_t)n);
		f->given = f->inlen == 0;
		if (n > 0)
			return n;
	}
	n = get(f, buf, size);
	return n == -1 ? fail(f, ST_LOCAL, strerror(errno)) : n;
}

ssize_t
inflate_read(struct inflate *f, void *buf, size_t size)
{
	ssize_t n;

	if (f->status != ST_OK || (!f->sniffed && begin(f) == -1))
		return -1;
	if (f->archive != NULL)
		return archive_read(f, buf, size);
	if (f->gunzip == NULL)
		return plain_read(f, buf, size);
	if ((n = gunzip_read(f->gunzip, buf, size)) == -1)
		return fail(f, ST_REFUSED, gunzip_why(f->gunzip));
	return n;
}

int
inflate_status(const struct inflate *f)
{
	return f->status;
}

const char *
inflate_why(const struct inflate *f)
{
	return f->why;
}

void
inflate_free(struct inflate *f)
{
	if (f == NULL)
		return;
	if (f->archive != NULL)
		archive_read_free(f->archive);
	gunzip_free(f->gunzip);
	free(f);
}
