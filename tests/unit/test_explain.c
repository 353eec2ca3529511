/* See LICENSE. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "explain.h"
#include "fdio.h"

static char dir[64], path[80];

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/chr-test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/x", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
put(const void *data, size_t len, mode_t mode)
{
	FILE *fp;

	unlink(path);
	fp = fopen(path, "w");
	assert_non_null(fp);
	assert_int_equal(fwrite(data, 1, len, fp), len);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
says(int err, const char *want)
{
	char *got = explain_exec(path, err);

	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void
scripts(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *want;
	} rows[] = {
	    {"#!/no/such -x\n", ENOENT,
		"needs the interpreter /no/such, which is not in the root"},
	    {"#! \t/no/such\n", ENOENT,
		"needs the interpreter /no/such, which is not in the root"},
	    {"#!/no/such", ENOENT,
		"needs the interpreter /no/such, which is not in the root"},
	    {"#!/bin/sh\r\necho\r\n", ENOENT,
		"its first line ends in CR: a text file with DOS line ends"},
	    {"#!\n", ENOEXEC, "names no interpreter after #!"},
	    {"#!/etc\n", EACCES, "its interpreter /etc: is a directory"},
	    {"#!/etc/passwd\n", ENOEXEC,
		"its interpreter /etc/passwd: is neither a program nor a "
		"script that begins with #!"},
	    {"", ENOEXEC, "is an empty file"},
	    {"echo hi\n", ENOEXEC,
		"is neither a program nor a script that begins with #!"},
	    {"x", ENOENT, "No such file or directory"},
	    {"x", E2BIG, "Argument list too long"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put(rows[i].text, strlen(rows[i].text), 0755);
		says(rows[i].err, rows[i].want);
	}
}

/* Scripts that are each other's interpreter end. */
static void
loop(void **state)
{
	char text[100];

	(void)state;
	snprintf(text, sizeof(text), "#!%s\n", path);
	put(text, strlen(text), 0755);
	free(explain_exec(path, ENOEXEC));
	free(explain_exec(path, ENOENT));
}

static void
files(void **state)
{
	(void)state;
	unlink(path);
	says(ENOENT, "No such file or directory");
	assert_int_equal(symlink("/no/such", path), 0);
	says(ENOENT, "is a link to /no/such, which is not in the root");
	unlink(path);
	assert_int_equal(mkdir(path, 0755), 0);
	says(EACCES, "is a directory");
	rmdir(path);
	assert_int_equal(mkfifo(path, 0755), 0);
	says(EACCES, "is not a regular file");
	says(ENOENT, "No such file or directory");
}

/* An ELF file of the given width and byte order with a PT_INTERP segment. */
static size_t
make_elf(
    unsigned char *b, int wide, int big, unsigned machine, const char *interp)
{
	size_t head = wide ? 64 : 52, ph = wide ? 56 : 32;
	size_t len = strlen(interp) + 1;
	size_t at[][3] = {
	    {18, 2, machine},
	    {wide ? 32 : 28, wide ? 8 : 4, head},
	    {wide ? 54 : 42, 2, ph},
	    {wide ? 56 : 44, 2, 2},
	    {head, 4, 1}, /* PT_LOAD */
	    {head + ph, 4, 3},
	    {head + ph + (wide ? 8 : 4), wide ? 8 : 4, head + 2 * ph},
	    {head + ph + (wide ? 32 : 16), wide ? 8 : 4, len},
	};
	size_t i, j, k;

	memset(b, 0, 512);
	memcpy(b, "\177ELF", 4);
	b[4] = wide ? 2 : 1;
	b[5] = big ? 2 : 1;
	for (i = 0; i < sizeof(at) / sizeof(*at); i++)
		for (j = 0; j < at[i][1]; j++) {
			k = big ? at[i][1] - 1 - j : j;
			b[at[i][0] + k] = (unsigned char)(at[i][2] >> 8 * j);
		}
	memcpy(b + head + 2 * ph, interp, len);
	return head + 2 * ph + len;
}

static void
elf(void **state)
{
	static const struct {
		const char *interp, *text;
	} rows[] = {
	    {"/no/ld-musl-x86_64.so.1", " (musl)"},
	    {"/no/ld-linux-x86-64.so.2", " (glibc)"},
	    {"/no/ld64.so.2", " (glibc)"},
	    {"/no/ld-uClibc.so.0", " (uClibc)"},
	    {"/no/linker64", ""},
	};
	struct utsname uts;
	unsigned char b[512];
	char want[200];
	size_t i;
	int form;

	(void)state;
	uname(&uts);
	if (strcmp(uts.machine, "x86_64") != 0)
		skip();
	for (form = 0; form < 4; form++)
		for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			put(b,
			    make_elf(b, form & 1, form & 2, 62, rows[i].interp),
			    0755);
			snprintf(want, sizeof(want),
			    "needs the program interpreter %s%s, which is "
			    "not in the root",
			    rows[i].interp, rows[i].text);
			says(ENOENT, want);
		}
	put(b, make_elf(b, 1, 0, 183, "/lib/x"), 0755);
	says(ENOEXEC, "is a program for aarch64, this machine is x86_64, "
		      "and no binfmt_misc handler takes it");
	says(ENOENT, "is a program for aarch64, this machine is x86_64, "
		     "and its binfmt_misc handler is not in the root");
	put(b, make_elf(b, 1, 1, 22, "/lib/x"), 0755);
	says(ENOEXEC, "is a program for s390x, this machine is x86_64, "
		      "and no binfmt_misc handler takes it");
	put(b, make_elf(b, 1, 0, 62, "/lib/x"), 0755);
	says(ENOEXEC, "is a damaged program (ELF for x86_64)");
}

/* Every byte of the headers set to every of a few values: no crash. */
static void
damaged(void **state)
{
	static const unsigned char values[] = {0, 1, 2, 0x7f, 0x80, 0xff};
	unsigned char b[512];
	size_t i, j, len;

	(void)state;
	len = make_elf(b, 1, 0, 62, "/no/such");
	for (i = 4; i < 176; i++)
		for (j = 0; j < sizeof(values); j++) {
			make_elf(b, 1, 0, 62, "/no/such");
			b[i] = values[j];
			put(b, len, 0755);
			free(explain_exec(path, ENOENT));
		}
	for (i = 0; i < len; i++) {
		put(b, i, 0755);
		free(explain_exec(path, ENOENT));
		free(explain_exec(path, ENOEXEC));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scripts),
	    cmocka_unit_test(loop),
	    cmocka_unit_test(files),
	    cmocka_unit_test(elf),
	    cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests_name("explain", tests, setup, teardown);
}
