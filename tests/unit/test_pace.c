/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pace.h"

#define SECOND 1000L

/* Looks once a second until then: whether it came to a halt meanwhile. */
static int
until(struct pace *p, long from, long to)
{
	long now;

	for (now = from + 1; now <= to; now++)
		if (pace_lost(p, now * SECOND))
			return 1;
	return 0;
}

static void
nothing(void **state)
{
	struct pace p;

	(void)state;
	pace_start(&p, 0);
	assert_false(until(&p, 0, 59));
	assert_true(pace_lost(&p, 60 * SECOND));
}

static void
too_little(void **state)
{
	struct pace p;
	int i;

	(void)state;
	pace_start(&p, 0);
	for (i = 0; i < 59; i++) {
		pace_add(&p, 166);
		assert_false(until(&p, i, i + 1));
	}
	/* 9,794 bytes */
	assert_true(pace_lost(&p, 60 * SECOND));
}

static void
enough(void **state)
{
	struct pace p;
	long i;

	(void)state;
	pace_start(&p, 0);
	for (i = 0; i < 10000; i += 59) {
		assert_false(until(&p, i, i + 59));
		pace_add(&p, 9999);
		pace_add(&p, 1);
	}
	pace_add(&p, (size_t)-1);
	assert_false(until(&p, i, i + 59));
}

static void
nobody_looked(void **state)
{
	struct pace p;

	(void)state;
	pace_start(&p, 0);
	assert_false(pace_lost(&p, 3600 * SECOND));
	assert_false(until(&p, 3600, 3654));
	assert_true(until(&p, 3654, 3655));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing),
	    cmocka_unit_test(too_little),
	    cmocka_unit_test(enough),
	    cmocka_unit_test(nobody_looked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
