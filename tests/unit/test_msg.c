/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "msg.h"

static void
shows(const char *raw, const char *shown)
{
	char dst[256];

	assert_string_equal(msg_escape(dst, sizeof(dst), raw), shown);
}

static void
escapes(void **state)
{
	(void)state;
	shows("plain text: 7", "plain text: 7");
	shows("caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x90\xb3",
	    "caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x90\xb3");
	shows("\033[2Jx", "\\033[2Jx");
	shows("a\nb\tc\rd\177", "a\\012b\\011c\\015d\\177");
	shows("\\", "\\\\");
	shows("latin \xe9", "latin \\351");
	shows("\xc2\x9b"
	      "31m",
	    "\\302\\23331m");
	shows("\xe2\x80\xae"
	      "evil",
	    "\\342\\200\\256evil");
	shows("\xc0\xaf", "\\300\\257");
	shows("\xed\xa0\x80", "\\355\\240\\200");
	shows("\xf4\x90\x80\x80", "\\364\\220\\200\\200");
	shows("cut \xe6\xbc", "cut \\346\\274");
}

static void
cuts(void **state)
{
	char dst[8];

	(void)state;
	memset(dst, 'x', sizeof(dst));
	msg_escape(dst, sizeof(dst), "\1\2\3\4");
	assert_string_equal(dst, "\\001");
}

static void
plain(void **state)
{
	(void)state;
	assert_true(msg_plain(""));
	assert_true(msg_plain("caf\xc3\xa9 a\\b"));
	assert_false(msg_plain("a\tb"));
	assert_false(msg_plain("\xc2\x9b"
			       "31m"));
	assert_false(msg_plain("\x9b"));
	assert_false(msg_plain("\177"));
}

/* What a child that was taken over sends is no better than any text. */
static void
deferred(void **state)
{
	char text[256];
	int err = dup(2), fds[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], 2);
	msg_deferred("a\\b caf\xc3\xa9\n\033[2Jx\\y\nno end");
	dup2(err, 2);
	n = read(fds[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "test_msg: a\\b caf\xc3\xa9\n"
				  "test_msg: \\033[2Jx\\\\y\n");
	close(fds[0]);
	close(fds[1]);
	close(err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(escapes),
	    cmocka_unit_test(cuts),
	    cmocka_unit_test(plain),
	    cmocka_unit_test(deferred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
