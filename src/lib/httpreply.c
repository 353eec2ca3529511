/* See LICENSE. */
#include "http.h"

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "certs.h"

void
http_wipe(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

int
http_origin_same(const struct http_origin *a, const struct http_origin *b)
{
	return strcmp(a->scheme, b->scheme) == 0 &&
	       strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

char *
http_origin_str(const struct http_origin *o, char *dst, size_t size)
{
	const char *usual = strcmp(o->scheme, "https") == 0 ? "443" : "80";

	if (strcmp(o->port, usual) == 0)
		snprintf(dst, size, "%s", o->host);
	else
		snprintf(dst, size, "%s:%s", o->host, o->port);
	return dst;
}

int
http_origin_loopback(const struct http_origin *o)
{
	struct in_addr a;

	/* an address: 127.0.0.1.example is anybody's name */
	if (inet_pton(AF_INET, o->host, &a) == 1)
		return ntohl(a.s_addr) >> 24 == 127;
	return strcmp(o->host, "[::1]") == 0 ||
	       strcmp(o->host, "localhost") == 0;
}

void
http_clear(struct http_call *call)
{
	buf_free(&call->headers);
	if (call->body.data != NULL)
		explicit_bzero(call->body.data, call->body.len);
	buf_free(&call->body);
	call->error = HTTP_OK;
	call->why[0] = '\0';
	call->status = 0;
	call->hops = 0;
	call->host[0] = '\0';
	memset(&call->peer, 0, sizeof(call->peer));
}

char *
http_header(const struct http_call *call, const char *name, size_t nth,
    char *dst, size_t size)
{
	const char *p = call->headers.data, *eol, *v;
	size_t len = strlen(name), n;

	for (; p != NULL && *p != '\0'; p = *eol == '\0' ? eol : eol + 1) {
		eol = p + strcspn(p, "\n");
		if (strncasecmp(p, name, len) != 0 || p[len] != ':' ||
		    nth-- > 0)
			continue;
		v = p + len + 1;
		v += strspn(v, " \t");
		for (n = v < eol ? (size_t)(eol - v) : 0; n > 0; n--)
			if (strchr(" \t\r", v[n - 1]) == NULL)
				break;
		if (n >= size)
			n = size - 1;
		memcpy(dst, v, n);
		dst[n] = '\0';
		return dst;
	}
	return NULL;
}

long
http_retry_after(const struct http_call *call)
{
	char text[64], *end;
	struct tm tm = {0};
	time_t at, now;
	long n;

	if (http_header(call, "Retry-After", 0, text, sizeof(text)) == NULL)
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	if (end != text && *end == '\0' && errno == 0)
		return n < 0 ? 0 : n;
	if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
		return -1;
	at = timegm(&tm);
	now = time(NULL);
	return at > now ? (long)(at - now) : 0;
}

const struct certs *
http_certs(
    struct certs **all, const struct http_origin *o, char *why, size_t size)
{
	const struct certs *c;
	char full[300], name[300];

	snprintf(full, sizeof(full), "%s:%s", o->host, o->port);
	http_origin_str(o, name, sizeof(name));
	c = certs_get(all, full, why, size);
	if (c == NULL || c->present || strcmp(name, full) == 0)
		return c;
	return certs_get(all, name, why, size);
}

int
http_has_certs(const struct http_origin *o)
{
	struct certs *list = NULL;
	const struct certs *c;
	char why[300];
	int present;

	c = http_certs(&list, o, why, sizeof(why));
	/* what cannot be read is reported when it is used */
	present = c == NULL || c->present;
	certs_free(list);
	return present;
}
