/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ahead.h"

/* A stream of numbered bytes, in pieces of all sizes. */
struct source {
	size_t at, len;
	ssize_t last; /* what it returns then: 0 or -1 */
	size_t reads;
};

static ssize_t
produce(void *arg, void *buf, size_t size)
{
	struct source *s = arg;
	size_t i, n = s->at % 7919 + 1;

	s->reads++;
	if (s->at == s->len)
		return s->last;
	if (n > size)
		n = size;
	if (n > s->len - s->at)
		n = s->len - s->at;
	for (i = 0; i < n; i++)
		((unsigned char *)buf)[i] = (unsigned char)((s->at + i) % 251);
	s->at += n;
	return (ssize_t)n;
}

static void
takes_with(int thread, size_t total, ssize_t last)
{
	struct source s = {.len = total, .last = last};
	struct ahead *a = ahead_new(produce, &s, thread);
	size_t i, len, at = 0;
	const void *data;
	int r;

	assert_non_null(a);
	while ((r = ahead_next(a, &data, &len)) == 1)
		for (i = 0; i < len; i++, at++)
			assert_int_equal(
			    ((const unsigned char *)data)[i], at % 251);
	assert_int_equal(r, last);
	assert_int_equal(at, total);
	assert_int_equal(ahead_next(a, &data, &len), last);
	ahead_free(a);
}

static void
takes(size_t total, ssize_t last)
{
	takes_with(0, total, last);
	takes_with(1, total, last);
}

static void
all_in_order(void **state)
{
	(void)state;
	takes(0, 0);
	takes(1, 0);
	takes(3000000, 0);
}

static void
an_error_comes_after_what_was_read(void **state)
{
	(void)state;
	takes(0, -1);
	takes(3000000, -1);
}

static void
nothing_is_read_unasked(void **state)
{
	struct source s = {.len = 100};
	struct ahead *a = ahead_new(produce, &s, 1);

	(void)state;
	ahead_free(a);
	assert_int_equal(s.reads, 0);
}

static void
given_up_in_the_middle(void **state)
{
	struct source s = {.len = SIZE_MAX};
	struct ahead *a = ahead_new(produce, &s, 1);
	const void *data;
	size_t len;

	(void)state;
	assert_int_equal(ahead_next(a, &data, &len), 1);
	ahead_free(a);
	ahead_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_in_order),
	    cmocka_unit_test(an_error_comes_after_what_was_read),
	    cmocka_unit_test(nothing_is_read_unasked),
	    cmocka_unit_test(given_up_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
