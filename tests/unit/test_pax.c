/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pax.h"

#define OFFSET(n) "GNU.sparse.offset=" n "\n"
#define BYTES(n) "GNU.sparse.numbytes=" n "\n"
#define LIST(v) "GNU.sparse.map=" v "\n"
#define MAJOR(n) "GNU.sparse.major=" n "\n"

static const char mixed[] = "two kinds of sparse map for one entry";
static const char broken[] = "the sparse map is malformed";

/* Writes lines of key=value as records: their length. */
static size_t
records(char *to, size_t size, const char *lines)
{
	size_t at = 0, len, n;

	for (; *lines != '\0'; lines += n) {
		n = strcspn(lines, "\n") + 1;
		for (len = n + 2;
		     (size_t)snprintf(NULL, 0, "%zu ", len) + n != len;)
			len++;
		assert_true(at + len < size);
		at += (size_t)snprintf(
		    to + at, size - at, "%zu %.*s", len, (int)n, lines);
	}
	return at;
}

/* In memory of its very size, so that a sanitizer sees what lies beside it. */
static const char *
parse(struct pax *p, const char *lines)
{
	char text[1024], *exact;
	const char *why;
	size_t len;

	len = records(text, sizeof(text), lines);
	assert_non_null(exact = malloc(len + 1));
	memcpy(exact, text, len);
	memset(p, 0, sizeof(*p));
	why = pax_parse(p, exact, len);
	free(exact);
	return why;
}

static void
refused(void **state)
{
	static const struct {
		const char *lines, *why;
	} cases[] = {
	    {OFFSET("0") LIST("") BYTES("64"), mixed},
	    {OFFSET("0") LIST("0,1") BYTES("64"), mixed},
	    {OFFSET("0") BYTES("1") LIST("") BYTES("64"), mixed},
	    {OFFSET("0") LIST(""), mixed},
	    {OFFSET("0") MAJOR("1") BYTES("64"), mixed},
	    {LIST("") OFFSET("0") BYTES("64"), mixed},
	    {MAJOR("1") OFFSET("0"), mixed},
	    {MAJOR("1") LIST(""), mixed},
	    {BYTES("64"), broken},
	    {OFFSET("0"), broken},
	    {OFFSET("0") OFFSET("0") BYTES("64"), broken},
	    {OFFSET("0") BYTES("64") BYTES("64"), broken},
	    {OFFSET("0") BYTES("1") "GNU.sparse.numblocks=2\n", broken},
	    {OFFSET("4") BYTES("1") OFFSET("0") BYTES("1"),
		"the sparse map is out of order"},
	    {OFFSET(""), "a pax number is malformed"},
	    {OFFSET("0") BYTES(""), "a pax number is malformed"},
	};
	struct pax p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(parse(&p, cases[i].lines), cases[i].why);
		pax_clear(&p);
	}
}

static void
pairs(void **state)
{
	struct pax p;

	(void)state;
	assert_null(parse(&p, OFFSET("0") BYTES("1") OFFSET("8") BYTES("2")));
	assert_int_equal(p.form, PAX_PAIRS);
	assert_int_equal(p.map.n, 2);
	assert_int_equal(p.map.v[1].offset, 8);
	assert_int_equal(p.map.v[1].size, 2);
	pax_clear(&p);
}

/* The last map counts; an empty one is a map, too. */
static void
lists(void **state)
{
	struct pax p;

	(void)state;
	assert_null(parse(&p, LIST("0,1") LIST("") LIST("4,2,8,1")));
	assert_int_equal(p.form, PAX_LIST);
	assert_int_equal(p.map.n, 2);
	assert_int_equal(p.map.v[0].offset, 4);
	pax_clear(&p);
	assert_null(parse(&p, LIST("0,1") LIST("")));
	assert_int_equal(p.map.n, 0);
	pax_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refused),
	    cmocka_unit_test(pairs),
	    cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
