/* See LICENSE. */
#include "shown.h"

#include <stdio.h>
#include <string.h>

#define HEX "0123456789abcdef"
#define LINE_MAX_BYTES 200

char *
shown_url(char *dst, size_t size, const char *url)
{
	const char *at, *host = strstr(url, "://"), *p;
	size_t n = strcspn(url, "?#"), scheme = 0;

	if (host != NULL && host < url + n)
		scheme = (size_t)(host - url) + 3;
	/* a password may hold a slash or a question mark that is not encoded */
	at = strrchr(url + scheme, '@');
	p = at != NULL ? at + 1 : url + scheme;
	snprintf(
	    dst, size, "%.*s%.*s", (int)scheme, url, (int)strcspn(p, "?#"), p);
	return dst;
}

const char *
shown_ref(const char *text)
{
	const char *at = strrchr(text, '@'), *p = at;

	if (at == NULL)
		return text;
	if (strncmp(at + 1, "sha256:", 7) != 0 &&
	    strncmp(at + 1, "sha512:", 7) != 0)
		return at + 1;
	if (at[8 + strspn(at + 8, HEX)] != '\0')
		return at + 1;
	while (p > text && p[-1] != '@')
		p--;
	return p;
}

char *
shown_line(char *dst, size_t size, const char *text)
{
	size_t n = 0;
	int space = 0;

	if (size > LINE_MAX_BYTES)
		size = LINE_MAX_BYTES;
	for (; *text != '\0' && n + 2 < size; text++) {
		if (strchr(" \t\r\n", *text) != NULL) {
			space = n > 0;
			continue;
		}
		if (space)
			dst[n++] = ' ';
		space = 0;
		dst[n++] = *text;
	}
	dst[n] = '\0';
	return dst;
}
