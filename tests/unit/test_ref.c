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

/* What http:// makes of a host, and of a path. */
static void
accepts_http(const char *text, const char *domain, const char *path)
{
	struct ref r;

	assert_int_equal(ref_parse(text, &r), 0);
	assert_int_equal(r.http, 1);
	assert_string_equal(r.domain, domain);
	assert_string_equal(r.path, path);
	ref_free(&r);
}

static void
plain_http(void **state)
{
	(void)state;
	accepts_http("http://reg.lan:5000/x:1", "reg.lan:5000", "x");
	accepts_http("http://reg.lan/a/b", "reg.lan", "a/b");
	accepts_http("http://localhost/x", "localhost", "x");
	accepts_http("http://Host/x", "Host", "x");
	/* no host without a port, when http:// is gone from its name */
	accepts_http("http://myhost/x", "myhost:80", "x");
	accepts_http("http://library/redis:7", "library:80", "redis");
	accepts_http("http://notdocker.io/x", "notdocker.io", "x");
	accepts_http("http://docker.io.lan/x", "docker.io.lan", "x");
}

/* Nobody speaks to docker.io in clear text by leaving something out. */
static void
plain_http_needs_a_host(void **state)
{
	static const char *const bad[] = {"http://redis", "http://redis:7",
	    "http://localhost", "http://localhost:5000", "http://reg.lan",
	    "http://reg.lan/", "http:///x", "http://my_host/x",
	    ("http://x@sha256:" HEX64), "http://docker.io/library/redis",
	    "http://docker.io:80/x", "http://Docker.IO/x",
	    "http://index.docker.io/a/b", "http://registry-1.docker.io/a/b",
	    "http://docker.io", "http://http://x/y"};
	struct ref r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ref_parse(bad[i], &r) != ST_USAGE)
			fail_msg("accepted: %s", bad[i]);
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
	strcpy(text, "h.io/aa/");
	memset(text + 8, 'b', 66);
	text[74] = '/';
	memset(text + 75, 'a', 181);
	text[256] = '\0';
	assert_int_equal(ref_parse(text, &r), ST_USAGE);
	text[255] = '\0';
	assert_int_equal(ref_parse(text, &r), 0);
	ref_free(&r);
}

/* n times a in a path, and what follows. */
static int
parse_long(const char *before, size_t n, const char *after)
{
	char text[600];
	struct ref r;
	int rc;

	snprintf(text, sizeof(text), "%s%0*d%s", before, (int)n, 0, after);
	if ((rc = ref_parse(text, &r)) == 0)
		ref_free(&r);
	return rc;
}

/* The last part becomes a file name in the store: NAME:TAG, NAME@DIGEST. */
static void
last_part(void **state)
{
	char tag[130] = ":";

	(void)state;
	assert_int_equal(parse_long("h.io/", 183, ""), 0);
	assert_int_equal(parse_long("h.io/", 184, ""), ST_USAGE);
	assert_int_equal(parse_long("h.io/", 237, ""), ST_USAGE);
	assert_int_equal(parse_long("", 183, "@sha256:" HEX64), 0);
	assert_int_equal(parse_long("", 184, "@sha256:" HEX64), ST_USAGE);
	assert_int_equal(parse_long("", 119, "@sha512:" HEX64 HEX64), 0);
	assert_int_equal(parse_long("", 120, "@sha512:" HEX64 HEX64), ST_USAGE);
	assert_int_equal(parse_long("h.io/", 184, "/a"), 0);
	memset(tag + 1, 't', 128);
	assert_int_equal(parse_long("h.io/", 126, tag), 0);
	assert_int_equal(parse_long("h.io/", 127, tag), ST_USAGE);
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
	    cmocka_unit_test(plain_http_needs_a_host),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(lengths),
	    cmocka_unit_test(last_part),
	    cmocka_unit_test(digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
