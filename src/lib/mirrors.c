/* See LICENSE. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "registryimpl.h"

#define MIRRORS_FILE "/etc/chr/mirrors"
#define MIRRORS_MAX (1U << 20)

/*
 * One line: "DOMAIN URL", nothing, or a comment.  Of what it is not, messages
 * show the number alone: there may be a password in it.
 */
static int
take(const char *where, unsigned nr, char *line, const char *domain,
    const char *repository, struct endpoint **ep)
{
	struct http_origin o;
	char host[300], *save, *url, *word;
	size_t n;

	*ep = NULL;
	line[strcspn(line, "#")] = '\0';
	if ((word = strtok_r(line, " \t\r", &save)) == NULL)
		return 0;
	url = strtok_r(NULL, " \t\r", &save);
	if (url == NULL || strtok_r(NULL, " \t\r", &save) != NULL ||
	    strchr(url, '?') != NULL || http_origin(url, &o) == -1)
		return msg_failx(ST_LOCAL,
		    "%s: line %u: not of the form domain URL", where, nr);
	if (strcmp(word, domain) != 0)
		return 0;
	for (n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
		url[n - 1] = '\0';
	http_origin_str(&o, host, sizeof(host));
	if ((*ep = endpoint_new(url, domain, host, repository)) == NULL)
		return msg_fail(ST_LOCAL, "%s: line %u", where, nr);
	return 0;
}

static int
take_all(const char *where, char *text, const char *domain,
    const char *repository, struct endpoint **list)
{
	struct endpoint **end = list;
	char *line, *rest = text;
	unsigned nr = 1;
	int rc;

	for (; (line = strsep(&rest, "\n")) != NULL; nr++) {
		if ((rc = take(where, nr, line, domain, repository, end)) != 0)
			return rc;
		if (*end != NULL)
			end = &(*end)->next;
	}
	return 0;
}

int
mirrors_find(const char *domain, const char *repository, struct endpoint **list)
{
	const char *env = getenv("CHR_MIRRORS");
	struct buf text = {0};
	int rc;

	*list = NULL;
	if (env != NULL) {
		if (buf_addstr(&text, env) == -1)
			return msg_fail(ST_LOCAL, "CHR_MIRRORS");
	} else if (fdio_load_link(AT_FDCWD, MIRRORS_FILE, MIRRORS_MAX, &text) ==
		   -1) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return msg_failx(ST_LOCAL, "%s: %s", MIRRORS_FILE, fdio_why());
	}
	rc = take_all(env != NULL ? "CHR_MIRRORS" : MIRRORS_FILE, text.data,
	    domain, repository, list);
	buf_free(&text);
	return rc;
}
