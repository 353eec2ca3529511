/* See LICENSE. */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 7

/* Takes memory from what may be used.  -1 and EFBIG. */
static int
charge(struct listing *l, size_t bytes)
{
	if (bytes > LISTING_MEMORY - l->memory) {
		errno = EFBIG;
		return -1;
	}
	l->memory += bytes;
	return 0;
}

struct member *
listing_add(
    struct listing *l, uint64_t ordinal, const char *path, const char *link)
{
	struct member *v;
	size_t cap;

	/* itself, its places in two orders, its names */
	if (charge(l, sizeof(*v) + 2 * sizeof(v) + strlen(path) + 1) == -1 ||
	    (link != NULL && charge(l, strlen(link) + 1) == -1))
		return NULL;
	if (l->n == l->cap) {
		cap = l->cap > 0 ? l->cap * 2 : 64;
		if ((v = realloc(l->v, cap * sizeof(*v))) == NULL)
			return NULL;
		l->v = v;
		l->cap = cap;
	}
	v = &l->v[l->n++];
	memset(v, 0, sizeof(*v));
	v->ordinal = ordinal;
	if ((v->path = strdup(path)) == NULL ||
	    (link != NULL && (v->link = strdup(link)) == NULL))
		return NULL;
	return v;
}

char *
listing_data(struct listing *l, struct member *v, size_t size)
{
	if (charge(l, size) == -1)
		return NULL;
	return v->data = malloc(size > 0 ? size : 1);
}

static int
by_path(const void *x, const void *y)
{
	const struct member *a = *(struct member *const *)x;
	const struct member *b = *(struct member *const *)y;
	int r = strcmp(a->path, b->path);

	return r != 0 ? r
		      : (a->ordinal < b->ordinal) - (a->ordinal > b->ordinal);
}

static int
by_digest(const void *x, const void *y)
{
	const struct member *a = *(struct member *const *)x;
	const struct member *b = *(struct member *const *)y;
	int r = strcmp(a->digest, b->digest);

	return r != 0 ? r
		      : (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

static int
is_path(const void *path, const void *v)
{
	return strcmp(path, (*(struct member *const *)v)->path);
}

static int
is_digest(const void *digest, const void *v)
{
	return strcmp(digest, (*(struct member *const *)v)->digest);
}

static const struct member *
find(struct member *const *list, size_t n, const char *key,
    int (*compare)(const void *, const void *))
{
	struct member *const *v = NULL;

	if (n > 0)
		v = bsearch(key, list, n, sizeof(*list), compare);
	return v != NULL ? *v : NULL;
}

static const char *
its_path(const struct member *v)
{
	return v->path;
}

static const char *
its_digest(const struct member *v)
{
	return v->digest;
}

/* Sorts; of equal ones the first stays.  How many are left. */
static size_t
order(struct member **list, size_t n, int (*by)(const void *, const void *),
    const char *(*key)(const struct member *))
{
	size_t i, left = 0;

	qsort(list, n, sizeof(*list), by);
	for (i = 0; i < n; i++)
		if (left == 0 || strcmp(key(list[left - 1]), key(list[i])) != 0)
			list[left++] = list[i];
	return left;
}

int
listing_sort(struct listing *l)
{
	struct member *end, *v;

	if (l->n == 0)
		return 0;
	end = l->v + l->n;
	if ((l->paths = calloc(l->n, sizeof(struct member *))) == NULL ||
	    (l->digests = calloc(l->n, sizeof(struct member *))) == NULL)
		return -1;
	for (v = l->v; v < end; v++) {
		l->paths[l->npaths++] = v;
		if (v->digest[0] != '\0')
			l->digests[l->ndigests++] = v;
	}
	l->npaths = order(l->paths, l->npaths, by_path, its_path);
	l->ndigests = order(l->digests, l->ndigests, by_digest, its_digest);
	for (v = l->v; v < end; v++)
		if (v->link != NULL)
			v->to = find(l->paths, l->npaths, v->link, is_path);
	return 0;
}

const struct member *
listing_find(const struct listing *l, const char *path)
{
	const struct member *v = find(l->paths, l->npaths, path, is_path);
	int i;

	for (i = 0; i < LINKS_MAX && v != NULL && v->link != NULL; i++)
		v = v->to;
	return v != NULL && v->link == NULL ? v : NULL;
}

const struct member *
listing_digest(const struct listing *l, const char *digest)
{
	return find(l->digests, l->ndigests, digest, is_digest);
}

void
listing_free(struct listing *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		free(l->v[i].path);
		free(l->v[i].link);
		free(l->v[i].data);
	}
	free(l->v);
	free(l->paths);
	free(l->digests);
	memset(l, 0, sizeof(*l));
}
