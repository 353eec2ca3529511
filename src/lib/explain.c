/* See LICENSE. */
#include "explain.h"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "sys.h"

#define HEAD_SIZE 256	/* what Linux reads to tell a program's format */
#define INTERP_MAX 4096 /* longest path of an interpreter looked at */
#define DEPTH_MAX 4	/* interpreters of interpreters, as in Linux */
#define PHDRS_MAX 256

#define ELF_INTERP 3 /* PT_INTERP */

/* e_machine of ELF, with the names that uname(2) and people use. */
static const struct {
	unsigned number;
	const char *name;
	const char *uname;
} machines[] = {
    {3, "i386", "i?86"},
    {8, "mips", "mips*"},
    {20, "ppc", "ppc"},
    {21, "ppc64", "ppc64*"},
    {22, "s390x", "s390x"},
    {40, "arm", "arm*"},
    {62, "x86_64", "x86_64"},
    {62, "x86_64", "amd64"},
    {183, "aarch64", "aarch64"},
    {183, "aarch64", "arm64"},
    {243, "riscv64", "riscv*"},
    {258, "loongarch64", "loongarch64"},
};

struct file {
	int fd;
	unsigned char head[HEAD_SIZE + 1];
	size_t len;
};

static char *reason(const char *path, int err, int depth);

static int
file_open(struct file *f, const char *path)
{
	struct stat st;
	ssize_t n;

	memset(f, 0, sizeof(*f));
	f->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (f->fd == -1)
		return -1;
	if (fstat(f->fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (n = fdio_read(f->fd, f->head, HEAD_SIZE)) == -1) {
		close(f->fd);
		return -1;
	}
	f->len = (size_t)n;
	return 0;
}

/* --- ELF --- */

static int
is_elf(const struct file *f)
{
	return f->len >= 52 && memcmp(f->head, "\177ELF", 4) == 0;
}

/* A number of size bytes in the byte order of the file. */
static uint64_t
number(const struct file *f, const unsigned char *p, size_t size)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < size; i++)
		n = n << 8 | p[f->head[5] == 2 ? i : size - 1 - i];
	return n;
}

/* A name for the machine; *mine when it is this one or nobody knows. */
static const char *
elf_machine(const struct file *f, int *mine, const char **host)
{
	static struct utsname uts;
	unsigned n = (unsigned)number(f, f->head + 18, 2);
	const char *name = "another machine";
	size_t i, len;

	*mine = 1;
	*host = "";
	if (uname(&uts) == -1)
		return name;
	*host = uts.machine;
	for (i = 0; i < sizeof(machines) / sizeof(*machines); i++) {
		if (machines[i].number == n)
			name = machines[i].name;
		len = strcspn(machines[i].uname, "?*");
		if (strncmp(uts.machine, machines[i].uname, len) == 0 &&
		    (machines[i].uname[len] != '\0' ||
			uts.machine[len] == '\0'))
			*mine = machines[i].number == n;
	}
	return name;
}

/* The path in the PT_INTERP segment; NULL when there is none. */
static char *
elf_interpreter(const struct file *f)
{
	int wide = f->head[4] == 2;
	unsigned char ph[56];
	uint64_t count, off, size, step;
	char *path;
	ssize_t n;

	off = number(f, f->head + (wide ? 32 : 28), wide ? 8 : 4);
	step = number(f, f->head + (wide ? 54 : 42), 2);
	count = number(f, f->head + (wide ? 56 : 44), 2);
	for (; count > 0 && count <= PHDRS_MAX; count--, off += step) {
		if (off > INT32_MAX ||
		    pread(f->fd, ph, sizeof(ph), (off_t)off) < 32)
			return NULL;
		if (number(f, ph, 4) == ELF_INTERP)
			break;
	}
	if (count == 0 || count > PHDRS_MAX)
		return NULL;
	off = number(f, ph + (wide ? 8 : 4), wide ? 8 : 4);
	size = number(f, ph + (wide ? 32 : 16), wide ? 8 : 4);
	if (off > INT32_MAX || size > INTERP_MAX ||
	    (path = calloc(1, (size_t)size + 1)) == NULL)
		return NULL;
	n = pread(f->fd, path, (size_t)size, (off_t)off);
	if (n != (ssize_t)size || *path == '\0') {
		free(path);
		return NULL;
	}
	return path;
}

static const char *
libc_of(const char *interp)
{
	if (strstr(interp, "ld-musl") != NULL)
		return " (musl)";
	if (strstr(interp, "uClibc") != NULL)
		return " (uClibc)";
	if (strstr(interp, "ld-linux") != NULL ||
	    strstr(interp, "ld64.so") != NULL ||
	    strstr(interp, "ld.so") != NULL)
		return " (glibc)";
	return "";
}

/* What is wrong with an ELF file; NULL when nothing is to be seen. */
static char *
elf_reason(const struct file *f, int err)
{
	const char *host, *name;
	struct stat st;
	char *interp, *s = NULL;
	int mine;

	name = elf_machine(f, &mine, &host);
	if (!mine && (err == ENOEXEC || err == ENOENT))
		return fdio_fmt("is a program for %s, this machine is %s, %s",
		    name, host,
		    err == ENOEXEC
			? "and no binfmt_misc handler takes it"
			: "and its binfmt_misc handler is not in the root");
	if (err == ENOEXEC)
		return fdio_fmt("is a damaged program (ELF for %s)", name);
	if ((interp = elf_interpreter(f)) == NULL)
		return NULL;
	if (err == ENOENT && stat(interp, &st) == -1)
		s = fdio_fmt("needs the program interpreter %s%s, "
			     "which is not in the root",
		    interp, libc_of(interp));
	free(interp);
	return s;
}

/* --- scripts --- */

/* The interpreter after #!; NULL when none is named. */
static char *
script_interpreter(const struct file *f)
{
	const char *p = (const char *)f->head + 2;
	size_t len;

	p += strspn(p, " \t");
	len = strcspn(p, " \t\n");
	return len > 0 ? fdio_fmt("%.*s", (int)len, p) : NULL;
}

static char *
script_reason(const struct file *f, int err, int depth)
{
	char *interp, *s = NULL, *why;
	struct stat st;
	size_t len;

	if ((interp = script_interpreter(f)) == NULL)
		return fdio_fmt("names no interpreter after #!");
	len = strlen(interp);
	if (err == ENOENT && interp[len - 1] == '\r')
		s = fdio_fmt("its first line ends in CR: "
			     "a text file with DOS line ends");
	else if (err == ENOENT && stat(interp, &st) == -1)
		s = fdio_fmt(
		    "needs the interpreter %s, which is not in the root",
		    interp);
	else if (depth < DEPTH_MAX &&
		 (why = reason(interp, err, depth + 1)) != NULL) {
		s = fdio_fmt("its interpreter %s: %s", interp, why);
		free(why);
	}
	free(interp);
	return s;
}

/* --- errors --- */

/* The directory on the way to path that may not be searched. */
static char *
unsearchable(const char *path)
{
	char *copy, *p, *s = NULL;
	struct stat st;

	if ((copy = strdup(path)) == NULL)
		return NULL;
	for (p = strchr(copy + 1, '/'); s == NULL && p != NULL;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		if (stat(copy, &st) == 0 && S_ISDIR(st.st_mode) &&
		    access(copy, X_OK) == -1)
			s = fdio_fmt("uid %lu may not search %s (mode %04o)",
			    (unsigned long)geteuid(), copy,
			    (unsigned)st.st_mode & 07777);
		*p = '/';
	}
	free(copy);
	return s;
}

static char *
denied(const char *path)
{
	struct stat st;
	int flags;

	if (stat(path, &st) == -1)
		return unsearchable(path);
	if (S_ISDIR(st.st_mode))
		return fdio_fmt("is a directory");
	if (!S_ISREG(st.st_mode))
		return fdio_fmt("is not a regular file");
	if ((flags = sys_fs_flags(path)) != -1 && (flags & SYS_FS_NOEXEC) != 0)
		return fdio_fmt("is on a file system mounted noexec");
	if (access(path, X_OK) == -1)
		return fdio_fmt("uid %lu may not execute it (mode %04o)",
		    (unsigned long)geteuid(), (unsigned)st.st_mode & 07777);
	return NULL;
}

static char *
dangling(const char *path)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (stat(path, &st) == 0 ||
	    (n = readlink(path, target, sizeof(target) - 1)) == -1)
		return NULL;
	target[n] = '\0';
	return fdio_fmt("is a link to %s, which is not in the root", target);
}

static char *
content_reason(const char *path, int err, int depth)
{
	struct file f;
	char *s = NULL;

	if (file_open(&f, path) == -1)
		return NULL;
	if (f.len == 0)
		s = err == ENOEXEC ? fdio_fmt("is an empty file") : NULL;
	else if (is_elf(&f))
		s = elf_reason(&f, err);
	else if (f.len > 2 && memcmp(f.head, "#!", 2) == 0)
		s = script_reason(&f, err, depth);
	else if (err == ENOEXEC)
		s = fdio_fmt("is neither a program nor a script "
			     "that begins with #!");
	close(f.fd);
	return s;
}

static char *
reason(const char *path, int err, int depth)
{
	char *s = NULL;

	if (err == EACCES)
		s = denied(path);
	else if (err == ENOENT)
		s = dangling(path);
	if (s == NULL && (err == EACCES || err == ENOENT || err == ENOEXEC))
		s = content_reason(path, err, depth);
	return s != NULL ? s : strdup(strerror(err));
}

char *
explain_exec(const char *path, int err)
{
	return reason(path, err, 0);
}
