/* See LICENSE. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "fdio.h"

static char dir[64];
static int dirfd_;

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/chr-test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
	return dirfd_ == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"a", "cmd", "link", "fifo"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(dirfd_, names[i], 0);
	close(dirfd_);
	return rmdir(dir);
}

static void
round_trip(void **state)
{
	char *in[] = {
	    (char *)"sh", (char *)"-c", (char *)"", (char *)"a\nb", NULL};
	char **out;
	size_t i;

	(void)state;
	assert_int_equal(config_write(dirfd_, "cmd", in), 0);
	out = config_read(dirfd_, "cmd");
	assert_non_null(out);
	for (i = 0; in[i] != NULL; i++)
		assert_string_equal(in[i], out[i]);
	assert_null(out[i]);
	free(out);
}

static void
by_hand(void **state)
{
	char **v, *s;

	(void)state;
	assert_int_equal(fdio_save(dirfd_, "a", "x\0y", 3, 0), 0);
	v = config_read(dirfd_, "a");
	assert_string_equal(v[0], "x");
	assert_string_equal(v[1], "y");
	assert_null(v[2]);
	free(v);
	assert_int_equal(config_write(dirfd_, "a", NULL), 0);
	v = config_read(dirfd_, "a");
	assert_non_null(v);
	assert_null(v[0]);
	free(v);
	s = config_read1(dirfd_, "a");
	assert_string_equal(s, "");
	free(s);
}

static void
not_files(void **state)
{
	char *s;

	(void)state;
	assert_null(config_read(dirfd_, "none"));
	assert_int_equal(errno, ENOENT);
	s = config_read1(dirfd_, "none");
	assert_string_equal(s, "");
	free(s);
	assert_int_equal(symlinkat("/etc/passwd", dirfd_, "link"), 0);
	assert_null(config_read(dirfd_, "link"));
	assert_int_equal(errno, ELOOP);
	assert_int_equal(mkfifoat(dirfd_, "fifo", 0600), 0);
	assert_null(config_read(dirfd_, "fifo"));
	assert_int_equal(errno, EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(by_hand),
	    cmocka_unit_test(not_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
