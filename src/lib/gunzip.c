/* See LICENSE. */
#include "gunzip.h"

#include <errno.h>
#include <stdlib.h>

#ifdef HAVE_ISAL

#include <isa-l/igzip_lib.h>

struct gunzip {
	gunzip_more *more;
	void *arg;
	int started; /* within a member */
	int members; /* one was begun */
	int full;    /* the state holds more output than there was room for */
	const char *why;
	struct inflate_state state;
};

struct gunzip *
gunzip_new(gunzip_more *more, void *arg)
{
	struct gunzip *g;

	if ((g = malloc(sizeof(*g))) == NULL)
		return NULL;
	g->more = more;
	g->arg = arg;
	g->started = g->members = g->full = 0;
	g->why = "";
	isal_inflate_init(&g->state);
	g->state.crc_flag = ISAL_GZIP;
	return g;
}

static int
fail(struct gunzip *g, const char *why)
{
	g->why = why;
	return -1;
}

static int
feed(struct gunzip *g)
{
	const void *p;
	size_t n;
	int r;

	if ((r = g->more(g->arg, &p, &n)) == 0 &&
	    (g->started || g->members == 0))
		return fail(g, "the gzip stream is cut short");
	if (r == 1) {
		g->state.next_in = (unsigned char *)(uintptr_t)p;
		g->state.avail_in = (uint32_t)n;
	}
	return r;
}

/* Begins the next member where one has ended. */
static int
begin(struct gunzip *g)
{
	if (g->started)
		return 0;
	if (g->members > 0) {
		if (g->state.next_in[0] != 0x1f)
			return fail(g, "junk after the compressed data");
		isal_inflate_reset(&g->state);
		g->state.crc_flag = ISAL_GZIP;
	}
	g->started = g->members = 1;
	return 0;
}

ssize_t
gunzip_read(struct gunzip *g, void *buf, size_t size)
{
	uint32_t room = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
	int r;

	g->state.next_out = buf;
	g->state.avail_out = room;
	while (g->state.avail_out > 0) {
		if (!g->full && g->state.avail_in == 0) {
			if (g->state.avail_out < room)
				break;
			if ((r = feed(g)) != 1)
				return r;
		}
		if (begin(g) == -1)
			return -1;
		r = isal_inflate(&g->state);
		if (r == ISAL_INCORRECT_CHECKSUM)
			return fail(g, "the gzip checksum is wrong");
		if (r < 0 || r == ISAL_NEED_DICT)
			return fail(g, "the gzip stream is malformed");
		g->full = g->state.avail_out == 0;
		if (g->state.block_state == ISAL_BLOCK_FINISH)
			g->started = g->full = 0;
	}
	return (ssize_t)(room - g->state.avail_out);
}

const char *
gunzip_why(const struct gunzip *g)
{
	return g->why;
}

void
gunzip_free(struct gunzip *g)
{
	free(g);
}

#else

struct gunzip *
gunzip_new(gunzip_more *more, void *arg)
{
	(void)more;
	(void)arg;
	errno = ENOSYS;
	return NULL;
}

ssize_t
gunzip_read(struct gunzip *g, void *buf, size_t size)
{
	(void)g;
	(void)buf;
	(void)size;
	return -1;
}

const char *
gunzip_why(const struct gunzip *g)
{
	(void)g;
	return "";
}

void
gunzip_free(struct gunzip *g)
{
	(void)g;
}

#endif
