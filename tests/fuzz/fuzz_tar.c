/* See LICENSE. */
#include "fuzz.h"
#include "tar.h"

struct input {
	const uint8_t *data;
	size_t len, step;
	uint8_t *chunk; /* the last, in memory of its own */
};

/* What a reading came to. */
struct sum {
	uint64_t hash, entries;
	int rc;
	char why[512];
};

static void
add(struct sum *s, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 0; len--)
		s->hash = (s->hash ^ *p++) * 0x100000001b3;
}

static void
add_number(struct sum *s, uint64_t n)
{
	add(s, &n, sizeof(n));
}

/* The next bytes; those before are gone. */
static int
more(void *arg, const void **data, size_t *len)
{
	struct input *in = arg;
	size_t n = in->step < in->len ? in->step : in->len;

	free(in->chunk);
	in->chunk = NULL;
	if (n == 0)
		return 0;
	must((in->chunk = malloc(n)) != NULL);
	memcpy(in->chunk, in->data, n);
	in->data += n;
	in->len -= n;
	*data = in->chunk;
	*len = n;
	return 1;
}

static void
add_entry(struct sum *s, const struct layer_entry *e)
{
	size_t i;

	must(e->type <= LAYER_FIFO && (e->mode & ~07777U) == 0);
	must(e->mtime.tv_nsec >= 0 && e->mtime.tv_nsec < 1000000000);
	add(s, e->path, strlen(e->path) + 1);
	add(s, e->link, strlen(e->link) + 1);
	for (i = 0; i < e->nxattrs; i++) {
		add(s, e->xattrs[i].name, strlen(e->xattrs[i].name) + 1);
		add(s, e->xattrs[i].value, e->xattrs[i].size);
	}
	add_number(s, e->type);
	add_number(s, e->mode);
	add_number(s, e->uid);
	add_number(s, e->gid);
	add_number(s, e->size);
	add_number(s, e->major);
	add_number(s, e->minor);
	add_number(s, (uint64_t)e->mtime.tv_sec);
	s->entries++;
}

/* All data of an entry, in order and within its size.  As tar_data. */
static int
add_data(struct sum *s, struct tar *t, const struct layer_entry *e)
{
	uint64_t offset, end = 0;
	const void *data;
	size_t len;
	int rc;

	while ((rc = tar_data(t, &data, &len, &offset)) == 1) {
		must(e->type == LAYER_FILE && len > 0 && offset >= end);
		must(offset <= e->size && len <= e->size - offset);
		if (offset > end)
			add_number(s, offset);
		end = offset + len;
		add(s, data, len);
	}
	return rc;
}

/* Every second entry's data is left unread when skipping. */
static void
read_all(struct sum *s, const uint8_t *data, size_t len, size_t step, int skip)
{
	struct input in = {data, len, step, NULL};
	struct layer_entry e;
	struct tar *t;

	memset(s, 0, sizeof(*s));
	must((t = tar_new(more, &in)) != NULL);
	while ((s->rc = tar_next(t, &e)) == 1) {
		add_entry(s, &e);
		if (skip && s->entries % 2 == 0)
			continue;
		if ((s->rc = add_data(s, t, &e)) == -1)
			break;
	}
	if (s->rc == 0)
		s->rc = tar_drain(t);
	if (s->rc == -1) {
		must(tar_why(t)[0] != '\0');
		snprintf(s->why, sizeof(s->why), "%s", tar_why(t));
	}
	add_number(s, (uint64_t)tar_marked(t));
	tar_free(t);
	free(in.chunk);
}

/*
 * The first byte says how the rest is cut: whatever it says, the same entries
 * come of it, and the same reason where it is refused.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum cut, whole;
	uint8_t *copy;
	size_t step;

	if (size < 2)
		return 0;
	step = 1 + (size_t)data[0] * 4;
	size--;
	must((copy = malloc(size)) != NULL);
	memcpy(copy, data + 1, size);
	mend_tar(copy, size);
	read_all(&cut, copy, size, step, data[0] & 1);
	read_all(&whole, copy, size, size, data[0] & 1);
	must(cut.rc == whole.rc && cut.hash == whole.hash &&
	     cut.entries == whole.entries && strcmp(cut.why, whole.why) == 0);
	free(copy);
	return 0;
}
