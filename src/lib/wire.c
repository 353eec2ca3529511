/* See LICENSE. */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "msg.h"
#include "pax.h"
#include "ref.h"

#define BUFFER (256U << 10)

struct head {
	uint32_t kind;
	uint32_t len; /* of what follows */
};

/* An entry's fixed part; its strings and xattrs follow. */
struct fixed {
	uint32_t type, mode, major, minor;
	uint64_t uid, gid, size;
	int64_t sec, nsec;
	uint32_t has_mtime, nxattrs;
};

/* --- writing --- */

struct wire_out {
	int fd;
	int failed;
	size_t len;
	char buf[BUFFER];
};

struct wire_out *
wire_writer(int fd)
{
	struct wire_out *w;

	if ((w = malloc(sizeof(*w))) == NULL)
		return NULL;
	w->fd = fd;
	w->failed = 0;
	w->len = 0;
	return w;
}

int
wire_flush(struct wire_out *w)
{
	if (!w->failed && fdio_write(w->fd, w->buf, w->len) == -1)
		w->failed = 1;
	w->len = 0;
	return w->failed ? -1 : 0;
}

static void
put(struct wire_out *w, const void *data, size_t len)
{
	const char *p = data;
	size_t n;

	while (len > 0) {
		n = BUFFER - w->len < len ? BUFFER - w->len : len;
		memcpy(w->buf + w->len, p, n);
		w->len += n;
		p += n;
		len -= n;
		if (w->len == BUFFER)
			wire_flush(w);
	}
}

static void
put_head(struct wire_out *w, enum wire_kind kind, size_t len)
{
	struct head h = {(uint32_t)kind, (uint32_t)len};

	put(w, &h, sizeof(h));
}

void
wire_entry(struct wire_out *w, const struct layer_entry *e)
{
	const char *link = e->link != NULL ? e->link : "";
	struct fixed f = {.type = (uint32_t)e->type,
	    .mode = (uint32_t)e->mode,
	    .major = e->major,
	    .minor = e->minor,
	    .uid = e->uid,
	    .gid = e->gid,
	    .size = e->size,
	    .sec = e->mtime.tv_sec,
	    .nsec = e->mtime.tv_nsec,
	    .has_mtime = (uint32_t)e->has_mtime,
	    .nxattrs = (uint32_t)e->nxattrs};
	size_t i, len = sizeof(f) + strlen(e->path) + 1 + strlen(link) + 1;
	uint32_t n;

	for (i = 0; i < e->nxattrs; i++)
		len += strlen(e->xattrs[i].name) + 1 + sizeof(n) +
		       e->xattrs[i].size;
	put_head(w, WIRE_ENTRY, len);
	put(w, &f, sizeof(f));
	put(w, e->path, strlen(e->path) + 1);
	put(w, link, strlen(link) + 1);
	for (i = 0; i < e->nxattrs; i++) {
		n = (uint32_t)e->xattrs[i].size;
		put(w, e->xattrs[i].name, strlen(e->xattrs[i].name) + 1);
		put(w, &n, sizeof(n));
		put(w, e->xattrs[i].value, n);
	}
}

void
wire_data(struct wire_out *w, const void *data, size_t len, uint64_t offset)
{
	const char *p = data;
	size_t n;

	for (; len > 0; len -= n) {
		n = len < WIRE_DATA_MAX ? len : WIRE_DATA_MAX;
		put_head(w, WIRE_DATA, sizeof(offset) + n);
		put(w, &offset, sizeof(offset));
		put(w, p, n);
		p += n;
		offset += n;
	}
}

void
wire_end(struct wire_out *w, const char *diffid, int marked, uint64_t bytes)
{
	uint32_t n = marked != 0;

	put_head(w, WIRE_END, sizeof(n) + sizeof(bytes) + strlen(diffid) + 1);
	put(w, &n, sizeof(n));
	put(w, &bytes, sizeof(bytes));
	put(w, diffid, strlen(diffid) + 1);
}

void
wire_failed(struct wire_out *w, int status, const char *why)
{
	uint32_t n = (uint32_t)status;

	put_head(w, WIRE_FAILED, sizeof(n) + strlen(why) + 1);
	put(w, &n, sizeof(n));
	put(w, why, strlen(why) + 1);
}

void
wire_out_free(struct wire_out *w)
{
	free(w);
}

/* --- reading --- */

struct wire_in {
	int fd;
	char *buf;
	size_t cap, at, len; /* buf[at..len) is not consumed */
	struct layer_xattr xattrs[PAX_XATTRS_MAX];
	/* of the current file; of what is no file, nothing */
	uint64_t size, sent;
};

struct wire_in *
wire_reader(int fd)
{
	struct wire_in *w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->fd = fd;
	w->cap = BUFFER;
	if ((w->buf = malloc(w->cap)) == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

void
wire_in_free(struct wire_in *w)
{
	if (w == NULL)
		return;
	free(w->buf);
	free(w);
}

/* Makes sure that n bytes are at hand: 1; 0 at the end; -1. */
static int
need(struct wire_in *w, size_t n)
{
	ssize_t got;
	char *p;

	if (w->len - w->at >= n)
		return 1;
	memmove(w->buf, w->buf + w->at, w->len - w->at);
	w->len -= w->at;
	w->at = 0;
	if (n > w->cap) {
		if ((p = realloc(w->buf, n)) == NULL)
			return -1;
		w->buf = p;
		w->cap = n;
	}
	while (w->len < n) {
		got = read(w->fd, w->buf + w->len, w->cap - w->len);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		w->len += (size_t)got;
	}
	return 1;
}

static int
nonsense(void)
{
	errno = EBADMSG;
	return -1;
}

/* A string within [*p, end), which *p then follows. */
static const char *
get_string(const char **p, const char *end)
{
	const char *s = *p, *nul;

	if ((nul = memchr(s, '\0', (size_t)(end - s))) == NULL)
		return NULL;
	*p = nul + 1;
	return s;
}

static int
get_xattrs(struct wire_in *w, const char *p, const char *end, uint32_t n,
    struct layer_entry *e)
{
	const char *name;
	uint32_t i, size;

	if (n > PAX_XATTRS_MAX)
		return nonsense();
	for (i = 0; i < n; i++) {
		if ((name = get_string(&p, end)) == NULL ||
		    (size_t)(end - p) < sizeof(size))
			return nonsense();
		memcpy(&size, p, sizeof(size));
		p += sizeof(size);
		if (size > (size_t)(end - p))
			return nonsense();
		w->xattrs[i].name = (char *)(uintptr_t)name;
		w->xattrs[i].value = (void *)(uintptr_t)p;
		w->xattrs[i].size = size;
		p += size;
	}
	e->xattrs = w->xattrs;
	e->nxattrs = n;
	return p == end ? 1 : nonsense();
}

static int
get_entry(struct wire_in *w, const char *p, size_t len, struct layer_entry *e)
{
	const char *end = p + len;
	struct fixed f;

	if (len < sizeof(f))
		return nonsense();
	memcpy(&f, p, sizeof(f));
	p += sizeof(f);
	memset(e, 0, sizeof(*e));
	if (f.type > LAYER_FIFO || f.size > INT64_MAX || f.nsec < 0 ||
	    f.nsec >= 1000000000 || (e->path = get_string(&p, end)) == NULL ||
	    (e->link = get_string(&p, end)) == NULL)
		return nonsense();
	e->type = (enum layer_type)f.type;
	e->mode = f.mode & 07777;
	e->uid = f.uid;
	e->gid = f.gid;
	e->size = f.size;
	e->major = f.major;
	e->minor = f.minor;
	e->has_mtime = f.has_mtime != 0;
	e->mtime.tv_sec = (time_t)f.sec;
	e->mtime.tv_nsec = (long)f.nsec;
	w->size = e->type == LAYER_FILE ? e->size : 0;
	w->sent = 0;
	return get_xattrs(w, p, end, f.nxattrs, e);
}

static int
get_data(struct wire_in *w, const char *p, size_t len, struct wire_record *r)
{
	if (len <= sizeof(r->offset))
		return nonsense();
	memcpy(&r->offset, p, sizeof(r->offset));
	r->data = p + sizeof(r->offset);
	r->len = len - sizeof(r->offset);
	if (r->offset < w->sent || r->offset > w->size ||
	    r->len > w->size - r->offset)
		return nonsense();
	w->sent = r->offset + r->len;
	return 1;
}

/* The end: the digest and number of all bytes; or why there is none. */
static int
get_end(const char *p, size_t len, struct wire_record *r)
{
	const char *end = p + len;
	uint32_t status;

	if (len < sizeof(status))
		return nonsense();
	memcpy(&status, p, sizeof(status));
	p += sizeof(status);
	r->status = (int)status;
	if (r->kind == WIRE_END) {
		if ((size_t)(end - p) < sizeof(r->offset))
			return nonsense();
		memcpy(&r->offset, p, sizeof(r->offset));
		p += sizeof(r->offset);
	}
	if (end - p > WIRE_WHY_MAX || (r->text = get_string(&p, end)) == NULL ||
	    p != end)
		return nonsense();
	if (r->kind == WIRE_END)
		return status <= 1 && ref_digest_ok(r->text) ? 1 : nonsense();
	return r->status == ST_LOCAL || r->status == ST_REFUSED ? 1
								: nonsense();
}

int
wire_next(struct wire_in *w, struct wire_record *r)
{
	struct head h;
	const char *p;
	int rc;

	memset(r, 0, sizeof(*r));
	if ((rc = need(w, sizeof(h))) != 1)
		return rc;
	memcpy(&h, w->buf + w->at, sizeof(h));
	if (h.len > WIRE_RECORD_MAX)
		return nonsense();
	if ((rc = need(w, sizeof(h) + h.len)) != 1)
		return rc;
	p = w->buf + w->at + sizeof(h);
	w->at += sizeof(h) + h.len;
	r->kind = (enum wire_kind)h.kind;
	switch (r->kind) {
	case WIRE_ENTRY:
		return get_entry(w, p, h.len, &r->entry);
	case WIRE_DATA:
		return get_data(w, p, h.len, r);
	case WIRE_FAILED:
	case WIRE_END:
		return get_end(p, h.len, r);
	}
	return nonsense();
}
