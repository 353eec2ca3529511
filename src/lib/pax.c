/* See LICENSE. */
#include "pax.h"

#include <stdlib.h>
#include <string.h>

static const char no_memory[] = "out of memory";
static const char bad_number[] = "a pax number is malformed";

struct record {
	char *key, *value; /* value is followed by a NUL */
	size_t len;
};

/* Decimal digits and nothing else. */
static int
number(const char *s, const char *end, uint64_t *out)
{
	uint64_t n = 0;
	unsigned digit;

	if (s == end)
		return -1;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		digit = (unsigned)(*s - '0');
		if (n > ((uint64_t)INT64_MAX - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	*out = n;
	return 0;
}

/* "-1.5" is two seconds before 1970 and half a second after that. */
static int
timestamp(const char *s, const char *end, struct timespec *ts)
{
	const char *dot = memchr(s, '.', (size_t)(end - s));
	uint64_t sec;
	long nsec = 0, unit = 100000000;
	int minus;

	if ((minus = s < end && *s == '-'))
		s++;
	if (number(s, dot != NULL ? dot : end, &sec) == -1)
		return -1;
	if (dot != NULL)
		for (s = dot + 1; s < end; s++, unit /= 10) {
			if (*s < '0' || *s > '9')
				return -1;
			nsec += unit * (*s - '0');
		}
	ts->tv_sec = minus ? -(time_t)sec : (time_t)sec;
	if (minus && nsec > 0) {
		ts->tv_sec--;
		nsec = 1000000000 - nsec;
	}
	ts->tv_nsec = nsec;
	return 0;
}

static const char *
set_string(char **dst, const struct record *r)
{
	if (memchr(r->value, '\0', r->len) != NULL)
		return "a NUL in a pax name";
	free(*dst);
	*dst = NULL;
	if (r->len > 0 && (*dst = strdup(r->value)) == NULL)
		return no_memory;
	return NULL;
}

/* An empty value takes back what was said before. */
static const char *
set_number(int *has, uint64_t *dst, const struct record *r)
{
	*has = r->len > 0;
	if (r->len > 0 && number(r->value, r->value + r->len, dst) == -1)
		return bad_number;
	return NULL;
}

static const char *
set_xattr(struct pax *p, const char *name, const void *value, size_t len)
{
	struct layer_xattr *x;
	size_t i;
	void *copy;

	if (*name == '\0')
		return "an extended attribute without a name";
	for (i = 0; i < p->nxattrs; i++)
		if (strcmp(p->xattrs[i].name, name) == 0)
			break;
	if (i == PAX_XATTRS_MAX)
		return "too many extended attributes";
	if (p->xattrs == NULL &&
	    (p->xattrs = calloc(PAX_XATTRS_MAX, sizeof(*x))) == NULL)
		return no_memory;
	x = &p->xattrs[i];
	if ((copy = malloc(len + 1)) == NULL)
		return no_memory;
	memcpy(copy, value, len);
	if (i == p->nxattrs) {
		if ((x->name = strdup(name)) == NULL) {
			free(copy);
			return no_memory;
		}
		p->nxattrs++;
	} else
		free(x->value);
	x->value = copy;
	x->size = len;
	return NULL;
}

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Undoes %XX in place. */
static int
percent_decode(char *s)
{
	char *d = s;
	int hi, lo;

	for (; *s != '\0'; s++)
		if (*s != '%')
			*d++ = *s;
		else {
			if ((hi = hex(s[1])) == -1 || (lo = hex(s[2])) == -1 ||
			    (hi | lo) == 0)
				return -1;
			*d++ = (char)(hi << 4 | lo);
			s += 2;
		}
	*d = '\0';
	return 0;
}

/* Undoes base64, padded or not, in place; the length, or -1. */
static long
base64_decode(char *s, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				     "nopqrstuvwxyz0123456789+/";
	const char *at;
	unsigned long bits = 0;
	unsigned nbits = 0;
	char *d = s;
	size_t i;

	while (len > 0 && s[len - 1] == '=')
		len--;
	for (i = 0; i < len; i++) {
		if (s[i] == '\0' || (at = strchr(digits, s[i])) == NULL)
			return -1;
		bits = (bits << 6 | (unsigned long)(at - digits)) & 0xffffff;
		if ((nbits += 6) >= 8) {
			nbits -= 8;
			*d++ = (char)(bits >> nbits & 0xff);
		}
	}
	return len % 4 == 1 ? -1 : (long)(d - s);
}

static const char *
libarchive_xattr(struct pax *p, char *name, const struct record *r)
{
	long len;

	if (percent_decode(name) == -1 ||
	    (len = base64_decode(r->value, r->len)) == -1)
		return "an extended attribute is malformed";
	return set_xattr(p, name, r->value, (size_t)len);
}

const char *
pax_map_add(struct pax_map *m, uint64_t offset, uint64_t size)
{
	const struct pax_stretch *last = m->n > 0 ? &m->v[m->n - 1] : NULL;
	struct pax_stretch *v;
	size_t cap;

	if (offset > INT64_MAX || size > INT64_MAX - offset ||
	    (last != NULL && offset < last->offset + last->size))
		return "the sparse map is out of order";
	if (m->n == PAX_STRETCHES_MAX)
		return "the sparse map is too long";
	if (m->n == m->cap) {
		cap = m->cap > 0 ? m->cap * 2 : 16;
		if ((v = realloc(m->v, cap * sizeof(*v))) == NULL)
			return no_memory;
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n].offset = offset;
	m->v[m->n++].size = size;
	return NULL;
}

/* GNU.sparse.map of 0.1: offset,size,offset,size ... */
static const char *
sparse_map(struct pax *p, const struct record *r)
{
	const char *comma, *s = r->value, *end = r->value + r->len, *why;
	uint64_t n, offset = 0;
	int odd = 0;

	p->map.n = 0;
	for (; s < end; s = comma + 1, odd = !odd) {
		if ((comma = memchr(s, ',', (size_t)(end - s))) == NULL)
			comma = end;
		if (number(s, comma, &n) == -1)
			return bad_number;
		if (!odd)
			offset = n;
		else if ((why = pax_map_add(&p->map, offset, n)) != NULL)
			return why;
	}
	return odd ? "the sparse map is malformed" : NULL;
}

/* offset and numbytes of 0.0 come by turns; only a pair is put in the map. */
static const char *
sparse_pair(struct pax *p, int is_offset, uint64_t n)
{
	if (is_offset == p->has_offset)
		return "the sparse map is malformed";
	p->has_offset = is_offset;
	if (!is_offset)
		return pax_map_add(&p->map, p->offset, n);
	p->offset = n;
	return NULL;
}

static enum pax_form
form_of(const char *key)
{
	if (strcmp(key, "offset") == 0 || strcmp(key, "numbytes") == 0)
		return PAX_PAIRS;
	if (strcmp(key, "map") == 0)
		return PAX_LIST;
	if (strcmp(key, "major") == 0 || strcmp(key, "minor") == 0)
		return PAX_IN_DATA;
	return PAX_NO_MAP;
}

static const char *
sparse_number(struct pax *p, const char *key, uint64_t n)
{
	if (strcmp(key, "major") == 0)
		p->major = n;
	else if (strcmp(key, "minor") == 0)
		p->minor = n;
	else if (strcmp(key, "size") == 0 || strcmp(key, "realsize") == 0) {
		p->has_realsize = 1;
		p->realsize = n;
	} else if (strcmp(key, "numblocks") == 0) {
		p->has_nstretches = 1;
		p->nstretches = n;
	} else
		return "an unknown kind of sparse file";
	return NULL;
}

/*
 * Of a record that is repeated the last counts, but pairs add up.  An empty
 * value takes back a name, and a map though not its form.  An empty number is
 * refused: it could take back half a pair.
 */
static const char *
sparse(struct pax *p, const char *key, const struct record *r)
{
	enum pax_form form = form_of(key);
	uint64_t n;

	p->sparse = 1;
	if (strcmp(key, "name") == 0)
		return set_string(&p->name, r);
	if (form != PAX_NO_MAP) {
		if (p->form != PAX_NO_MAP && p->form != form)
			return "two kinds of sparse map for one entry";
		p->form = form;
	}
	if (form == PAX_LIST)
		return sparse_map(p, r);
	if (number(r->value, r->value + r->len, &n) == -1)
		return bad_number;
	if (form == PAX_PAIRS)
		return sparse_pair(p, strcmp(key, "offset") == 0, n);
	return sparse_number(p, key, n);
}

static const char *
set(struct pax *p, const struct record *r)
{
	char *k = r->key;

	if (strcmp(k, "path") == 0)
		return set_string(&p->path, r);
	if (strcmp(k, "linkpath") == 0)
		return set_string(&p->linkpath, r);
	if (strcmp(k, "size") == 0)
		return set_number(&p->has_size, &p->size, r);
	if (strcmp(k, "uid") == 0)
		return set_number(&p->has_uid, &p->uid, r);
	if (strcmp(k, "gid") == 0)
		return set_number(&p->has_gid, &p->gid, r);
	if (strcmp(k, "mtime") == 0) {
		p->has_mtime = r->len > 0;
		if (p->has_mtime &&
		    timestamp(r->value, r->value + r->len, &p->mtime) == -1)
			return bad_number;
		return NULL;
	}
	if (strncmp(k, "SCHILY.xattr.", 13) == 0)
		return set_xattr(p, k + 13, r->value, r->len);
	if (strncmp(k, "LIBARCHIVE.xattr.", 17) == 0)
		return libarchive_xattr(p, k + 17, r);
	if (strncmp(k, "GNU.sparse.", 11) == 0)
		return sparse(p, k + 11, r);
	return NULL;
}

/* Cuts "27 path=..." and a newline, of 27 bytes, off *body. */
static const char *
cut(char **body, size_t *len, struct record *r)
{
	char *end, *eq, *space;
	uint64_t n;

	space = memchr(*body, ' ', *len < 20 ? *len : 20);
	if (space == NULL || number(*body, space, &n) == -1 || n > *len ||
	    n < (uint64_t)(space - *body) + 4)
		return "a pax record is malformed";
	end = *body + n - 1;
	eq = memchr(space + 1, '=', (size_t)(end - space - 1));
	if (*end != '\n' || eq == NULL || eq == space + 1 ||
	    memchr(space + 1, '\0', (size_t)(eq - space)) != NULL)
		return "a pax record is malformed";
	*end = *eq = '\0';
	r->key = space + 1;
	r->value = eq + 1;
	r->len = (size_t)(end - r->value);
	*body += n;
	*len -= (size_t)n;
	return NULL;
}

const char *
pax_parse(struct pax *p, char *body, size_t len)
{
	struct record r;
	const char *why;

	while (len > 0)
		if ((why = cut(&body, &len, &r)) != NULL ||
		    (why = set(p, &r)) != NULL)
			return why;
	if (p->has_offset || (p->has_nstretches && p->form != PAX_IN_DATA &&
				 p->nstretches != p->map.n))
		return "the sparse map is malformed";
	return NULL;
}

const char *
pax_global(char *body, size_t len)
{
	struct record r;
	const char *why;

	while (len > 0) {
		if ((why = cut(&body, &len, &r)) != NULL)
			return why;
		if (strcmp(r.key, "path") == 0 || strcmp(r.key, "size") == 0 ||
		    strcmp(r.key, "linkpath") == 0 ||
		    strncmp(r.key, "GNU.sparse.", 11) == 0)
			return "a global pax header names or sizes files";
	}
	return NULL;
}

void
pax_clear(struct pax *p)
{
	size_t i;

	for (i = 0; i < p->nxattrs; i++) {
		free(p->xattrs[i].name);
		free(p->xattrs[i].value);
	}
	free(p->xattrs);
	free(p->path);
	free(p->linkpath);
	free(p->name);
	free(p->map.v);
	memset(p, 0, sizeof(*p));
}
