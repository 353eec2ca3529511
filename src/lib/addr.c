/* See LICENSE. */
#include "addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string.h>

#define TEXT_MAX 64

/* The first bytes of IPv6 addresses that hold one of IPv4. */
static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff},
			   nat64[12] = {0, 0x64, 0xff, 0x9b}, zero[16];

static enum addr_kind
kind4(const unsigned char *a)
{
	if (a[0] == 169 && a[1] == 254)
		return ADDR_LINK;
	if (a[0] == 0 || a[0] == 127)
		return ADDR_LOOPBACK;
	if (a[0] == 10 || (a[0] == 100 && (a[1] & 0xc0) == 64) ||
	    (a[0] == 172 && (a[1] & 0xf0) == 16) ||
	    (a[0] == 192 && a[1] == 168) || a[0] >= 224)
		return ADDR_PRIVATE;
	return ADDR_FAR;
}

static enum addr_kind
kind6(const unsigned char *a)
{
	if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
		return kind4(a + 12);
	if (memcmp(a, zero, 15) == 0)
		return ADDR_LOOPBACK;
	if (memcmp(a, zero, 12) == 0)
		return kind4(a + 12);
	if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
		return ADDR_LINK;
	if ((a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0xc0) ||
	    a[0] == 0xff)
		return ADDR_PRIVATE;
	return ADDR_FAR;
}

static void
set4(struct addr *a, const void *bytes)
{
	memcpy(a->bytes, mapped, 12);
	memcpy(a->bytes + 12, bytes, 4);
	a->kind = kind6(a->bytes);
}

int
addr_read(const char *text, struct addr *a)
{
	unsigned char v4[4];
	char bare[TEXT_MAX];
	size_t n;

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, v4) == 1) {
		set4(a, v4);
		return 0;
	}
	if (*text == '[')
		text++;
	n = strcspn(text, "]%");
	if (n >= sizeof(bare))
		return -1;
	memcpy(bare, text, n);
	bare[n] = '\0';
	if (inet_pton(AF_INET6, bare, a->bytes) != 1)
		return -1;
	a->kind = kind6(a->bytes);
	return 0;
}

int
addr_of(const struct sockaddr *sa, struct addr *a)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		set4(a, &in.sin_addr);
		return 0;
	}
	if (sa->sa_family != AF_INET6)
		return -1;
	memcpy(&in6, sa, sizeof(in6));
	memcpy(a->bytes, &in6.sin6_addr, 16);
	a->kind = kind6(a->bytes);
	return 0;
}

int
addr_may_send(const struct addr *from, const struct addr *to)
{
	if (to->kind != ADDR_LINK && to->kind != ADDR_LOOPBACK)
		return 1;
	return from->kind == to->kind &&
	       (to->kind == ADDR_LOOPBACK ||
		   memcmp(from->bytes, to->bytes, 16) == 0);
}

char *
addr_str(const struct addr *a, char *dst)
{
	int v4 = memcmp(a->bytes, mapped, 12) == 0;

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->bytes + 12 : a->bytes, dst,
	    INET6_ADDRSTRLEN);
	return dst;
}

const char *
addr_kind(const struct addr *a)
{
	static const char *const names[] = {
	    "public", "private", "loopback", "link-local"};

	return names[a->kind];
}
