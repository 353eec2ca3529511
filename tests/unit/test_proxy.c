/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy.h"

static const char *const all[] = {"http_proxy", "HTTP_PROXY", "https_proxy",
    "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};

static int
forget(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		unsetenv(all[i]);
	return 0;
}

static const char *
proxy_of(const char *url, const char **name)
{
	struct http_origin o;

	assert_int_equal(http_origin(url, &o), 0);
	return proxy_find(&o, name);
}

static void
is(const char *url, const char *want, const char *variable)
{
	const char *name, *s = proxy_of(url, &name);

	assert_non_null(s);
	assert_string_equal(s, want);
	assert_string_equal(name, variable);
}

static void
variables(void **state)
{
	const char *name;

	(void)state;
	assert_null(proxy_of("https://r.example/", &name));
	setenv("HTTP_PROXY", "cgi", 1);
	assert_null(proxy_of("http://r.example/", &name));
	setenv("ALL_PROXY", "A", 1);
	is("http://r.example/", "A", "ALL_PROXY");
	setenv("all_proxy", "a", 1);
	is("https://r.example/", "a", "all_proxy");
	setenv("HTTPS_PROXY", "S", 1);
	is("https://r.example/", "S", "HTTPS_PROXY");
	setenv("https_proxy", "", 1);
	is("https://r.example/", "S", "HTTPS_PROXY");
	setenv("https_proxy", "s", 1);
	is("https://r.example/", "s", "https_proxy");
	setenv("http_proxy", "h", 1);
	is("http://r.example/", "h", "http_proxy");
	assert_null(proxy_of("http://127.0.0.1:5000/", &name));
	assert_null(proxy_of("https://localhost/", &name));
	assert_null(proxy_of("http://[::1]/", &name));
}

static int
direct(const char *list, const char *url)
{
	const char *name;

	setenv("all_proxy", "a", 1);
	setenv("no_proxy", list, 1);
	return proxy_of(url, &name) == NULL;
}

static void
exceptions(void **state)
{
	static const char r[] = "http://r.example:5000/";

	(void)state;
	assert_true(direct("*", r));
	assert_true(direct("x,r.example", r));
	assert_true(direct("x r.example", r));
	assert_true(direct(".example", r));
	assert_true(direct("EXAMPLE.", r));
	assert_false(direct("ample, example.r,*,.,,", r));
	assert_false(direct("r.example.x", r));
	assert_true(direct("10.0.0.0/8", "http://10.1.2.3/"));
	assert_true(direct("10.1.2.3", "http://10.1.2.3/"));
	assert_true(direct("10.1.2.0/23", "http://10.1.3.3/"));
	assert_false(direct("10.1.2.0/23", "http://10.1.4.3/"));
	assert_false(direct("10.1.2.3/33", "http://10.1.2.3/"));
	assert_false(direct("10.1.2.3/x", "http://10.1.2.3/"));
	assert_false(direct("2.3", "http://10.1.2.3/"));
	assert_false(direct("0.0.0.0/0", r));
	assert_true(direct("fd00::/8", "http://[fd12::1]/"));
	assert_true(direct("[fd12::1]", "http://[fd12::1]/"));
	assert_false(direct("10.0.0.0/0", "http://[fd12::1]/"));
}

static void
both_cases(void **state)
{
	const char *name;

	(void)state;
	setenv("all_proxy", "a", 1);
	setenv("NO_PROXY", "r.example", 1);
	assert_null(proxy_of("http://r.example/", &name));
	setenv("no_proxy", "other", 1);
	is("http://r.example/", "a", "all_proxy");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(variables, forget),
	    cmocka_unit_test_setup(exceptions, forget),
	    cmocka_unit_test_setup(both_cases, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
