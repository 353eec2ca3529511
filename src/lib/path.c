/* See LICENSE. */
#include "path.h"

#include <string.h>

int
path_clean(char *path, int clamp)
{
	char *d = path, *s = path;
	size_t n;

	for (; *s != '\0'; s += *s == '/') {
		n = strcspn(s, "/");
		if (n == 2 && s[0] == '.' && s[1] == '.') {
			if (d == path && !clamp)
				return -1;
			while (d > path && *--d != '/')
				;
		} else if (n > 0 && !(n == 1 && s[0] == '.')) {
			if (d > path)
				*d++ = '/';
			memmove(d, s, n);
			d += n;
		}
		s += n;
	}
	*d = '\0';
	return 0;
}
