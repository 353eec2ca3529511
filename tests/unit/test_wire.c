/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "msg.h"
#include "pax.h"
#include "wire.h"

#define DIGEST    \
	"sha256:" \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static FILE *file; /* what the other side has sent */
static struct wire_in *in;
static struct wire_record r;

static int
setup(void **state)
{
	(void)state;
	file = tmpfile();
	return file == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	wire_in_free(in);
	in = NULL;
	return fclose(file);
}

static struct wire_out *
writer(void)
{
	struct wire_out *out = wire_writer(fileno(file));

	assert_non_null(out);
	return out;
}

static void
sent(struct wire_out *out)
{
	assert_int_equal(wire_flush(out), 0);
	wire_out_free(out);
	lseek(fileno(file), 0, SEEK_SET);
	in = wire_reader(fileno(file));
	assert_non_null(in);
}

/* The bytes of a record from number `at' on become these. */
static void
lie(off_t at, const void *bytes, size_t len)
{
	assert_int_equal(pwrite(fileno(file), bytes, len, at), len);
}

static void
lie32(off_t at, uint32_t n)
{
	lie(at, &n, sizeof(n));
}

static struct layer_xattr xattr = {(char[]){"user.a"}, (char[]){"value"}, 5};
static const struct layer_entry entry = {.type = LAYER_FILE,
    .path = "path",
    .link = "",
    .mode = 0644,
    .size = 10,
    .xattrs = &xattr,
    .nxattrs = 1};

static void
send_entry(void)
{
	struct wire_out *out = writer();

	wire_entry(out, &entry);
	sent(out);
}

/* Where the fields are: a record's head, then the entry's fixed part. */
enum {
	KIND = 0,
	LEN = 4,
	TYPE = 8,
	SIZE = 40,
	NSEC = 56,
	NXATTRS = 68,
	PATH = 72,
	LINK = 77,
	NAME = 78,
	VALUE_SIZE = 85,
	VALUE = 89,
	ENTRY_END = 94
};

static void
what_is_sent_arrives(void **state)
{
	struct wire_out *out = writer();

	(void)state;
	wire_entry(out, &entry);
	wire_data(out, "01234", 5, 0);
	wire_data(out, "789", 3, 7);
	wire_end(out, DIGEST, 1, 4096);
	sent(out);
	assert_int_equal(wire_next(in, &r), 1);
	assert_int_equal(r.kind, WIRE_ENTRY);
	assert_string_equal(r.entry.path, "path");
	assert_int_equal(r.entry.size, 10);
	assert_int_equal(r.entry.nxattrs, 1);
	assert_string_equal(r.entry.xattrs[0].name, "user.a");
	assert_int_equal(r.entry.xattrs[0].size, 5);
	assert_memory_equal(r.entry.xattrs[0].value, "value", 5);
	assert_int_equal(wire_next(in, &r), 1);
	assert_memory_equal(r.data, "01234", 5);
	assert_int_equal(wire_next(in, &r), 1);
	assert_int_equal(r.offset, 7);
	assert_int_equal(r.len, 3);
	assert_int_equal(wire_next(in, &r), 1);
	assert_int_equal(r.kind, WIRE_END);
	assert_string_equal(r.text, DIGEST);
	assert_int_equal(r.status, 1);
	assert_int_equal(r.offset, 4096);
	assert_int_equal(wire_next(in, &r), 0);
}

static void
lies_in_an_entry(void **state)
{
	static const struct {
		off_t at;
		uint32_t value;
	} lies[] = {{KIND, 0}, {KIND, 5}, {KIND, UINT32_MAX}, {LEN, 0},
	    {LEN, 63}, {LEN, 64}, {LEN, 70}, {LEN, ENTRY_END - 8 - 1},
	    {LEN, WIRE_RECORD_MAX + 1}, {LEN, UINT32_MAX},
	    {TYPE, LAYER_FIFO + 1}, {TYPE, UINT32_MAX}, {SIZE + 4, 0x80000000},
	    {SIZE + 4, UINT32_MAX}, {NSEC, 1000000000}, {NSEC + 4, UINT32_MAX},
	    {NXATTRS, 0}, {NXATTRS, 2}, {NXATTRS, PAX_XATTRS_MAX + 1},
	    {NXATTRS, UINT32_MAX}, {VALUE_SIZE, 4}, {VALUE_SIZE, 6},
	    {VALUE_SIZE, UINT32_MAX}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		assert_int_equal(ftruncate(fileno(file), 0), 0);
		lseek(fileno(file), 0, SEEK_SET);
		wire_in_free(in);
		send_entry();
		lie32(lies[i].at, lies[i].value);
		if (wire_next(in, &r) != -1)
			/* more is asked for than comes */
			assert_true(lies[i].at == LEN && lies[i].value > 86 &&
				    lies[i].value <= WIRE_RECORD_MAX);
	}
}

static void
a_length_beyond_the_end(void **state)
{
	(void)state;
	send_entry();
	lie32(LEN, WIRE_RECORD_MAX);
	assert_int_equal(wire_next(in, &r), 0);
}

static void
strings_without_an_end(void **state)
{
	(void)state;
	send_entry();
	assert_int_equal(ftruncate(fileno(file), VALUE_SIZE), 0);
	lie32(LEN, VALUE_SIZE - 8);
	lie(PATH, "xxxxxxxxxxxxx", VALUE_SIZE - PATH);
	assert_int_equal(wire_next(in, &r), -1);
}

static void
as_many_attributes_as_can_be(void **state)
{
	struct layer_xattr v[PAX_XATTRS_MAX + 1];
	struct layer_entry e = entry;
	struct wire_out *out = writer();
	size_t i;

	(void)state;
	for (i = 0; i <= PAX_XATTRS_MAX; i++)
		v[i] = xattr;
	e.xattrs = v;
	e.nxattrs = PAX_XATTRS_MAX;
	wire_entry(out, &e);
	e.nxattrs++;
	wire_entry(out, &e);
	sent(out);
	assert_int_equal(wire_next(in, &r), 1);
	assert_int_equal(r.entry.nxattrs, PAX_XATTRS_MAX);
	assert_int_equal(wire_next(in, &r), -1);
}

/* Data of 4 bytes at this offset, after 4 at 2, in a file of 10. */
static int
data_at(enum layer_type type, uint64_t offset, size_t len)
{
	struct layer_entry e = entry;
	struct wire_out *out = writer();

	e.type = type;
	wire_entry(out, &e);
	if (type == LAYER_FILE)
		wire_data(out, "2345", 4, 2);
	wire_data(out, "6789abcdefgh", len, offset);
	sent(out);
	assert_int_equal(wire_next(in, &r), 1);
	if (type == LAYER_FILE)
		assert_int_equal(wire_next(in, &r), 1);
	return wire_next(in, &r);
}

static void
data_within_a_file(void **state)
{
	(void)state;
	assert_int_equal(data_at(LAYER_FILE, 6, 4), 1);
}

static void
data_beyond_a_file(void **state)
{
	(void)state;
	assert_int_equal(data_at(LAYER_FILE, 6, 5), -1);
}

static void
data_behind_a_file(void **state)
{
	(void)state;
	assert_int_equal(data_at(LAYER_FILE, 11, 1), -1);
}

static void
data_far_behind_a_file(void **state)
{
	(void)state;
	assert_int_equal(data_at(LAYER_FILE, UINT64_MAX, 1), -1);
}

static void
data_once_more(void **state)
{
	(void)state;
	assert_int_equal(data_at(LAYER_FILE, 5, 1), -1);
}

static void
data_of_a_directory(void **state)
{
	(void)state;
	assert_int_equal(data_at(LAYER_DIR, 0, 1), -1);
}

static void
data_of_nothing(void **state)
{
	struct wire_out *out = writer();

	(void)state;
	wire_data(out, "x", 1, 0);
	sent(out);
	assert_int_equal(wire_next(in, &r), -1);
}

static void
data_of_no_bytes(void **state)
{
	static const struct {
		uint32_t kind, len;
		uint64_t offset;
	} record = {WIRE_DATA, 8, 0};
	struct wire_out *out = writer();

	(void)state;
	wire_entry(out, &entry);
	sent(out);
	lie(ENTRY_END, &record, sizeof(record));
	assert_int_equal(wire_next(in, &r), 1);
	assert_int_equal(wire_next(in, &r), -1);
}

/* An end, or a failure, that says this. */
static int
end_of(int failed, int status, const char *text)
{
	struct wire_out *out = writer();
	int rc;

	if (failed)
		wire_failed(out, status, text);
	else
		wire_end(out, text, 0, 0);
	sent(out);
	if (!failed)
		lie32(TYPE, (uint32_t)status);
	rc = wire_next(in, &r);
	wire_in_free(in);
	in = NULL;
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	lseek(fileno(file), 0, SEEK_SET);
	return rc;
}

static void
lies_in_the_end(void **state)
{
	char text[WIRE_WHY_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[WIRE_WHY_MAX] = '\0';
	assert_int_equal(end_of(0, 0, DIGEST), 1);
	assert_int_equal(end_of(0, 2, DIGEST), -1);
	assert_int_equal(end_of(0, 0, ""), -1);
	assert_int_equal(end_of(0, 0, "sha256:../../x"), -1);
	assert_int_equal(end_of(0, 0, DIGEST "0"), -1);
	assert_int_equal(end_of(1, ST_REFUSED, "why"), 1);
	assert_int_equal(end_of(1, ST_LOCAL, ""), 1);
	assert_int_equal(end_of(1, 0, "why"), -1);
	assert_int_equal(end_of(1, ST_DENIED, "why"), -1);
	assert_int_equal(end_of(1, -1, "why"), -1);
	assert_int_equal(end_of(1, ST_REFUSED, text), -1);
}

static void
an_end_cut_short(void **state)
{
	struct wire_out *out = writer();
	uint32_t len;

	(void)state;
	wire_end(out, DIGEST, 1, 1);
	sent(out);
	for (len = 0; len < 12 + sizeof(DIGEST); len++) {
		lie32(LEN, len);
		lseek(fileno(file), 0, SEEK_SET);
		assert_int_equal(wire_next(in, &r), -1);
		wire_in_free(in);
		in = wire_reader(fileno(file));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(what_is_sent_arrives),
	    TEST(lies_in_an_entry), TEST(a_length_beyond_the_end),
	    TEST(strings_without_an_end), TEST(as_many_attributes_as_can_be),
	    TEST(data_within_a_file), TEST(data_beyond_a_file),
	    TEST(data_behind_a_file), TEST(data_far_behind_a_file),
	    TEST(data_once_more), TEST(data_of_a_directory),
	    TEST(data_of_nothing), TEST(data_of_no_bytes),
	    TEST(lies_in_the_end), TEST(an_end_cut_short)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
