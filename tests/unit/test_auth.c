/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth.h"

/* base64: alice:secret, bob:s:e, carol:x */
#define ALICE "{\"auth\":\"YWxpY2U6c2VjcmV0\"}"
#define BOB "{\"auth\":\"Ym9iOnM6ZQ==\"}"
#define CAROL "{\"auth\":\"Y2Fyb2w6eA==\"}"

static char helper[AUTH_HELPER_MAX];

static struct auth
look(const char *text, const char *domain, const char *path)
{
	struct auth a;
	const char *why;

	assert_int_equal(
	    auth_lookup(text, strlen(text), 0, domain, path, &a, helper, &why),
	    0);
	return a;
}

static void
user_is(
    const char *text, const char *domain, const char *path, const char *user)
{
	struct auth a = look(text, domain, path);

	if (user == NULL)
		assert_true(auth_none(&a));
	else {
		assert_non_null(a.user);
		assert_string_equal(a.user, user);
	}
	auth_clear(&a);
}

static void
keys(void **state)
{
	static const char text[] = "{\"auths\":{\"r.example\":" ALICE
				   ",\"r.example/a\":" BOB
				   ",\"r.example/a/b\":" CAROL
				   ",\"https://old.example/v1/\":" ALICE
				   ",\"http://plain.example:5000\":" BOB "}}";

	(void)state;
	user_is(text, "r.example", "x", "alice");
	user_is(text, "r.example", NULL, "alice");
	user_is(text, "r.example", "a/x", "bob");
	user_is(text, "r.example", "a/b", "carol");
	user_is(text, "r.example", "a/b/c", "carol");
	user_is(text, "r.example", "ab", "alice");
	user_is(text, "r.example:5000", "a", NULL);
	user_is(text, "example", "a", NULL);
	user_is(text, "old.example", "x/y", "alice");
	user_is(text, "plain.example:5000", "x", "bob");
}

/* /v1 is the protocol's only right behind a host. */
static void
versions(void **state)
{
	static const char text[] = "{\"auths\":{\"r.example/a/v1\":" ALICE
				   ",\"https://r.example/b/v2/\":" BOB
				   ",\"docker.io/me/v1\":" CAROL "}}";

	(void)state;
	user_is(text, "r.example", "a/v1", "alice");
	user_is(text, "r.example", "a/v1/x", "alice");
	user_is(text, "r.example", "a/other", NULL);
	user_is(text, "r.example", "b/v2", "bob");
	user_is(text, "r.example", "b", NULL);
	user_is(text, "docker.io", "me/v1", "carol");
	user_is(text, "docker.io", "me/x", NULL);
}

static void
hub(void **state)
{
	static const char *const names[] = {"https://index.docker.io/v1/",
	    "index.docker.io", "docker.io", "registry-1.docker.io",
	    "https://registry-1.docker.io/v2/"};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strcpy(text, "{\"auths\":{\"");
		strcat(text, names[i]);
		strcat(text, "\":" ALICE "}}");
		user_is(text, "docker.io", "library/redis", "alice");
		user_is(text, "docker.io.example", "library/redis", NULL);
	}
	user_is("{\"auths\":{\"docker.io/me\":" BOB
		",\"https://index.docker.io/v1/\":" ALICE "}}",
	    "docker.io", "me/x", "bob");
	user_is("{\"auths\":{\"docker.io.example\":" BOB "}}", "docker.io",
	    "me/x", NULL);
}

static void
entries(void **state)
{
	struct auth a;

	(void)state;
	a = look("{\"auths\":{\"r\":" BOB "}}", "r", NULL);
	assert_string_equal(a.password, "s:e");
	auth_clear(&a);
	/* "u:p" and a NUL */
	a = look("{\"auths\":{\"r\":{\"auth\":\"dTpwAA==\"}}}", "r", NULL);
	assert_string_equal(a.user, "u");
	assert_string_equal(a.password, "p");
	auth_clear(&a);
	a = look("{\"auths\":{\"r\":{\"auth\":\"dTpw\","
		 "\"identitytoken\":\"refresh\"}}}",
	    "r", NULL);
	assert_string_equal(a.identity, "refresh");
	assert_string_equal(a.user, "u");
	auth_clear(&a);
	a = look(
	    "{\"auths\":{\"r\":{\"registrytoken\":\"ready\"}}}", "r", NULL);
	assert_string_equal(a.bearer, "ready");
	auth_clear(&a);
	a = look("{\"auths\":{\"r\":{\"username\":\"u\",\"password\":\"p\"}}}",
	    "r", NULL);
	assert_string_equal(a.user, "u");
	assert_string_equal(a.password, "p");
	auth_clear(&a);
	/* an empty entry is passed over for a less specific one */
	user_is("{\"auths\":{\"r/a\":{},\"r\":" ALICE "}}", "r", "a", "alice");
	/* so is one for the same host */
	user_is("{\"auths\":{\"r\":{},\"https://r/v1/\":" ALICE
		",\"https://r\":" BOB "}}",
	    "r", "a", "alice");
	user_is("{\"auths\":{\"r\":{\"auth\":\"!!\"}}}", "r", NULL, NULL);
	user_is("{\"auths\":{\"r\":{\"auth\":\"Ym9i\"}}}", "r", NULL, NULL);
	user_is("{\"auths\":{\"r\":\"text\"}}", "r", NULL, NULL);
	user_is("{\"auths\":[]}", "r", NULL, NULL);
	user_is("{}", "r", NULL, NULL);
}

static void
helpers(void **state)
{
	struct auth a;

	(void)state;
	a = look("{\"credHelpers\":{\"r\":\"one\"},\"credsStore\":\"all\","
		 "\"auths\":{\"r\":" ALICE "}}",
	    "r", "x");
	assert_string_equal(helper, "one");
	assert_true(auth_none(&a));
	a = look(
	    "{\"credHelpers\":{\"r\":\"\",\"https://r\":\"two\"}}", "r", "x");
	assert_string_equal(helper, "two");
	a = look("{\"credsStore\":\"all\",\"auths\":{\"r\":{}}}", "r", "x");
	assert_string_equal(helper, "all");
	a = look(
	    "{\"credsStore\":\"all\",\"auths\":{\"r\":" ALICE "}}", "r", "x");
	assert_string_equal(helper, "");
	assert_string_equal(a.user, "alice");
	auth_clear(&a);
}

static void
legacy(void **state)
{
	static const char text[] = "{\"https://r.example/v1/\":" ALICE "}";
	struct auth a;
	const char *why;

	(void)state;
	assert_int_equal(auth_lookup(text, strlen(text), 1, "r.example", "x",
			     &a, helper, &why),
	    0);
	assert_string_equal(a.user, "alice");
	auth_clear(&a);
}

static void
malformed(void **state)
{
	static const char *const bad[] = {
	    "", "{", "[]", "\"x\"", "{\"auths\":{},\"auths\":{}}"};
	struct auth a;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_int_equal(auth_lookup(bad[i], strlen(bad[i]), 0, "r",
				     NULL, &a, helper, &why),
		    -1);
		assert_non_null(why);
	}
}

static void
base64(void **state)
{
	static const char *const want[] = {
	    "Og==", "YTo=", "YTpi", "YTpiYw==", "YTpiY2Q="};
	static const char *const in[][2] = {
	    {"", ""}, {"a", ""}, {"a", "b"}, {"a", "bc"}, {"a", "bcd"}};
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < 5; i++) {
		s = auth_basic(in[i][0], in[i][1]);
		assert_string_equal(s, want[i]);
		free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys),
	    cmocka_unit_test(versions),
	    cmocka_unit_test(hub),
	    cmocka_unit_test(entries),
	    cmocka_unit_test(helpers),
	    cmocka_unit_test(legacy),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
