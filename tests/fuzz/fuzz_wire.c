/* See LICENSE. */
#include <sys/mman.h>

#include <unistd.h>

#include "fuzz.h"
#include "wire.h"

struct head {
	uint32_t kind, len;
};

/*
 * Makes no record longer than what is there, or by a byte where it is to be cut
 * short: memory for more is all that comes of a greater length.
 */
static void
mend(uint8_t *p, size_t size, int cut)
{
	struct head h;

	while (size >= sizeof(h)) {
		memcpy(&h, p, sizeof(h));
		p += sizeof(h);
		size -= sizeof(h);
		if (h.len > size && (!cut || h.len <= WIRE_RECORD_MAX)) {
			h.len = (uint32_t)size + (uint32_t)cut;
			memcpy(p - sizeof(h.len), &h.len, sizeof(h.len));
		}
		if (h.len > size)
			return;
		p += h.len;
		size -= h.len;
	}
}

/* What was handed out is a part of the record: of record, len bytes. */
static void
within(const void *record, size_t len, const void *part, size_t n)
{
	touch(part, n);
	must(n <= len && memmem(record, len, part, n) != NULL);
}

static void
check_entry(const void *record, size_t len, const struct layer_entry *e)
{
	size_t i, sum;

	must(e->type <= LAYER_FIFO && (e->mode & ~07777U) == 0);
	must(e->mtime.tv_nsec >= 0 && e->mtime.tv_nsec < 1000000000);
	within(record, len, e->path, strlen(e->path) + 1);
	within(record, len, e->link, strlen(e->link) + 1);
	sum = strlen(e->path) + strlen(e->link) + 2;
	for (i = 0; i < e->nxattrs; i++) {
		const struct layer_xattr *x = &e->xattrs[i];

		within(record, len, x->name, strlen(x->name) + 1);
		within(record, len, x->value, x->size);
		sum += strlen(x->name) + 1 + x->size;
	}
	must(sum <= len);
}

static void
check(const void *record, size_t len, const struct wire_record *r)
{
	switch (r->kind) {
	case WIRE_ENTRY:
		check_entry(record, len, &r->entry);
		return;
	case WIRE_DATA:
		within(record, len, r->data, r->len);
		return;
	case WIRE_FAILED:
	case WIRE_END:
		within(record, len, r->text, strlen(r->text) + 1);
		return;
	}
	abort();
}

static void
read_all(const uint8_t *data, size_t size, int fd)
{
	struct wire_record r;
	struct wire_in *in;
	struct head h;
	size_t at = 0;

	must((in = wire_reader(fd)) != NULL);
	while (wire_next(in, &r) == 1) {
		must(size - at >= sizeof(h));
		memcpy(&h, data + at, sizeof(h));
		at += sizeof(h);
		must(h.len <= size - at);
		check(data + at, h.len, &r);
		at += h.len;
	}
	wire_in_free(in);
}

/* The first byte says how lengths that are too great are mended. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;
	int fd;

	if (size-- == 0)
		return 0;
	must((copy = malloc(size + 1)) != NULL);
	memcpy(copy, data + 1, size);
	mend(copy, size, data[0] & 1);
	must((fd = memfd_create("wire", MFD_CLOEXEC)) != -1);
	must(write(fd, copy, size) == (ssize_t)size && lseek(fd, 0, 0) == 0);
	read_all(copy, size, fd);
	close(fd);
	free(copy);
	return 0;
}
