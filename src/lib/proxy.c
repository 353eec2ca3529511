/* See LICENSE. */
#include "proxy.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ADDRESS_MAX 64

static const char *
find(const char *const names[], const char **name)
{
	const char *s;

	for (; *names != NULL; names++)
		if ((s = getenv(*names)) != NULL && *s != '\0') {
			*name = *names;
			return s;
		}
	return NULL;
}

/* The bytes of an address, IPv6 with or without brackets: how many, or 0. */
static size_t
address(const char *text, unsigned char bytes[16])
{
	char bare[ADDRESS_MAX];
	size_t n;

	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	if (*text == '[')
		text++;
	n = strcspn(text, "]%");
	if (n >= sizeof(bare))
		return 0;
	memcpy(bare, text, n);
	bare[n] = '\0';
	return inet_pton(AF_INET6, bare, bytes) == 1 ? 16 : 0;
}

/* Whether the entry, ADDRESS[/BITS], has the address in it. */
static int
in_network(char *entry, const unsigned char *a, size_t len)
{
	unsigned char net[16];
	char *slash = strchr(entry, '/');
	size_t bits = len * 8;

	if (slash != NULL) {
		*slash++ = '\0';
		if (*slash == '\0' || strlen(slash) > 3 ||
		    slash[strspn(slash, "0123456789")] != '\0' ||
		    (bits = (size_t)atoi(slash)) > len * 8)
			return 0;
	}
	return address(entry, net) == len && memcmp(net, a, bits / 8) == 0 &&
	       (bits % 8 == 0 ||
		   (net[bits / 8] ^ a[bits / 8]) >> (8 - bits % 8) == 0);
}

/* Whether the entry, a domain, is the host's or one above it. */
static int
in_domain(char *entry, const char *host)
{
	size_t h = strlen(host), n;

	if (*entry == '.')
		entry++;
	n = strlen(entry);
	if (n > 0 && entry[n - 1] == '.')
		n--;
	return n > 0 && n <= h && strncasecmp(host + h - n, entry, n) == 0 &&
	       (n == h || host[h - n - 1] == '.');
}

/* Whether no_proxy has the host. */
static int
is_direct(const char *list, const char *host)
{
	unsigned char a[16];
	char entry[256];
	size_t len = address(host, a), n;

	if (strcmp(list, "*") == 0)
		return 1;
	for (; *list != '\0'; list += n) {
		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n >= sizeof(entry))
			continue;
		memcpy(entry, list, n);
		entry[n] = '\0';
		if (len > 0 ? in_network(entry, a, len)
			    : in_domain(entry, host))
			return 1;
	}
	return 0;
}

const char *
proxy_find(const struct http_origin *o, const char **variable)
{
	/* not HTTP_PROXY, which a CGI program has from its client */
	static const char *const http[] = {
	    "http_proxy", "all_proxy", "ALL_PROXY", NULL};
	static const char *const https[] = {
	    "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
	static const char *const none[] = {"no_proxy", "NO_PROXY", NULL};
	const char *list, *name;

	if (http_origin_loopback(o))
		return NULL;
	if ((list = find(none, &name)) != NULL && is_direct(list, o->host))
		return NULL;
	return find(strcmp(o->scheme, "https") == 0 ? https : http, variable);
}
