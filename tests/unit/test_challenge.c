/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "challenge.h"
#include "token.h"

static void
same(const char *found, const char *want)
{
	if (want == NULL)
		assert_null(found);
	else {
		assert_non_null(found);
		assert_string_equal(found, want);
	}
}

static void
is(const char *text, enum challenge_scheme scheme, const char *realm,
    const char *service, const char *scope)
{
	struct challenge c = {0};

	assert_int_equal(challenge_add(&c, text), 0);
	assert_int_equal(c.scheme, scheme);
	same(c.realm, realm);
	same(c.service, service);
	same(c.scope, scope);
	challenge_clear(&c);
}

static void
bad(const char *text)
{
	struct challenge c = {0};

	assert_int_equal(challenge_add(&c, text), -1);
	challenge_clear(&c);
}

static void
bearer(void **state)
{
	(void)state;
	is("Bearer realm=\"https://auth.docker.io/token\","
	   "service=\"registry.docker.io\","
	   "scope=\"repository:samalba/my-app:pull,push\"",
	    CHALLENGE_BEARER, "https://auth.docker.io/token",
	    "registry.docker.io", "repository:samalba/my-app:pull,push");
	is("bearer REALM=\"https://a/t?x=1\" , Service=\"s\"", CHALLENGE_BEARER,
	    "https://a/t?x=1", "s", NULL);
	is("Bearer realm=\"https://nvcr.io/proxy_auth\","
	   "scope=\"repository:nvidia/cuda:pull\"",
	    CHALLENGE_BEARER, "https://nvcr.io/proxy_auth", NULL,
	    "repository:nvidia/cuda:pull");
	is("Bearer realm=\"https://a/t\",service=\"s\","
	   "scope=\"repository:a/b:pull repository:c/d:pull\"",
	    CHALLENGE_BEARER, "https://a/t", "s",
	    "repository:a/b:pull repository:c/d:pull");
	is("Bearer realm=\"https://a/t\",service=\"host:5000\","
	   "scope=\"repository:host:5000/a/b:pull\"",
	    CHALLENGE_BEARER, "https://a/t", "host:5000",
	    "repository:host:5000/a/b:pull");
	is("Bearer error=\"invalid_token\",realm=\"https://a/t\"",
	    CHALLENGE_BEARER, "https://a/t", NULL, NULL);
	is("Bearer  realm = https://a/t , , service\t=\ts,", CHALLENGE_BEARER,
	    "https://a/t", "s", NULL);
}

static void
basic(void **state)
{
	(void)state;
	is("Basic realm=\"Registry \\\"X\\\", private\"", CHALLENGE_BASIC,
	    "Registry \"X\", private", NULL, NULL);
	is("Basic", CHALLENGE_BASIC, NULL, NULL, NULL);
	is("Basic realm=plain", CHALLENGE_BASIC, "plain", NULL, NULL);
	is("BASIC realm=\"r\", charset=\"UTF-8\"", CHALLENGE_BASIC, "r", NULL,
	    NULL);
}

static void
several(void **state)
{
	static const char *const lines[] = {"Negotiate", "Basic realm=\"r\"",
	    "Bearer realm=\"https://a/t\",service=\"s\""};
	struct challenge c = {0};
	size_t i;

	(void)state;
	is("Negotiate, Basic realm=\"r\", "
	   "Bearer realm=\"https://a/t\",service=\"s\"",
	    CHALLENGE_BEARER, "https://a/t", "s", NULL);
	is("Bearer realm=\"https://a/t\", Basic realm=\"r\"", CHALLENGE_BEARER,
	    "https://a/t", NULL, NULL);
	is("Negotiate YIIabc+/==, Basic realm=\"r\"", CHALLENGE_BASIC, "r",
	    NULL, NULL);
	is("Negotiate", CHALLENGE_NONE, NULL, NULL, NULL);
	is("Digest realm=\"d\", qop=\"auth, auth-int\", nonce=x, Basic",
	    CHALLENGE_BASIC, NULL, NULL, NULL);
	for (i = 0; i < 3; i++)
		assert_int_equal(challenge_add(&c, lines[i]), 0);
	assert_int_equal(c.scheme, CHALLENGE_BEARER);
	assert_string_equal(c.realm, "https://a/t");
	assert_string_equal(c.service, "s");
	challenge_clear(&c);
}

static void
malformed(void **state)
{
	struct challenge c = {0};

	(void)state;
	bad("");
	bad(" , ");
	bad("Bearer realm=\"\"");
	bad("Bearer realm=");
	bad("Bearer");
	bad("Bearer realm=\"https://a/t");
	bad("Bearer realm=\"https://a/t\\");
	bad("Bearer realm=\"a\001b\"");
	bad("Bearer realm=\"https://a/t\" garbage");
	bad("=x");
	bad("\"quoted\"");
	/* what stands before the mistake counts */
	assert_int_equal(
	    challenge_add(&c, "Basic realm=\"r\", Bearer x=\""), -1);
	assert_int_equal(c.scheme, CHALLENGE_BASIC);
	challenge_clear(&c);
}

static int
realm(const char *registry, const char *text)
{
	struct http_origin o;
	const char *why = NULL;
	int rc;

	assert_int_equal(http_origin(registry, &o), 0);
	rc = token_realm_ok(&o, text, &why);
	assert_true(rc == 0 || why != NULL);
	return rc;
}

static void
realms(void **state)
{
	static const char *const refused[] = {"http://a/t",
	    "https://127.0.0.1/t", "https://127.1/t", "https://2130706433/t",
	    "https://0x7f.0.0.1/t", "https://[::1]/t",
	    "https://[::ffff:127.0.0.1]/t", "https://169.254.169.254/",
	    "https://[fe80::1]/t", "https://[fe80::1%25eth0]/t",
	    "https://[fd00::1]/t", "https://10.0.0.1/", "https://172.16.0.1/",
	    "https://192.168.1.1/", "https://100.64.0.1/", "https://0.0.0.0/",
	    "https://[::]/", "https://localhost/t", "https://localhost./t",
	    "https://x.localhost/t", "https://user@a/t", "file:///etc/passwd",
	    "gopher://x", "a/t", "", "https://"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (realm("https://r.example", refused[i]) != -1)
			fail_msg("%s", refused[i]);
	assert_int_equal(realm("https://r.example", "https://a.example/t"), 0);
	assert_int_equal(realm("https://r.example", "https://8.8.8.8/t"), 0);
	assert_int_equal(
	    realm("https://r.example", "https://[2001:4860::8]/t"), 0);
	assert_int_equal(
	    realm("https://10.0.0.1:5000", "https://10.0.0.1:5000/token"), 0);
	assert_int_equal(
	    realm("https://10.0.0.1:5000", "https://10.0.0.1/token"), -1);
	assert_int_equal(
	    realm("http://127.0.0.1:5000", "http://127.0.0.1:5000/token"), 0);
	assert_int_equal(
	    realm("http://127.0.0.1:5000", "http://127.0.0.1:5001/token"), -1);
	assert_int_equal(
	    realm("http://127.0.0.1:5000", "http://localhost:5001/token"), 0);
	assert_int_equal(realm("http://r.example", "http://a.example/t"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bearer),
	    cmocka_unit_test(basic),
	    cmocka_unit_test(several),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(realms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
