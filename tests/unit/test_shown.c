/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shown.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
url_is(const char *url, const char *shown)
{
	char dst[64];

	assert_string_equal(shown_url(dst, sizeof(dst), url), shown);
}

static void
urls(void **state)
{
	char dst[10];

	(void)state;
	url_is("https://host:5000/v2/x", "https://host:5000/v2/x");
	url_is("https://u:pw@host/x", "https://host/x");
	url_is("https://host/x?X-Amz-Signature=s#f", "https://host/x");
	url_is("https://host/x#f?s", "https://host/x");
	url_is("https://u:p/w@host/x?q", "https://host/x");
	url_is("https://u:p?w@host/x", "https://host/x");
	url_is("https://u:p@w@host/x", "https://host/x");
	url_is("http://u:pw@[bad", "http://[bad");
	url_is("u:pw@host:99999", "host:99999");
	url_is("/x?to=http://y", "/x");
	url_is("//u:pw@host/x", "host/x");
	url_is("", "");
	shown_url(dst, sizeof(dst), "http://long.example");
	assert_string_equal(dst, "http://lo");
}

static void
ref_is(const char *text, const char *shown)
{
	assert_string_equal(shown_ref(text), shown);
}

static void
refs(void **state)
{
	(void)state;
	ref_is("redis:7", "redis:7");
	ref_is("redis@sha256:" HEX64, "redis@sha256:" HEX64);
	ref_is("a/b:c@sha512:12", "a/b:c@sha512:12");
	ref_is("user:pw@host/x", "host/x");
	ref_is("http://user:pw@host/x", "host/x");
	ref_is("user:p@w@host/x", "host/x");
	ref_is("user:p/w@host", "host");
	ref_is("user:pw@host/x@sha256:" HEX64, "host/x@sha256:" HEX64);
	ref_is("user:pw@sha256:5000/x", "sha256:5000/x");
	ref_is("redis@sha256:nothex", "sha256:nothex");
	ref_is("redis@", "");
}

static void
line(void **state)
{
	char dst[300], text[300];

	(void)state;
	assert_string_equal(
	    shown_line(dst, sizeof(dst), " a\r\n\tb c \n"), "a b c");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(strlen(shown_line(dst, sizeof(dst), text)), 198);
	assert_int_equal(strlen(shown_line(dst, 10, text)), 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls),
	    cmocka_unit_test(refs),
	    cmocka_unit_test(line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
