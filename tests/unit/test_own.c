/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "own.h"

#define MANY 200000

static void
pairs(void **state)
{
	struct own *o = own_new();

	(void)state;
	assert_non_null(o);
	assert_int_equal(own_add(o, 1, "a"), 0);
	assert_int_equal(own_add(o, 1, "a"), 1);
	assert_int_equal(own_add(o, 1, ""), 0);
	assert_true(own_has(o, 1, ""));
	assert_false(own_has(o, 2, "a"));
	assert_false(own_has(o, 1, "b"));
	assert_int_equal(own_add(o, 1, "12345678"), 0);
	assert_false(own_has(o, 1, "123456789"));
	assert_false(own_has(o, 1, "1234567"));
	own_clear(o);
	assert_false(own_has(o, 1, "a"));
	own_free(o);
}

/* Through every growth, all that was added is there and nothing else. */
static void
many(void **state)
{
	struct own *o = own_new();
	char name[32];
	uint64_t i;

	(void)state;
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file-%u", (unsigned)i);
		assert_int_equal(own_add(o, i / 100, name), 0);
	}
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file-%u", (unsigned)i);
		assert_true(own_has(o, i / 100, name));
		assert_false(own_has(o, i / 100 + 1, name));
	}
	own_clear(o);
	assert_false(own_has(o, 0, "file-0"));
	own_free(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pairs),
	    cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
