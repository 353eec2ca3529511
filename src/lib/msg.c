/* See LICENSE. */
#include "msg.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void (*before)(void);
static int deferred = -1;
static int watched;

/* The length of the UTF-8 sequence at s, control characters left out, or 0. */
static size_t
printable(const unsigned char *s)
{
	unsigned long c;
	size_t i, n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f && s[0] != '\\';
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	c = s[0] & (0x7fU >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < 0xa0 || (n == 3 && c < 0x800) || (n == 4 && c < 0x10000) ||
	    c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	/* marks that turn or hide the text around them */
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
		return 0;
	return n;
}

char *
msg_escape(char *dst, size_t size, const char *src)
{
	const unsigned char *s = (const unsigned char *)src;
	char *d = dst;
	size_t n;

	for (; *s != '\0'; s += n > 0 ? n : 1) {
		n = printable(s);
		if (d + 5 > dst + size)
			break;
		if (n > 0) {
			memcpy(d, s, n);
			d += n;
		} else if (*s == '\\') {
			*d++ = '\\';
			*d++ = '\\';
		} else {
			*d++ = '\\';
			*d++ = (char)('0' + (*s >> 6));
			*d++ = (char)('0' + (*s >> 3 & 7));
			*d++ = (char)('0' + (*s & 7));
		}
	}
	*d = '\0';
	return dst;
}

int
msg_plain(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	for (; *s != '\0'; s += n)
		if ((n = *s == '\\' ? 1 : printable(s)) == 0)
			return 0;
	return 1;
}

static void print(int, const char *, const char *, va_list) MSG_PRINTF(3, 0);

/* To fd as a line, or where it is -1 to people. */
static void
print(int fd, const char *reason, const char *fmt, va_list ap)
{
	const char *colon, *why;
	char text[3072], safe[4096];

	vsnprintf(text, sizeof(text), fmt, ap);
	msg_escape(safe, sizeof(safe), text);
	why = reason != NULL ? reason : "";
	colon = reason != NULL ? ": " : "";
	if (fd != -1) {
		dprintf(fd, "%s%s%s\n", safe, colon, why);
		return;
	}
	if (before != NULL)
		before();
	warnx("%s%s%s", safe, colon, why);
}

void
msg_warn(const char *fmt, ...)
{
	va_list ap;
	int e = errno;

	va_start(ap, fmt);
	print(-1, strerror(e), fmt, ap);
	va_end(ap);
	errno = e;
}

void
msg_warnx(const char *fmt, ...)
{
	va_list ap;
	int e = errno;

	va_start(ap, fmt);
	print(-1, NULL, fmt, ap);
	va_end(ap);
	errno = e;
}

int
msg_fail(int status, const char *fmt, ...)
{
	va_list ap;
	int e = errno;

	va_start(ap, fmt);
	print(deferred, strerror(e), fmt, ap);
	va_end(ap);
	errno = e;
	return status;
}

int
msg_failx(int status, const char *fmt, ...)
{
	va_list ap;
	int e = errno;

	va_start(ap, fmt);
	print(deferred, NULL, fmt, ap);
	va_end(ap);
	errno = e;
	return status;
}

static void say(const char *, va_list) MSG_PRINTF(1, 0);

static void
say(const char *fmt, va_list ap)
{
	char text[3072], safe[4096];
	int e = errno;

	vsnprintf(text, sizeof(text), fmt, ap);
	msg_escape(safe, sizeof(safe), text);
	if (before != NULL)
		before();
	fprintf(stderr, "%s\n", safe);
	errno = e;
}

void
msg_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
msg_note(const char *fmt, ...)
{
	va_list ap;
	int e = errno;

	if (watched || isatty(STDERR_FILENO)) {
		va_start(ap, fmt);
		say(fmt, ap);
		va_end(ap);
	}
	errno = e;
}

void
msg_watch(void)
{
	watched = 1;
}

void
msg_defer(int fd)
{
	deferred = fd;
}

void
msg_deferred(const char *lines)
{
	char line[4096], safe[4096];
	const char *end;

	if (*lines != '\0' && before != NULL)
		before();
	for (; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
		snprintf(line, sizeof(line), "%.*s", (int)(end - lines), lines);
		warnx("%s", msg_plain(line)
				? line
				: msg_escape(safe, sizeof(safe), line));
	}
}

void
msg_before(void (*fn)(void))
{
	before = fn;
}
