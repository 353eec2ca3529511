/* See LICENSE. */
#include "ref.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fdio.h"
#include "msg.h"
#include "shown.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HEX "0123456789abcdef"
#define NAME_LENGTH_MAX 255
#define TAG_LENGTH_MAX 128
#define FILE_NAME_MAX 255 /* NAME:TAG and NAME@DIGEST in the store */
#define SHA256_LENGTH 71

int
ref_digest_ok(const char *s)
{
	size_t n;

	if (strncmp(s, "sha256:", 7) == 0)
		n = 64;
	else if (strncmp(s, "sha512:", 7) == 0)
		n = 128;
	else
		return 0;
	return strspn(s + 7, HEX) == n && s[7 + n] == '\0';
}

const char *
ref_digest_hex(const char *digest)
{
	return strchr(digest, ':') + 1;
}

/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* of length n */
static int
component_ok(const char *s, size_t n)
{
	size_t i = 0, run;

	for (;;) {
		run = strspn(s + i, LOWER DIGITS);
		if (run == 0 || i + run > n)
			return 0;
		if ((i += run) == n)
			return 1;
		if (s[i] == '-')
			i += strspn(s + i, "-");
		else if (strncmp(s + i, "__", 2) == 0)
			i += 2;
		else if (s[i] == '.' || s[i] == '_')
			i++;
		else
			return 0;
		if (i >= n)
			return 0;
	}
}

static int
path_ok(const char *s)
{
	size_t n;

	for (;; s += n + 1) {
		n = strcspn(s, "/");
		if (!component_ok(s, n))
			return 0;
		if (s[n] == '\0')
			return 1;
	}
}

/* A host name or [IPv6], and a port. */
static int
domain_ok(const char *s)
{
	size_t n;

	if (*s == '[') {
		n = strspn(s + 1, DIGITS "abcdefABCDEF:.");
		if (n == 0 || s[1 + n] != ']')
			return 0;
		s += n + 2;
	} else
		for (;; s++) {
			n = strspn(s, LOWER UPPER DIGITS "-");
			if (n == 0 || s[0] == '-' || s[n - 1] == '-')
				return 0;
			s += n;
			if (*s != '.')
				break;
		}
	if (*s == ':') {
		n = strspn(++s, DIGITS);
		if (n == 0 || n > 5 || atoi(s) > 65535)
			return 0;
		s += n;
	}
	return *s == '\0';
}

static int
is_domain(const char *s)
{
	return strcmp(s, "localhost") == 0 || strpbrk(s, ".:" UPPER) != NULL;
}

static int
tag_ok(const char *s)
{
	size_t n = strspn(s, LOWER UPPER DIGITS "_.-");

	return n > 0 && n <= TAG_LENGTH_MAX && s[n] == '\0' && *s != '.' &&
	       *s != '-';
}

/* docker.io and whatever belongs to it, on any port. */
static int
is_hub(const char *domain)
{
	static const char hub[] = "docker.io";
	size_t n = strcspn(domain, ":"), len = sizeof(hub) - 1;

	return n >= len && strncasecmp(domain + n - len, hub, len) == 0 &&
	       (n == len || domain[n - len - 1] == '.');
}

/*
 * The host of what began with http://: the first part, whatever it looks like.
 * It gets a port where the name would not be known as a host without.
 */
static const char *
set_http_domain(char *name, struct ref *r, const char **path)
{
	char *slash = strchr(name, '/');

	if (slash == NULL)
		return "no repository after the host";
	*slash = '\0';
	*path = slash + 1;
	if (!domain_ok(name))
		return "bad host name";
	if (is_hub(name))
		return "docker.io has TLS: leave out http://";
	r->domain = fdio_fmt("%s%s", name, is_domain(name) ? "" : ":80");
	return NULL;
}

static const char *
set_domain(char *name, struct ref *r, const char **path)
{
	char *slash = strchr(name, '/');
	const char *domain = "docker.io";

	*path = name;
	if (slash != NULL) {
		*slash = '\0';
		if (is_domain(name)) {
			domain = name;
			*path = slash + 1;
		} else
			*slash = '/';
	}
	if (!domain_ok(domain))
		return "bad host name";
	if (strcmp(domain, "index.docker.io") == 0)
		domain = "docker.io";
	r->domain = strdup(domain);
	return NULL;
}

/* Splits name (which it cuts) into r; returns why it cannot, or NULL. */
static const char *
split_name(char *name, struct ref *r)
{
	const char *path, *why;

	why = r->http ? set_http_domain(name, r, &path)
		      : set_domain(name, r, &path);
	if (why != NULL)
		return why;
	if (!path_ok(path))
		return strpbrk(path, UPPER) != NULL
			   ? "repository name must be lower case"
			   : "bad repository name";
	if (path == name && strlen(path) == 64 && strspn(path, HEX) == 64)
		return "64 hexadecimal digits are no repository name";
	if (r->domain == NULL)
		return strerror(ENOMEM);
	if (strcmp(r->domain, "docker.io") == 0 && strchr(path, '/') == NULL)
		r->path = fdio_fmt("library/%s", path);
	else
		r->path = strdup(path);
	if (r->path == NULL)
		return strerror(ENOMEM);
	if (strlen(r->domain) + 1 + strlen(r->path) > NAME_LENGTH_MAX)
		return "repository name is longer than 255 bytes";
	return NULL;
}

/* The last part of the name is a file name in the store, with what follows. */
static const char *
check_lengths(const struct ref *r)
{
	const char *slash = strrchr(r->path, '/');
	size_t n = strlen(slash != NULL ? slash + 1 : r->path);

	if (n + 1 + SHA256_LENGTH > FILE_NAME_MAX)
		return "last part of the repository name is longer than "
		       "183 bytes";
	if (n + 1 + strlen(r->digest) > FILE_NAME_MAX)
		return "last part of the repository name and the digest are "
		       "longer than 254 bytes";
	if (r->tag != NULL && n + 1 + strlen(r->tag) > FILE_NAME_MAX)
		return "last part of the repository name and the tag are "
		       "longer than 254 bytes";
	return NULL;
}

static const char *
split(char *s, struct ref *r)
{
	const char *why;
	char *at, *colon;

	if (*s == '\0')
		return "empty reference";
	if ((at = strchr(s, '@')) != NULL) {
		*at++ = '\0';
		if (!ref_digest_ok(at))
			return strchr(at, '/') != NULL
				   ? "a reference holds no user or password"
				   : "bad digest";
		strcpy(r->digest, at);
	}
	colon = strrchr(s, ':');
	if (colon != NULL && strchr(colon, '/') == NULL) {
		*colon++ = '\0';
		if (!tag_ok(colon))
			return "bad tag";
	} else
		colon = NULL;
	if (colon != NULL || r->digest[0] == '\0')
		if ((r->tag = strdup(colon != NULL ? colon : "latest")) == NULL)
			return strerror(ENOMEM);
	why = split_name(s, r);
	return why != NULL ? why : check_lengths(r);
}

const char *
ref_read(const char *text, struct ref *r)
{
	const char *s = text, *why;
	char *copy;

	memset(r, 0, sizeof(*r));
	if (strncmp(s, "docker://", 9) == 0)
		s += 9;
	else if (strncmp(s, "http://", 7) == 0) {
		s += 7;
		r->http = 1;
	}
	if ((copy = strdup(s)) == NULL)
		return strerror(ENOMEM);
	if ((why = split(copy, r)) != NULL)
		ref_free(r);
	free(copy);
	return why;
}

int
ref_parse(const char *text, struct ref *r)
{
	const char *why;

	if ((why = ref_read(text, r)) == NULL)
		return 0;
	text = shown_ref(text);
	if (*text == '\0')
		return msg_failx(ST_USAGE, "%s", why);
	return msg_failx(ST_USAGE, "%s: %s", text, why);
}

void
ref_free(struct ref *r)
{
	free(r->domain);
	free(r->path);
	free(r->tag);
	memset(r, 0, sizeof(*r));
}

char *
ref_repository(const struct ref *r)
{
	return fdio_fmt("%s/%s", r->domain, r->path);
}

char *
ref_name(const struct ref *r)
{
	if (r->tag == NULL)
		return ref_repository(r);
	return fdio_fmt("%s/%s:%s", r->domain, r->path, r->tag);
}
