/* See LICENSE. */
#include "tar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pax.h"

#define BLOCK 512

/* POSIX ustar; GNU and star use the prefix for other things. */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8];
	char uname[32];
	char gname[32];
	char devmajor[8];
	char devminor[8];
	char prefix[155];
	char pad[12];
};

/* Where old GNU sparse headers differ. */
#define GNU_SPARSE 386 /* four pairs of 12-digit numbers */
#define GNU_EXTENDED 482
#define GNU_REALSIZE 483

struct tar {
	tar_more *more;
	void *arg;
	const char *chunk; /* what is left of the last chunk */
	size_t chunklen;
	uint64_t pos; /* bytes taken from the stream */
	char block[BLOCK];
	int peeked; /* block holds the next header already */
	int ended;  /* the end mark, or the end, was read */
	int marked; /* it was the mark */
	int zeros;  /* nothing but zeros may follow the end mark */
	struct pax pax;
	char *longname, *longlink; /* GNU 'L' and 'K' */
	/* the current entry */
	char name[256 + 2];
	char link[100 + 1];
	char path[256]; /* for messages */
	uint64_t body;	/* bytes of it not yet taken */
	unsigned pad;
	struct pax_map map;
	size_t at;	 /* stretch */
	uint64_t within; /* bytes of it given */
	char why[512];
};

static int fail(struct tar *, const char *, ...)
    __attribute__((__format__(__printf__, 2, 3)));

static int
fail(struct tar *t, const char *fmt, ...)
{
	va_list ap;
	int n = 0;

	if (t->path[0] != '\0')
		n = snprintf(t->why, sizeof(t->why), "%s: ", t->path);
	va_start(ap, fmt);
	vsnprintf(t->why + n, sizeof(t->why) - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

/* Fails for what is wrong with the header before position. */
static int
fail_header(struct tar *t, const char *why)
{
	return fail(t, "%s (header at byte %llu)", why,
	    (unsigned long long)(t->pos - BLOCK));
}

/* Makes sure of a chunk that is not empty: 1; 0 at the end; -1. */
static int
fill(struct tar *t)
{
	const void *p;
	int r;

	while (t->chunklen == 0) {
		if ((r = t->more(t->arg, &p, &t->chunklen)) != 1) {
			t->chunklen = 0;
			t->why[0] = '\0';
			return r;
		}
		t->chunk = p;
	}
	return 1;
}

static size_t
take(struct tar *t, uint64_t max)
{
	size_t n = t->chunklen < max ? t->chunklen : (size_t)max;

	t->chunk += n;
	t->chunklen -= n;
	t->pos += n;
	return n;
}

/* Bytes copied to p, fewer than len only at the end; -1. */
static long
copy(struct tar *t, char *p, size_t len)
{
	size_t got = 0, n;
	int r;

	while (got < len) {
		if ((r = fill(t)) == -1)
			return -1;
		if (r == 0)
			break;
		n = len - got < t->chunklen ? len - got : t->chunklen;
		memcpy(p + got, t->chunk, n);
		got += take(t, n);
	}
	return (long)got;
}

static int
copy_all(struct tar *t, char *p, size_t len)
{
	long n;

	if ((n = copy(t, p, len)) == -1)
		return -1;
	return (size_t)n == len ? 0 : fail(t, "the archive is cut short");
}

static int
skip(struct tar *t, uint64_t len)
{
	int r;

	while (len > 0) {
		if ((r = fill(t)) == -1)
			return -1;
		if (r == 0)
			return fail(t, "the archive is cut short");
		len -= take(t, len);
	}
	return 0;
}

static int
all_zero(const char *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* Octal digits with spaces around, or GNU's base 256. */
static int
number(const char *f, size_t len, int64_t *out)
{
	const unsigned char *p = (const unsigned char *)f;
	uint64_t n = 0;
	size_t i = 0;

	if ((p[0] & 0x80) != 0) {
		if ((p[0] & 0x40) != 0)
			n = UINT64_MAX;
		n = n << 6 | (p[0] & 0x3f);
		for (i = 1; i < len; i++) {
			if (n >> 55 != 0 && n >> 55 != 0x1ff)
				return -1;
			n = n << 8 | p[i];
		}
		*out = (int64_t)n;
		return 0;
	}
	while (i < len && p[i] == ' ')
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
		if (n >> 60 != 0)
			return -1;
		n = n << 3 | (p[i] - '0');
	}
	for (; i < len; i++)
		if (p[i] != ' ' && p[i] != '\0')
			return -1;
	*out = (int64_t)n;
	return 0;
}

static int
natural(const char *f, size_t len, uint64_t *out)
{
	int64_t n;

	if (number(f, len, &n) == -1 || n < 0)
		return -1;
	*out = (uint64_t)n;
	return 0;
}

static int
checksum_ok(const char *block)
{
	const struct header *h = (const struct header *)block;
	long plain = 0, with_sign = 0;
	int64_t want;
	size_t i;

	if (number(h->checksum, sizeof(h->checksum), &want) == -1)
		return 0;
	for (i = 0; i < BLOCK; i++) {
		int c = i >= 148 && i < 156 ? ' ' : block[i];

		plain += (unsigned char)c;
		with_sign += (signed char)c;
	}
	return want == plain || want == with_sign;
}

/*
 * What a hardlink with a size has after it: old tars wrote the size and no
 * data.  Where a header follows there was none; where zeros follow, the two
 * readings agree only if nothing else comes.
 */
static int
hardlink_body(struct tar *t, uint64_t size)
{
	long n;

	if (size == 0)
		return 0;
	if ((n = copy(t, t->block, BLOCK)) == -1)
		return -1;
	if (n == 0)
		return 0;
	if (n < BLOCK)
		return fail(t, "the archive is cut short");
	if (all_zero(t->block, BLOCK)) {
		t->ended = t->marked = t->zeros = 1;
		return 0;
	}
	if (checksum_ok(t->block)) {
		t->peeked = 1;
		return 0;
	}
	t->body = size - 1 - (size - 1) % BLOCK;
	return 0;
}

/* The body of an 'x', 'g', 'L' or 'K' header, malloced. */
static char *
load(struct tar *t, const struct header *h, size_t *len)
{
	uint64_t size;
	char *p;

	if (natural(h->size, sizeof(h->size), &size) == -1) {
		fail_header(t, "the size is no number");
		return NULL;
	}
	if (size > PAX_MAX) {
		fail_header(t, "an extended header is over 1 MiB");
		return NULL;
	}
	if ((p = malloc((size_t)size + 1)) == NULL) {
		fail(t, "out of memory");
		return NULL;
	}
	p[size] = '\0';
	*len = (size_t)size;
	if (copy_all(t, p, *len) == -1 || skip(t, -size % BLOCK) == -1) {
		free(p);
		return NULL;
	}
	return p;
}

static int
load_pax(struct tar *t, const struct header *h, int *seen)
{
	const char *why;
	size_t len;
	char *p;

	if (h->type == 'x' && *seen)
		return fail_header(t, "two pax headers for one entry");
	*seen |= h->type == 'x';
	if ((p = load(t, h, &len)) == NULL)
		return -1;
	why = h->type == 'x' ? pax_parse(&t->pax, p, len) : pax_global(p, len);
	free(p);
	return why == NULL ? 0 : fail_header(t, why);
}

static int
load_long(struct tar *t, const struct header *h, char **dst)
{
	size_t len, n;

	if (*dst != NULL)
		return fail_header(t, "two long names for one entry");
	if ((*dst = load(t, h, &len)) == NULL)
		return -1;
	n = strlen(*dst);
	return all_zero(*dst + n, len - n) ? 0
					   : fail_header(t, "a NUL in a name");
}

static void
clear(struct tar *t)
{
	pax_clear(&t->pax);
	free(t->longname);
	free(t->longlink);
	t->longname = t->longlink = NULL;
	free(t->map.v);
	memset(&t->map, 0, sizeof(t->map));
	t->at = 0;
	t->within = 0;
	t->pad = 0;
	t->path[0] = '\0';
}

/* Joins prefix and name as the magic says. */
static void
header_name(struct tar *t, const struct header *h)
{
	size_t len = 0, max = sizeof(h->prefix);

	if (memcmp(h->magic, "ustar", 6) == 0) {
		if (memcmp(h->pad + 8, "tar", 4) == 0)
			max = 131;
		len = strnlen(h->prefix, max);
		memcpy(t->name, h->prefix, len);
		if (len > 0)
			t->name[len++] = '/';
	}
	max = strnlen(h->name, sizeof(h->name));
	memcpy(t->name + len, h->name, max);
	t->name[len + max] = '\0';
	max = strnlen(h->link, sizeof(h->link));
	memcpy(t->link, h->link, max);
	t->link[max] = '\0';
}

/* pax, then GNU, then the header; the first two may not contradict. */
static int
choose(struct tar *t, const char *pax, const char *gnu, const char *plain,
    const char **out)
{
	if (pax != NULL && gnu != NULL && strcmp(pax, gnu) != 0)
		return fail_header(t, "two different long names");
	*out = pax != NULL ? pax : gnu != NULL ? gnu : plain;
	return 0;
}

static int
set_names(struct tar *t, const struct header *h, struct layer_entry *e)
{
	const char *pax = t->pax.name != NULL ? t->pax.name : t->pax.path;

	header_name(t, h);
	if (choose(t, pax, t->longname, t->name, &e->path) == -1 ||
	    choose(t, t->pax.linkpath, t->longlink, t->link, &e->link) == -1)
		return -1;
	snprintf(t->path, sizeof(t->path), "%s", e->path);
	return 0;
}

static int
set_numbers(struct tar *t, const struct header *h, struct layer_entry *e)
{
	uint64_t mode, major = 0, minor = 0;
	int64_t sec;

	if (natural(h->mode, sizeof(h->mode), &mode) == -1)
		return fail_header(t, "the mode is no number");
	e->mode = (mode_t)(mode & 07777);
	e->uid = t->pax.uid;
	if (!t->pax.has_uid && natural(h->uid, sizeof(h->uid), &e->uid) == -1)
		return fail_header(t, "the owner is no number");
	e->gid = t->pax.gid;
	if (!t->pax.has_gid && natural(h->gid, sizeof(h->gid), &e->gid) == -1)
		return fail_header(t, "the group is no number");
	e->has_mtime = 1;
	e->mtime = t->pax.mtime;
	if (!t->pax.has_mtime) {
		if (number(h->mtime, sizeof(h->mtime), &sec) == -1)
			return fail_header(t, "the time is no number");
		e->mtime.tv_sec = sec;
	}
	if ((h->type == '3' || h->type == '4') &&
	    (natural(h->devmajor, sizeof(h->devmajor), &major) == -1 ||
		natural(h->devminor, sizeof(h->devminor), &minor) == -1 ||
		major > UINT32_MAX || minor > UINT32_MAX))
		return fail_header(t, "the device is no number");
	e->major = (unsigned)major;
	e->minor = (unsigned)minor;
	return 0;
}

/* Checks the map and makes it the entry's. */
static int
use_map(struct tar *t, struct pax_map *m, uint64_t realsize)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < m->n; i++)
		sum += m->v[i].size;
	if (sum != t->body ||
	    (m->n > 0 &&
		m->v[m->n - 1].offset + m->v[m->n - 1].size > realsize))
		return fail(t, "the sparse map does not fit the sizes");
	if (m != &t->map) {
		free(t->map.v);
		t->map = *m;
		memset(m, 0, sizeof(*m));
	}
	return 0;
}

/* Pairs of numbers in an old GNU header; 0 at the last one. */
static int
gnu_pairs(struct tar *t, const char *p, size_t n)
{
	uint64_t offset, size;
	const char *why;

	for (; n > 0 && *p != '\0'; n--, p += 24) {
		if (natural(p, 12, &offset) == -1 ||
		    natural(p + 12, 12, &size) == -1)
			return fail(t, "the sparse map is no number");
		if ((why = pax_map_add(&t->map, offset, size)) != NULL)
			return fail(t, "%s", why);
	}
	return 0;
}

static int
gnu_sparse(struct tar *t, struct layer_entry *e)
{
	int more;

	if (natural(t->block + GNU_REALSIZE, 12, &e->size) == -1)
		return fail(t, "the size is no number");
	if (gnu_pairs(t, t->block + GNU_SPARSE, 4) == -1)
		return -1;
	more = t->block[GNU_EXTENDED] != 0;
	while (more) {
		if (copy_all(t, t->block, BLOCK) == -1 ||
		    gnu_pairs(t, t->block, 21) == -1)
			return -1;
		more = t->block[504] != 0;
	}
	return use_map(t, &t->map, e->size);
}

/* A decimal line of the map that begins a 1.0 sparse file's data. */
static int
map_line(struct tar *t, uint64_t *n)
{
	unsigned digits;
	char c;

	*n = 0;
	for (digits = 0;; digits++) {
		if (t->body == 0)
			return fail(t, "the sparse map is malformed");
		if (copy_all(t, &c, 1) == -1)
			return -1;
		t->body--;
		if (c == '\n' && digits > 0)
			return 0;
		if (c < '0' || c > '9' || digits == 18)
			return fail(t, "the sparse map is malformed");
		*n = *n * 10 + (uint64_t)(c - '0');
	}
}

static int
pax_sparse(struct tar *t, struct layer_entry *e)
{
	uint64_t n, offset, size, start = t->pos, pad;
	const char *why;

	if (!t->pax.has_realsize)
		return fail(t, "a sparse file without its size");
	e->size = t->pax.realsize;
	if (t->pax.form != PAX_IN_DATA)
		return use_map(t, &t->pax.map, e->size);
	if (t->pax.major != 1 || t->pax.minor != 0)
		return fail(t, "an unknown kind of sparse file");
	if (map_line(t, &n) == -1)
		return -1;
	for (; n > 0; n--) {
		if (map_line(t, &offset) == -1 || map_line(t, &size) == -1)
			return -1;
		if ((why = pax_map_add(&t->map, offset, size)) != NULL)
			return fail(t, "%s", why);
	}
	pad = (start - t->pos) % BLOCK;
	if (pad > t->body)
		return fail(t, "the sparse map is malformed");
	t->body -= pad;
	return skip(t, pad) == -1 ? -1 : use_map(t, &t->map, e->size);
}

/* Size and data of a regular file. */
static int
set_file(struct tar *t, const struct header *h, struct layer_entry *e)
{
	const char *why;
	size_t len = strlen(e->path);

	e->type = LAYER_FILE;
	if ((h->type == '0' || h->type == '\0') && len > 0 &&
	    e->path[len - 1] == '/' && t->body == 0) {
		e->type = LAYER_DIR;
		return 0;
	}
	if (len > 0 && e->path[len - 1] == '/')
		return fail(t, "a directory with data");
	t->pad = (unsigned)(-t->body % BLOCK);
	e->size = t->body;
	if (h->type == 'S')
		return gnu_sparse(t, e);
	if (t->pax.sparse)
		return pax_sparse(t, e);
	if (t->body > 0 && (why = pax_map_add(&t->map, 0, t->body)) != NULL)
		return fail(t, "%s", why);
	return 0;
}

static int
set_type(struct tar *t, const struct header *h, struct layer_entry *e)
{
	uint64_t size = t->pax.size;

	if (!t->pax.has_size && natural(h->size, sizeof(h->size), &size) == -1)
		return fail_header(t, "the size is no number");
	if (t->pax.sparse && h->type != '0')
		return fail_header(t, "a sparse file of another type");
	switch (h->type) {
	case '\0':
	case '0':
	case '7':
	case 'S':
		t->body = size;
		return set_file(t, h, e);
	case '1':
		e->type = LAYER_HARDLINK;
		return hardlink_body(t, size);
	case '2':
		e->type = LAYER_SYMLINK;
		return 0;
	case '3':
		e->type = LAYER_CHAR;
		return 0;
	case '4':
		e->type = LAYER_BLOCK;
		return 0;
	case '5':
		e->type = LAYER_DIR;
		return 0;
	case '6':
		e->type = LAYER_FIFO;
		return 0;
	}
	if (h->type > ' ' && h->type < 0x7f)
		return fail(t, "unknown type '%c' of entry", h->type);
	return fail(t, "unknown type 0x%02x of entry", (unsigned char)h->type);
}

/* The next header in block: 1; 0 at the end mark or the end; -1. */
static int
next_block(struct tar *t)
{
	long n;

	if (t->ended)
		return 0;
	if (!t->peeked) {
		if ((n = copy(t, t->block, BLOCK)) == -1)
			return -1;
		if (n > 0 && n < BLOCK)
			return fail(t, t->pos < BLOCK
					   ? "not a tar archive"
					   : "the archive is cut short");
		if (n == 0 || all_zero(t->block, BLOCK)) {
			t->ended = 1;
			t->marked = n > 0;
			return 0;
		}
	}
	t->peeked = 0;
	if (!checksum_ok(t->block))
		return t->pos == BLOCK
			   ? fail(t, "not a tar archive")
			   : fail_header(t, "the checksum is wrong");
	return 1;
}

int
tar_next(struct tar *t, struct layer_entry *e)
{
	const struct header *h = (const struct header *)t->block;
	int pax = 0, r;

	if (skip(t, t->body) == -1 || skip(t, t->pad) == -1)
		return -1;
	t->body = 0;
	clear(t);
	for (;;) {
		if ((r = next_block(t)) == -1)
			return -1;
		if (r == 0) {
			if (pax || t->longname != NULL || t->longlink != NULL)
				return fail(t, "the archive is cut short");
			return 0;
		}
		if (h->type == 'x' || h->type == 'g')
			r = load_pax(t, h, &pax);
		else if (h->type == 'L')
			r = load_long(t, h, &t->longname);
		else if (h->type == 'K')
			r = load_long(t, h, &t->longlink);
		else
			break;
		if (r == -1)
			return -1;
	}
	memset(e, 0, sizeof(*e));
	if (set_names(t, h, e) == -1 || set_numbers(t, h, e) == -1 ||
	    set_type(t, h, e) == -1)
		return -1;
	e->xattrs = t->pax.xattrs;
	e->nxattrs = t->pax.nxattrs;
	return 1;
}

int
tar_data(struct tar *t, const void **data, size_t *len, uint64_t *offset)
{
	const struct pax_stretch *s;
	int r;

	while (t->at < t->map.n && t->within == t->map.v[t->at].size) {
		t->at++;
		t->within = 0;
	}
	if (t->at == t->map.n)
		return 0;
	s = &t->map.v[t->at];
	if ((r = fill(t)) == -1)
		return -1;
	if (r == 0)
		return fail(t, "the archive is cut short");
	*data = t->chunk;
	*len = take(t, s->size - t->within);
	*offset = s->offset + t->within;
	t->within += *len;
	t->body -= *len;
	return 1;
}

int
tar_drain(struct tar *t)
{
	long n;
	int r;

	t->path[0] = '\0';
	if ((n = copy(t, t->block, BLOCK)) == -1)
		return -1;
	if (t->zeros && !all_zero(t->block, (size_t)n))
		return fail(t, "an entry after a hardlink with data");
	if (n == BLOCK && checksum_ok(t->block))
		return fail_header(t, "an entry after half an end mark");
	while ((r = fill(t)) == 1) {
		if (t->zeros && !all_zero(t->chunk, t->chunklen))
			return fail(t, "an entry after a hardlink with data");
		take(t, t->chunklen);
	}
	return r;
}

int
tar_marked(const struct tar *t)
{
	return t->marked;
}

const char *
tar_why(const struct tar *t)
{
	return t->why;
}

struct tar *
tar_new(tar_more *more, void *arg)
{
	struct tar *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->more = more;
	t->arg = arg;
	return t;
}

void
tar_free(struct tar *t)
{
	if (t == NULL)
		return;
	clear(t);
	free(t);
}
