/* See LICENSE. */
#ifndef ADDR_H
#define ADDR_H

#include <sys/socket.h>

/*
 * How near an address of the Internet is.  IPv4 addresses that are written as
 * IPv6 count as what they are.
 */
enum addr_kind {
	ADDR_FAR = 0,  /* or not known */
	ADDR_PRIVATE,  /* of a local network; multicast */
	ADDR_LOOPBACK, /* and the address without a host, which leads there */
	ADDR_LINK      /* link-local: of cloud machines' metadata, too */
};

/* All zero is an address that is not known. */
struct addr {
	enum addr_kind kind;
	unsigned char bytes[16];
};

/* A literal address, IPv6 with or without brackets.  0; -1: a name. */
int addr_read(const char *, struct addr *);

/* 0; -1: of another family. */
int addr_of(const struct sockaddr *, struct addr *);

/*
 * Whether the server at from may have us ask to: never a link-local address,
 * one of the loopback interface only from there; its own always.
 */
int addr_may_send(const struct addr *from, const struct addr *to);

/* The literal address: dst[46]. */
char *addr_str(const struct addr *, char *dst);
/* "link-local" and so on. */
const char *addr_kind(const struct addr *);

#endif
