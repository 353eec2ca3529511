/* See LICENSE. */
#include "certs.h"

#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CA_MAX (4U << 20)

/* The directory of hostport, as an open descriptor; -1 and errno. */
static int
open_dir(const char *base, const char *below, const char *hostport, char **path)
{
	int e, fd;

	*path = fdio_fmt("%s%s/%s", base, below, hostport);
	if (*path == NULL)
		return -1;
	fd = open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		e = errno;
		free(*path);
		*path = NULL;
		errno = e;
	}
	return fd;
}

static int
open_first(const char *hostport, char **path)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int fd = -1;

	if (config != NULL && *config == '/')
		fd = open_dir(config, "/containers/certs.d", hostport, path);
	else if (home != NULL && *home == '/')
		fd = open_dir(
		    home, "/.config/containers/certs.d", hostport, path);
	if (fd == -1)
		fd = open_dir("/etc/containers", "/certs.d", hostport, path);
	if (fd == -1)
		fd = open_dir("/etc/docker", "/certs.d", hostport, path);
	return fd;
}

/* The length of name without suffix; 0 when it does not end so. */
static size_t
stem(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n > s && strcmp(name + n - s, suffix) == 0 ? n - s : 0;
}

static int
take(int fd, const char *path, const char *name, struct certs *c)
{
	struct buf pem = {0};
	size_t n;
	int rc;

	if (stem(name, ".crt") > 0) {
		if (fdio_load_link(fd, name, CA_MAX, &pem) == -1)
			return -1;
		rc = buf_add(&c->ca, pem.data, pem.len);
		if (rc == 0)
			rc = buf_addstr(&c->ca, "\n");
		buf_free(&pem);
		return rc;
	}
	if ((n = stem(name, ".cert")) == 0 || c->cert != NULL)
		return 0;
	/* curl opens it again, by its path, and would wait for a fifo */
	if ((rc = fdio_open_file(fd, name, O_RDONLY)) == -1)
		return -1;
	close(rc);
	c->cert = fdio_fmt("%s/%s", path, name);
	c->key = fdio_fmt("%s/%.*s.key", path, (int)n, name);
	return c->cert == NULL || c->key == NULL ? -1 : 0;
}

/* 1 when there is a directory, 0, or -1 and why. */
static int
fill(struct certs *c, const char *hostport, char *why, size_t size)
{
	struct dirent **list = NULL;
	char *path;
	int fd, i, n, rc = 1;

	if (hostport[0] == '.' || strchr(hostport, '/') != NULL ||
	    (fd = open_first(hostport, &path)) == -1)
		return 0;
	if ((n = scandir(path, &list, NULL, alphasort)) == -1) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		rc = -1;
	}
	for (i = 0; i < n; i++) {
		if (rc == 1 && take(fd, path, list[i]->d_name, c) == -1) {
			snprintf(why, size, "%s/%s: %s", path, list[i]->d_name,
			    fdio_why());
			rc = -1;
		}
		free(list[i]);
	}
	free(list);
	free(path);
	close(fd);
	return rc;
}

const struct certs *
certs_get(struct certs **all, const char *hostport, char *why, size_t size)
{
	struct certs *c;

	for (c = *all; c != NULL; c = c->next)
		if (strcmp(c->name, hostport) == 0)
			return c;
	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->name = strdup(hostport)) == NULL) {
		snprintf(why, size, "%s", strerror(errno));
		free(c);
		return NULL;
	}
	if ((c->present = fill(c, hostport, why, size)) == -1) {
		certs_free(c);
		return NULL;
	}
	c->next = *all;
	*all = c;
	return c;
}

void
certs_free(struct certs *c)
{
	struct certs *next;

	for (; c != NULL; c = next) {
		next = c->next;
		buf_free(&c->ca);
		free(c->name);
		free(c->cert);
		free(c->key);
		free(c);
	}
}
