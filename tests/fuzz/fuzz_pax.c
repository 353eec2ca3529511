/* See LICENSE. */
#include "fdio.h"
#include "fuzz.h"
#include "pax.h"

#define RECORDS_MAX 4096

/* Keys, and values that are right and that are not. */
static const struct {
	const char *key, *value, *other;
} known[] = {{"path", "a/b", "/"}, {"linkpath", "a", "../a"},
    {"size", "1", "9223372036854775808"}, {"uid", "0", "-1"},
    {"gid", "0", "4294967296"}, {"mtime", "-1.5", "1.x"},
    {"SCHILY.xattr.user.a", "1", "22"}, {"SCHILY.xattr.", "1", "a=b"},
    {"LIBARCHIVE.xattr.user.%61", "AQID", "A"}, {"GNU.sparse.name", "s", "/"},
    {"GNU.sparse.map", "0,1", "5,1,9,2"}, {"GNU.sparse.offset", "0", "64"},
    {"GNU.sparse.numbytes", "0", "64"}, {"GNU.sparse.major", "1", "2"},
    {"GNU.sparse.minor", "0", "1"}, {"GNU.sparse.size", "1", "64"},
    {"GNU.sparse.realsize", "1", "64"}, {"GNU.sparse.numblocks", "1", "2"}};

#define KNOWN (sizeof(known) / sizeof(known[0]))

/* Appends the record that a byte stands for. */
static void
add_record(struct buf *out, uint8_t byte)
{
	const char *key = known[byte % KNOWN].key, *value = "";
	char text[128];
	int len, n;

	if (byte / KNOWN % 3 != 0)
		value = byte / KNOWN % 3 == 1 ? known[byte % KNOWN].value
					      : known[byte % KNOWN].other;
	n = (int)(strlen(key) + strlen(value)) + 3;
	len = n + (n + 1 < 10 ? 1 : 2);
	must(
	    snprintf(text, sizeof(text), "%d %s=%s\n", len, key, value) == len);
	must(buf_addstr(out, text) == 0);
}

static char *
copy(const void *data, size_t size)
{
	char *p;

	must((p = malloc(size)) != NULL);
	memcpy(p, data, size);
	return p;
}

/* What a pax that was accepted holds. */
static void
check(const struct pax *p)
{
	uint64_t end = 0;
	size_t i;

	must(p->nxattrs <= PAX_XATTRS_MAX && !p->has_offset);
	for (i = 0; i < p->nxattrs; i++) {
		must(p->xattrs[i].name[0] != '\0');
		touch_string(p->xattrs[i].name);
		touch(p->xattrs[i].value, p->xattrs[i].size);
	}
	must(p->map.n <= p->map.cap && p->map.n <= PAX_STRETCHES_MAX);
	must(p->map.n == 0 || p->form == PAX_PAIRS || p->form == PAX_LIST);
	must(p->form == PAX_NO_MAP || p->sparse);
	for (i = 0; i < p->map.n; i++) {
		must(p->map.v[i].offset >= end);
		end = p->map.v[i].offset + p->map.v[i].size;
		must(end >= p->map.v[i].offset && end <= INT64_MAX);
	}
	if (p->path != NULL)
		touch_string(p->path);
	if (p->linkpath != NULL)
		touch_string(p->linkpath);
	if (p->name != NULL)
		touch_string(p->name);
	must(!p->has_mtime ||
	     (p->mtime.tv_nsec >= 0 && p->mtime.tv_nsec < 1000000000));
}

/*
 * Of an odd first byte the rest is records; else each byte is a record with the
 * right length, so that what they come to together is tried.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = {0};
	struct pax p = {0};
	char *one, *other;
	size_t i;

	if (size < 2 || size > RECORDS_MAX)
		return 0;
	if (data[0] & 1)
		must(buf_add(&text, data + 1, size - 1) == 0);
	else
		for (i = 1; i < size; i++)
			add_record(&text, data[i]);
	one = copy(text.data, text.len);
	other = copy(text.data, text.len);
	if (pax_parse(&p, one, text.len) == NULL)
		check(&p);
	pax_clear(&p);
	pax_global(other, text.len);
	free(one);
	free(other);
	buf_free(&text);
	return 0;
}
