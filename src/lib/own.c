/* See LICENSE. */
#include "own.h"

#include <stdlib.h>
#include <string.h>

struct item {
	struct item *next;
	uint64_t hash;
	uint64_t dir;
	char name[];
};

struct own {
	struct item **buckets;
	size_t nbuckets; /* a power of two */
	size_t n;
};

struct own *
own_new(void)
{
	struct own *o;

	if ((o = calloc(1, sizeof(*o))) == NULL)
		return NULL;
	o->nbuckets = 1024;
	o->buckets = calloc(o->nbuckets, sizeof(struct item *));
	if (o->buckets == NULL) {
		free(o);
		return NULL;
	}
	return o;
}

void
own_clear(struct own *o)
{
	struct item *it;
	size_t i;

	for (i = 0; i < o->nbuckets; i++)
		while ((it = o->buckets[i]) != NULL) {
			o->buckets[i] = it->next;
			free(it);
		}
	o->n = 0;
}

void
own_free(struct own *o)
{
	if (o == NULL)
		return;
	own_clear(o);
	free(o->buckets);
	free(o);
}

/* FNV-1a, begun with the directory. */
static uint64_t
hash_of(uint64_t dir, const char *name)
{
	uint64_t h = (dir + 1) * 0x9e3779b97f4a7c15U;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3U;
	return h ^ h >> 29;
}

static struct item *
find(const struct own *o, uint64_t hash, uint64_t dir, const char *name)
{
	struct item *it;

	for (it = o->buckets[hash & (o->nbuckets - 1)]; it != NULL;
	     it = it->next)
		if (it->hash == hash && it->dir == dir &&
		    strcmp(it->name, name) == 0)
			return it;
	return NULL;
}

/* Without memory the chains only get longer. */
static void
grow(struct own *o)
{
	size_t i, n = o->nbuckets * 4;
	struct item **buckets, *it;

	if ((buckets = calloc(n, sizeof(struct item *))) == NULL)
		return;
	for (i = 0; i < o->nbuckets; i++)
		while ((it = o->buckets[i]) != NULL) {
			o->buckets[i] = it->next;
			it->next = buckets[it->hash & (n - 1)];
			buckets[it->hash & (n - 1)] = it;
		}
	free(o->buckets);
	o->buckets = buckets;
	o->nbuckets = n;
}

int
own_add(struct own *o, uint64_t dir, const char *name)
{
	uint64_t hash = hash_of(dir, name);
	size_t len = strlen(name) + 1;
	struct item *it, **b;

	if (find(o, hash, dir, name) != NULL)
		return 1;
	if ((it = malloc(sizeof(*it) + len)) == NULL)
		return -1;
	it->hash = hash;
	it->dir = dir;
	memcpy(it->name, name, len);
	if (o->n++ > o->nbuckets)
		grow(o);
	b = &o->buckets[hash & (o->nbuckets - 1)];
	it->next = *b;
	*b = it;
	return 0;
}

int
own_has(const struct own *o, uint64_t dir, const char *name)
{
	return find(o, hash_of(dir, name), dir, name) != NULL;
}
