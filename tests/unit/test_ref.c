/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "msg.h"
#include "ref.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
accepts(const char *text, const char *domain, const char *path, const char *tag,
    const char *digest)
{
	struct ref r;

	assert_int_equal(ref_parse(text, &r), 0);
	assert_string_equal(r.domain, domain);
	assert_string_equal(r.path, path);
	if (tag == NULL)
		assert_null(r.tag);
	else
		assert_string_equal(r.tag, tag);
	assert_string_equal(r.digest, digest);
	ref_free(&r);
}

static void
normal_form(void **state)
{
	(void)state;
	accepts("redis", "docker.io", "library/redis", "latest", "");
	accepts("redis:7", "docker.io", "library/redis", "7", "");
	accepts("a/b", "docker.io", "a/b", "latest", "");
	accepts("docker.io/redis", "docker.io", "library/redis", "latest", "");
	accepts("index.docker.io/a/b", "docker.io", "a/b", "latest", "");
	accepts("docker://redis", "docker.io", "library/redis", "latest", "");
	accepts("localhost/x", "localhost", "x", "latest", "");
	accepts("localhost:5000/x", "localhost:5000", "x", "latest", "");
	accepts("a.b.c:5000/x", "a.b.c:5000", "x", "latest", "");
	accepts("[::1]:5000/x", "[::1]:5000", "x", "latest", "");
	accepts("Host/x", "Host", "x", "latest", "");
	accepts("docker---rules/docker", "docker.io", "docker---rules/docker",
	    "latest", "");
	accepts(
	    "dock__er/docker", "docker.io", "dock__er/docker", "latest", "");
	accepts("ghcr.io/o/n@sha256:" HEX64, "ghcr.io", "o/n", NULL,
	    "sha256:" HEX64);
	accepts("x:tag@sha256:" HEX64, "docker.io", "library/x", "tag",
	    "sha256:" HEX64);
	accepts("x:A_b.c-9", "docker.io", "library/x", "A_b.c-9", "");
}

static void
plain_http(void **state)
{
	struct ref r;

	(void)state;
	assert_int_equal(ref_parse("http://reg.lan:5000/x:1", &r), 0);
	assert_int_equal(r.http, 1);
	assert_string_equal(r.domain, "reg.lan:5000");
	ref_free(&r);
}

static void
refuses(void **state)
{
	static const char *const bad[] = {"", "https://x/y", "docker/Docker",
	    "-docker", "docker-/x", "docker///docker", "dock..er", "dock_.er",
	    "dock___er", "docker/", "/docker", "a:", "a@", "@", ":",
	    "a@sha256:zz", "a@sha256:" HEX64 "0", "a@md5:" HEX64,
	    "a@SHA256:" HEX64, HEX64, "a b", "a\nb", "a/../b", "../a",
	    "a:tag:tag", "a:.tag", "a:-tag", "h.o:99999/x", "h.o:/x", "[::1/x",
	    "[]:1/x", "a..b.c/x", "-a.b/x", "a.b-/x", "x:\xc3\xa9", "http://",
	    "docker://"};
	struct ref r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ref_parse(bad[i], &r) != ST_USAGE)
			fail_msg("accepted: %s", bad[i]);
}

static void
lengths(void **state)
{
	char text[600];
	struct ref r;

	(void)state;
	strcpy(text, "x:");
	memset(text + 2, 'a', 129);
	text[131] = '\0';
	assert_int_equal(ref_parse(text, &r), ST_USAGE);
	text[130] = '\0';
	assert_int_equal(ref_parse(text, &r), 0);
	ref_free(&r);
	strcpy(text, "h.io/");
	memset(text + 5, 'a', 251);
	text[256] = '\0';
	assert_int_equal(ref_parse(text, &r), ST_USAGE);
	text[255] = '\0';
	assert_int_equal(ref_parse(text, &r), 0);
	ref_free(&r);
}

static void
digests(void **state)
{
	(void)state;
	assert_true(ref_digest_ok("sha256:" HEX64));
	assert_true(ref_digest_ok("sha512:" HEX64 HEX64));
	assert_false(ref_digest_ok("sha512:" HEX64));
	assert_false(ref_digest_ok("sha256:../../../../../../../../../../../"
				   "../../../../../../../../../../etc/pass"));
	assert_false(ref_digest_ok(""));
	assert_false(ref_digest_ok(HEX64));
	assert_string_equal(ref_digest_hex("sha256:" HEX64), HEX64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(normal_form),
	    cmocka_unit_test(plain_http),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(lengths),
	    cmocka_unit_test(digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
