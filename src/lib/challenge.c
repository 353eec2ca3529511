/* See LICENSE. */
#include "challenge.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOKEN                                                 \
	"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz"
#define TOKEN68                                      \
	"-._~+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz"
#define SPACE " \t"

static const char *
skip(const char *p, const char *set)
{
	return p + strspn(p, set);
}

/* A quoted-string, undone; NULL when it does not end well. */
static char *
unquote(const char **pp)
{
	const char *p = *pp + 1;
	char *s = malloc(strlen(p) + 1), *d = s;

	if (s == NULL)
		return NULL;
	for (; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) {
			free(s);
			return NULL;
		}
		*d++ = *p;
	}
	*d = '\0';
	*pp = p + 1;
	return s;
}

static char *
value(const char **pp)
{
	size_t n;
	char *s;

	if (**pp == '"')
		return unquote(pp);
	/* a URL without quotes is not a token, but is understood */
	n = strcspn(*pp, SPACE ",\"");
	if ((s = strndup(*pp, n)) != NULL)
		*pp += n;
	return s;
}

static void
keep(struct challenge *c, const char *name, size_t len, char *text)
{
	static const char *const names[] = {
	    "realm", "service", "scope", "error"};
	char **slots[] = {&c->realm, &c->service, &c->scope, &c->error};
	size_t i;

	for (i = 0; i < 4; i++)
		if (strlen(names[i]) == len &&
		    strncasecmp(names[i], name, len) == 0 &&
		    *slots[i] == NULL) {
			*slots[i] = text;
			return;
		}
	free(text);
}

/*
 * Where the value of the parameter at p begins; NULL when there is no
 * parameter but a scheme, a token68 or nothing.
 */
static const char *
param_value(const char *p)
{
	const char *q = skip(p, TOKEN);

	if (q == p)
		return NULL;
	q = skip(q, SPACE);
	if (*q != '=')
		return NULL;
	q = skip(q + 1, SPACE);
	return *q == '=' || *q == ',' || *q == '\0' ? NULL : q;
}

/* The parameters of one challenge; where they end, or NULL. */
static const char *
params(const char *p, struct challenge *c)
{
	const char *name, *q;
	size_t len;
	char *text;

	while ((q = param_value(p)) != NULL) {
		name = p;
		len = strspn(p, TOKEN);
		if ((text = value(&q)) == NULL)
			return NULL;
		keep(c, name, len, text);
		p = skip(q, SPACE);
		if (*p != ',' && *p != '\0' && param_value(p) == NULL)
			return NULL;
		p = skip(p, SPACE ",");
	}
	return p;
}

/* One challenge into *c; where the next may begin, or NULL. */
static const char *
one(const char *p, struct challenge *c)
{
	size_t n = strspn(p, TOKEN);
	const char *q = p + n;

	if (n == 0 || (*q != '\0' && strchr(SPACE ",", *q) == NULL))
		return NULL;
	if (n == 6 && strncasecmp(p, "bearer", n) == 0)
		c->scheme = CHALLENGE_BEARER;
	else if (n == 5 && strncasecmp(p, "basic", n) == 0)
		c->scheme = CHALLENGE_BASIC;
	p = skip(q, SPACE);
	if (*p == ',' || *p == '\0')
		return skip(p, SPACE ",");
	if (param_value(p) != NULL)
		return params(p, c);
	q = skip(p, TOKEN68);
	if (q == p)
		return NULL;
	q = skip(skip(q, "="), SPACE);
	return *q == ',' || *q == '\0' ? skip(q, SPACE ",") : NULL;
}

int
challenge_add(struct challenge *best, const char *p)
{
	struct challenge c;

	p = skip(p, SPACE ",");
	if (*p == '\0')
		return -1;
	while (*p != '\0') {
		memset(&c, 0, sizeof(c));
		p = one(p, &c);
		if (p == NULL || (c.scheme == CHALLENGE_BEARER &&
				     (c.realm == NULL || c.realm[0] == '\0'))) {
			challenge_clear(&c);
			return -1;
		}
		if (c.scheme > best->scheme) {
			challenge_clear(best);
			*best = c;
		} else
			challenge_clear(&c);
	}
	return 0;
}

void
challenge_clear(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	memset(c, 0, sizeof(*c));
}
