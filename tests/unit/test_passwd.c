/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fdio.h"
#include "passwd.h"

static const char PASSWD[] = "# users\n"
			     "\n"
			     "+nis::::::\n"
			     "bad:x:12x:0::/bad:/bin/sh\n"
			     "minus:x:-1:0::/minus:/bin/sh\n"
			     "huge:x:4294967295:0::/huge:/bin/sh\n"
			     "short:x:7\n"
			     "root:x:0:0:root:/root:/bin/sh\n"
			     "web:x:1000:1001:Web:/home/web:/bin/sh\n"
			     "web:x:2:2::/second:/bin/sh\n"
			     "twin:x:1000:5::/twin:/bin/sh\n"
			     "1234:x:5:5::/five:/bin/sh\n"
			     "bare:x:9:8\n"
			     "odd:x:10:10::relative:/bin/sh\n"
			     "last:x:4294967294:11::/last:/bin/sh";
static const char GROUP[] = "root:x:0:\n"
			    "bad:x:x:web\n"
			    "webs:x:1001:\n"
			    "a:x:50:x,web\n"
			    "b:x:51:web2,webb,aweb\n"
			    "c:x:52:web,root\n"
			    "own:x:1001:web\n"
			    "www:x:80\n"
			    "www:x:81:\n"
			    "d:x:53:twin,1234\n";

static int
lookup(const char *spec, struct passwd_user *u)
{
	FILE *g = fmemopen((char *)(uintptr_t)GROUP, strlen(GROUP), "r");
	FILE *p = fmemopen((char *)(uintptr_t)PASSWD, strlen(PASSWD), "r");
	int rc;

	assert_non_null(g);
	assert_non_null(p);
	rc = passwd_lookup(p, g, spec, u);
	fclose(g);
	fclose(p);
	return rc;
}

struct row {
	const char *spec;
	uid_t uid;
	gid_t gid;
	const char *home;
	gid_t more[3]; /* groups after gid, ends in 0 */
};

static const struct row good[] = {
    {"", 0, 0, "/root", {52, 0}},
    {"0", 0, 0, "/root", {52, 0}},
    {"root", 0, 0, "/root", {52, 0}},
    {"web", 1000, 1001, "/home/web", {50, 52, 0}},
    {"web:", 1000, 1001, "/home/web", {50, 52, 0}},
    {"1000", 1000, 1001, "/home/web", {50, 52, 0}},
    {"web:www", 1000, 80, "/home/web", {0}},
    {"web:7", 1000, 7, "/home/web", {0}},
    {"1000:www", 1000, 80, "/home/web", {0}},
    {"1000:1001", 1000, 1001, "/home/web", {0}},
    {":www", 0, 80, "/root", {0}},
    {"twin", 1000, 5, "/twin", {53, 0}},
    /* a number is never the name 1234 */
    {"1234", 1234, 0, "/", {0}},
    {"1234:5", 1234, 5, "/", {0}},
    {"5", 5, 5, "/five", {53, 0}},
    {"0012", 12, 0, "/", {0}},
    {"2147483647", 2147483647, 0, "/", {0}},
    {"bare", 9, 8, "/", {0}},
    {"odd", 10, 10, "/", {0}},
    {"last", 4294967294U, 11, "/last", {0}},
};

static void
accepts(void **state)
{
	struct passwd_user u;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(lookup(good[i].spec, &u), 0);
		assert_int_equal(u.uid, good[i].uid);
		assert_int_equal(u.gid, good[i].gid);
		assert_string_equal(u.home, good[i].home);
		for (n = 0; good[i].more[n] != 0; n++) {
			assert_true(u.ngroups > n + 1);
			assert_int_equal(u.groups[n + 1], good[i].more[n]);
		}
		assert_int_equal(u.ngroups, n + 1);
		assert_int_equal(u.groups[0], u.gid);
		passwd_free(&u);
	}
}

static void
refuses(void **state)
{
	static const char *const specs[] = {"nobody", "bad", "minus", "huge",
	    "short", "+nis", "+5", "-1", "2147483648", "4294967295",
	    "4294967296", "18446744073709551616", "99999999999999999999999",
	    "web:nogroup", "web:bad", "web:2147483648", "web:-1", "a:b:c",
	    "web:www:", " web", "# users", "1000 ", "0x0"};
	struct passwd_user u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
		assert_int_equal(lookup(specs[i], &u), -1);
		assert_null(u.home);
		assert_null(u.groups);
	}
}

static void
without_files(void **state)
{
	struct passwd_user u;

	(void)state;
	assert_int_equal(passwd_lookup(NULL, NULL, "1000:1000", &u), 0);
	assert_int_equal(u.uid, 1000);
	assert_int_equal(u.gid, 1000);
	assert_string_equal(u.home, "/");
	passwd_free(&u);
	assert_int_equal(passwd_lookup(NULL, NULL, "", &u), 0);
	assert_int_equal(u.uid, 0);
	passwd_free(&u);
	assert_int_equal(passwd_lookup(NULL, NULL, "web", &u), -1);
	assert_int_equal(passwd_lookup(NULL, NULL, "1:www", &u), -1);
}

static void
groups_with_n_lines(size_t n, int want)
{
	static const char passwd[] = "u:x:7:7::/:\n";
	struct buf b = {0};
	struct passwd_user u;
	FILE *g, *p;
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(buf_addstr(&b, "g:x:9:u\n"), 0);
	g = fmemopen(b.data, b.len, "r");
	p = fmemopen((char *)(uintptr_t)passwd, strlen(passwd), "r");
	assert_int_equal(passwd_lookup(p, g, "u", &u), want);
	if (want == 0)
		assert_int_equal(u.ngroups, n + 1);
	passwd_free(&u);
	fclose(g);
	fclose(p);
	buf_free(&b);
}

static void
many_groups(void **state)
{
	(void)state;
	groups_with_n_lines(1, 0);
	groups_with_n_lines(1000, 0);
	groups_with_n_lines(PASSWD_GROUPS_MAX - 1, 0);
	groups_with_n_lines(PASSWD_GROUPS_MAX, -1);
}

/* A line with a NUL is malformed, not the line before the NUL. */
static void
nul_in_line(void **state)
{
	char passwd[] = "u:x:0:0::/:\0junk\nu:x:7:7::/u:\n";
	struct passwd_user u;
	FILE *p = fmemopen(passwd, sizeof(passwd) - 1, "r");

	(void)state;
	assert_int_equal(passwd_lookup(p, NULL, "u", &u), 0);
	assert_int_equal(u.uid, 7);
	passwd_free(&u);
	fclose(p);
}

static void
too_long(void **state)
{
	struct passwd_user u;
	struct buf b = {0};
	char line[1024];
	FILE *p;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	while (b.len <= PASSWD_FILE_MAX)
		assert_int_equal(buf_add(&b, line, sizeof(line)), 0);
	p = fmemopen(b.data, b.len, "r");
	assert_int_equal(passwd_lookup(p, NULL, "u", &u), -1);
	fclose(p);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(without_files),
	    cmocka_unit_test(many_groups),
	    cmocka_unit_test(nul_in_line),
	    cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests_name("passwd", tests, NULL, NULL);
}
