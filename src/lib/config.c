/* See LICENSE. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fdio.h"

char **
config_read(int dirfd, const char *name)
{
	struct buf b = {0};
	size_t i, n = 0;
	char **v, *p;

	if (fdio_load(dirfd, name, CONFIG_FILE_MAX, &b) == -1)
		return NULL;
	if (b.len > 0 && b.data[b.len - 1] != '\0')
		b.len++;
	for (i = 0; i < b.len; i++)
		n += b.data[i] == '\0';
	if ((v = malloc((n + 1) * sizeof(*v) + b.len)) != NULL) {
		p = (char *)(v + n + 1);
		if (b.len > 0)
			memcpy(p, b.data, b.len);
		for (i = 0; i < n; i++) {
			v[i] = p;
			p += strlen(p) + 1;
		}
		v[n] = NULL;
	}
	buf_free(&b);
	if (v == NULL)
		errno = ENOMEM;
	return v;
}

char *
config_read1(int dirfd, const char *name)
{
	char **v = config_read(dirfd, name), *s;

	if (v == NULL)
		return errno == ENOENT ? strdup("") : NULL;
	s = strdup(v[0] != NULL ? v[0] : "");
	free(v);
	return s;
}

int
config_write(int dirfd, const char *name, char *const *v)
{
	struct buf b = {0};
	int rc = -1;

	for (; v != NULL && *v != NULL; v++)
		if (buf_add(&b, *v, strlen(*v) + 1) == -1)
			goto out;
	rc = fdio_save(dirfd, name, b.data, b.len, 0);
out:
	buf_free(&b);
	return rc;
}

int
config_write1(int dirfd, const char *name, const char *s)
{
	char *v[2] = {NULL, NULL};
	int rc;

	if (*s != '\0' && (v[0] = strdup(s)) == NULL)
		return -1;
	rc = config_write(dirfd, name, v);
	free(v[0]);
	return rc;
}

int
config_copy(int fromfd, int tofd)
{
	static const char *const names[] = {"cmd", "entrypoint", "env",
	    "labels", "platform", "stopsignal", "user", "volumes", "workdir"};
	struct buf b = {0};
	size_t i;
	int rc;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (fdio_load(fromfd, names[i], CONFIG_FILE_MAX, &b) == -1) {
			if (errno == ENOENT)
				continue;
			return -1;
		}
		rc = fdio_save(tofd, names[i], b.data, b.len, 0);
		buf_free(&b);
		if (rc == -1)
			return -1;
	}
	return 0;
}
