/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "addr.h"

static struct addr
read_addr(const char *text)
{
	struct addr a;

	if (addr_read(text, &a) == -1)
		fail_msg("no address: %s", text);
	return a;
}

static void
is(enum addr_kind kind, const char *text)
{
	if (read_addr(text).kind != kind)
		fail_msg("%s is %s", text, addr_kind(&(struct addr){kind, ""}));
}

static void
kinds(void **state)
{
	(void)state;
	is(ADDR_LINK, "169.254.169.254");
	is(ADDR_LINK, "169.254.0.0");
	is(ADDR_FAR, "169.253.255.255");
	is(ADDR_FAR, "169.255.0.0");
	is(ADDR_LINK, "fe80::1");
	is(ADDR_LINK, "[fe80::1%eth0]");
	is(ADDR_LINK, "febf:ffff::");
	is(ADDR_PRIVATE, "fec0::1");
	is(ADDR_LINK, "::ffff:169.254.169.254");
	is(ADDR_LINK, "::169.254.169.254");
	is(ADDR_LINK, "[64:ff9b::a9fe:a9fe]");
	is(ADDR_LOOPBACK, "127.0.0.1");
	is(ADDR_LOOPBACK, "127.255.255.255");
	is(ADDR_LOOPBACK, "0.0.0.0");
	is(ADDR_LOOPBACK, "0.1.2.3");
	is(ADDR_LOOPBACK, "::");
	is(ADDR_LOOPBACK, "[::1]");
	is(ADDR_LOOPBACK, "::ffff:127.0.0.1");
	is(ADDR_LOOPBACK, "::ffff:0.0.0.0");
	is(ADDR_LOOPBACK, "64:ff9b::127.0.0.1");
	is(ADDR_PRIVATE, "10.1.2.3");
	is(ADDR_PRIVATE, "172.31.0.1");
	is(ADDR_PRIVATE, "192.168.0.1");
	is(ADDR_PRIVATE, "100.127.0.1");
	is(ADDR_PRIVATE, "239.1.2.3");
	is(ADDR_PRIVATE, "::ffff:192.168.0.1");
	is(ADDR_PRIVATE, "fd00::1");
	is(ADDR_PRIVATE, "ff02::1");
	is(ADDR_FAR, "192.0.2.1");
	is(ADDR_FAR, "172.32.0.1");
	is(ADDR_FAR, "100.128.0.1");
	is(ADDR_FAR, "2001:db8::1");
}

static void
names(void **state)
{
	static const char *const bad[] = {"localhost", "127.0.0.1.example",
	    "127.1", "", "[", "[::1.example]",
	    "1111111111111111111111111111111111111111111111111111111111111111"};
	struct addr a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (addr_read(bad[i], &a) == 0)
			fail_msg("an address: %s", bad[i]);
}

static void
sockets(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr other = {.sa_family = AF_UNIX};
	struct addr a, want = read_addr("::ffff:169.254.1.2");

	(void)state;
	inet_pton(AF_INET, "169.254.1.2", &in.sin_addr);
	assert_int_equal(addr_of((struct sockaddr *)&in, &a), 0);
	assert_memory_equal(&a, &want, sizeof(a));
	inet_pton(AF_INET6, "::1", &in6.sin6_addr);
	assert_int_equal(addr_of((struct sockaddr *)&in6, &a), 0);
	assert_int_equal(a.kind, ADDR_LOOPBACK);
	assert_int_equal(addr_of(&other, &a), -1);
}

static int
may(const char *from, const char *to)
{
	struct addr f = read_addr(from), t = read_addr(to);

	return addr_may_send(&f, &t);
}

static void
sending(void **state)
{
	const struct addr unknown = {ADDR_FAR, ""};
	struct addr to;

	(void)state;
	assert_true(may("192.0.2.1", "2001:db8::1"));
	assert_true(may("192.0.2.1", "10.0.0.1"));
	assert_true(may("127.0.0.1", "10.0.0.1"));
	assert_true(may("127.0.0.1", "::1"));
	assert_true(may("127.0.0.1", "0.0.0.0"));
	assert_false(may("192.0.2.1", "127.0.0.1"));
	assert_false(may("10.0.0.1", "::1"));
	assert_false(may("169.254.1.1", "127.0.0.1"));
	assert_false(may("127.0.0.1", "169.254.169.254"));
	assert_false(may("10.0.0.1", "fe80::1"));
	assert_false(may("169.254.1.1", "169.254.169.254"));
	assert_true(may("169.254.1.1", "::ffff:169.254.1.1"));
	to = read_addr("127.0.0.1");
	assert_false(addr_may_send(&unknown, &to));
	to = read_addr("::");
	assert_int_equal(to.kind, ADDR_LOOPBACK);
	assert_false(addr_may_send(&unknown, &to));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kinds),
	    cmocka_unit_test(names),
	    cmocka_unit_test(sockets),
	    cmocka_unit_test(sending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
