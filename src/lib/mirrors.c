/* See LICENSE. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "registryimpl.h"

#define MIRRORS_FILE "/etc/chr/mirrors"
#define MIRRORS_MAX (1U << 20)

/* One line: "DOMAIN URL", nothing, or a comment. */
static int
take(const char *where, char *line, const char *domain, const char *repository,
    struct endpoint **ep)
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
	    http_origin(url, &o) == -1)
		return msg_failx(ST_LOCAL,
		    "%s: %s: not a line of the form domain URL", where, word);
	if (strcmp(word, domain) != 0)
		return 0;
	for (n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
		url[n - 1] = '\0';
	http_origin_str(&o, host, sizeof(host));
	if ((*ep = endpoint_new(url, domain, host, repository)) == NULL)
		return msg_fail(ST_LOCAL, "%s: %s", where, url);
	return 0;
}

static int
take_all(const char *where, char *text, const char *domain,
    const char *repository, struct endpoint **list)
{
	struct endpoint **end = list;
	char *line, *save;
	int rc;

	for (line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if ((rc = take(where, line, domain, repository, end)) != 0)
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
		return msg_fail(ST_LOCAL, "%s", MIRRORS_FILE);
	}
	rc = take_all(env != NULL ? "CHR_MIRRORS" : MIRRORS_FILE, text.data,
	    domain, repository, list);
	buf_free(&text);
	return rc;
}
