/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"
#include "platform.h"

static int
rank(const char *want, const char *have)
{
	struct platform h, w;

	assert_int_equal(platform_parse(want, &w), 0);
	assert_int_equal(platform_parse(have, &h), 0);
	return platform_rank(&w, &h);
}

static void
is(const char *text, const char *normal)
{
	char s[PLATFORM_STR];
	struct platform p;

	assert_int_equal(platform_parse(text, &p), 0);
	assert_string_equal(platform_str(&p, s), normal);
}

static void
aliases(void **state)
{
	(void)state;
	is("linux/x86_64", "linux/amd64");
	is("Linux/X86-64", "linux/amd64");
	is("linux/amd64/v1", "linux/amd64");
	is("linux/i686", "linux/386");
	is("linux/aarch64", "linux/arm64");
	is("linux/arm64/v8", "linux/arm64");
	is("linux/arm64/8", "linux/arm64");
	is("linux/arm64/9", "linux/arm64/v9");
	is("linux/arm", "linux/arm/v7");
	is("linux/arm/7", "linux/arm/v7");
	is("linux/armhf", "linux/arm/v7");
	is("linux/armel", "linux/arm/v6");
	is("linux/riscv64", "linux/riscv64");
}

static void
ladder(void **state)
{
	(void)state;
	assert_int_equal(rank("linux/amd64", "linux/amd64"), 0);
	assert_int_equal(rank("linux/amd64", "linux/amd64/v3"), -1);
	assert_true(rank("linux/amd64/v3", "linux/amd64/v2") <
		    rank("linux/amd64/v3", "linux/amd64"));
	assert_true(rank("linux/amd64", "linux/386") > 0);
	assert_int_equal(rank("linux/amd64", "linux/arm64"), -1);
	assert_int_equal(rank("linux/amd64", "windows/amd64"), -1);
	assert_int_equal(rank("linux/arm/v7", "linux/arm/v7"), 0);
	assert_true(rank("linux/arm/v7", "linux/arm/v6") <
		    rank("linux/arm/v7", "linux/arm/v5"));
	assert_int_equal(rank("linux/arm/v6", "linux/arm/v7"), -1);
	assert_true(rank("linux/arm64", "linux/arm/v7") <
		    rank("linux/arm64", "linux/arm/v6"));
	assert_true(rank("linux/arm64/v9", "linux/arm64") > 0);
	assert_true(rank("linux/arm64/v9.2", "linux/arm64/v9") <
		    rank("linux/arm64/v9.2", "linux/arm64/v8.7"));
	assert_int_equal(rank("linux/arm64/v9", "linux/arm64/v8.6"), -1);
	assert_int_equal(rank("linux/386", "linux/amd64"), -1);
}

static void
bad(void **state)
{
	static const char *const text[] = {"", "linux", "linux/", "/amd64",
	    "linux/amd64/", "linux/arm/v7/x", "linux//v7", "li nux/amd64",
	    "linux/amd64\n", "linux/\""};
	struct platform p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (platform_parse(text[i], &p) != ST_USAGE)
			fail_msg("accepted: %s", text[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aliases),
	    cmocka_unit_test(ladder),
	    cmocka_unit_test(bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
