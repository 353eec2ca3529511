/* See LICENSE. */
#include "own.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS_MIN 1024

struct own {
	uint64_t key[2];
	uint64_t *slots; /* hashes, each at its place or after it; 0: empty */
	size_t nslots;	 /* a power of two */
	size_t n;
};

struct own *
own_new(void)
{
	struct own *o;

	if ((o = calloc(1, sizeof(*o))) == NULL)
		return NULL;
	o->nslots = SLOTS_MIN;
	o->slots = calloc(o->nslots, sizeof(*o->slots));
	if (o->slots == NULL || getentropy(o->key, sizeof(o->key)) == -1) {
		own_free(o);
		return NULL;
	}
	return o;
}

void
own_clear(struct own *o)
{
	uint64_t *less;

	o->nslots = SLOTS_MIN;
	o->n = 0;
	if ((less = realloc(o->slots, SLOTS_MIN * sizeof(*less))) != NULL)
		o->slots = less;
	memset(o->slots, 0, SLOTS_MIN * sizeof(*o->slots));
}

void
own_free(struct own *o)
{
	if (o == NULL)
		return;
	free(o->slots);
	free(o);
}

static uint64_t
turn(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void
sip_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = turn(v[1], 13) ^ v[0];
		v[3] = turn(v[3], 16) ^ v[2];
		v[0] = turn(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = turn(v[1], 17) ^ v[2];
		v[3] = turn(v[3], 21) ^ v[0];
		v[2] = turn(v[2], 32);
	}
}

static void
sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_rounds(v, 1);
	v[0] ^= word;
}

/* SipHash-1-3 of the directory, the name and its length; never 0. */
static uint64_t
hash_of(const struct own *o, uint64_t dir, const char *name)
{
	uint64_t v[4], word;
	size_t at, len = strlen(name), n;

	v[0] = o->key[0] ^ 0x736f6d6570736575U;
	v[1] = o->key[1] ^ 0x646f72616e646f6dU;
	v[2] = o->key[0] ^ 0x6c7967656e657261U;
	v[3] = o->key[1] ^ 0x7465646279746573U;
	sip_word(v, dir);
	for (at = 0; at < len; at += n) {
		n = len - at < sizeof(word) ? len - at : sizeof(word);
		word = 0;
		memcpy(&word, name + at, n);
		sip_word(v, word);
	}
	sip_word(v, len);
	v[2] ^= 0xff;
	sip_rounds(v, 3);
	word = v[0] ^ v[1] ^ v[2] ^ v[3];
	return word != 0 ? word : 1;
}

/* Where the hash is, or the empty slot where it would be. */
static uint64_t *
find(const struct own *o, uint64_t hash)
{
	size_t i;

	for (i = hash & (o->nslots - 1); o->slots[i] != 0;
	     i = (i + 1) & (o->nslots - 1))
		if (o->slots[i] == hash)
			break;
	return &o->slots[i];
}

static void
move(struct own *o, size_t i)
{
	uint64_t hash = o->slots[i];

	o->slots[i] = 0;
	*find(o, hash) = hash;
}

/*
 * Twice the slots, without a second table beside the first.  Each hash moves
 * down, or as far up as there is room: none passes one that has still to move.
 * For that the ones at the start whose place is at the end come last.
 */
static int
grow(struct own *o)
{
	size_t first = 0, i, n = o->nslots;
	uint64_t *slots;

	if ((slots = realloc(o->slots, 2 * n * sizeof(*slots))) == NULL)
		return -1;
	memset(slots + n, 0, n * sizeof(*slots));
	o->slots = slots;
	o->nslots = 2 * n;
	while (slots[first] != 0)
		first++;
	for (i = first; i < n; i++)
		if (slots[i] != 0)
			move(o, i);
	for (i = 0; i < first; i++)
		move(o, i);
	return 0;
}

int
own_add(struct own *o, uint64_t dir, const char *name)
{
	uint64_t hash = hash_of(o, dir, name), *slot = find(o, hash);

	if (*slot != 0)
		return 1;
	/* at seven eighths a search takes some 30 steps, all in a row */
	if (o->n >= o->nslots / 8 * 7) {
		if (grow(o) == -1)
			return -1;
		slot = find(o, hash);
	}
	*slot = hash;
	o->n++;
	return 0;
}

int
own_has(const struct own *o, uint64_t dir, const char *name)
{
	return *find(o, hash_of(o, dir, name)) != 0;
}
