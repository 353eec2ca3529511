/* See LICENSE. */
#ifndef HTTP_H
#define HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "fdio.h"

/*
 * HTTP exchanges, several at once.  The only user of libcurl.  Only http and
 * https; redirects are followed here, never from https to http, and lose
 * Authorization when they leave scheme, host and port.  Whoever sends us
 * elsewhere may do so as addr_may_send says: the address of each connection is
 * judged, through a proxy what is written as an address.  Bodies are never
 * decoded.  All functions are silent: what went wrong is in the call.
 */
struct http;

enum http_error {
	HTTP_OK = 0,	  /* a reply, whatever its status */
	HTTP_LOST,	  /* worth another try: reset, timeout, cut short */
	HTTP_SLOW,	  /* less than PACE_BYTES in PACE_SECONDS */
	HTTP_UNREACHABLE, /* connection refused, unknown host */
	HTTP_NOTHTTP,	  /* a reply that is not HTTP: TLS perhaps */
	HTTP_FAILED,	  /* TLS, redirects: no use to try again */
	HTTP_REFUSED,	  /* an address or a header that we do not take */
	HTTP_TOOBIG,	  /* body larger than max */
	HTTP_STOPPED,	  /* by head or data */
	HTTP_LOCAL	  /* memory, certificates */
};

struct http_call {
	/* the request */
	const char *method; /* GET, HEAD or POST */
	const char *url;
	const char *accept; /* value of Accept, or NULL */
	const char *auth;   /* value of Authorization, or NULL */
	const char *post;   /* a form, or NULL */
	uint64_t from;	    /* first byte wanted */
	size_t max;	    /* bytes of body kept in memory */
	unsigned redirects; /* how many may be followed */
	int secret;	    /* the body may hold one: see reply_text */
	int tls;	    /* nothing but https */
	/* who had us ask for url, when that was not the user; or NULL */
	const struct addr *sender;
	/* seconds for the whole of it; 0: as long as the body moves (pace.h) */
	long timeout;
	/*
	 * Where not NULL: head is called once the last reply's header is
	 * there, data for each stretch of a body of status 200 or 206, which
	 * is not kept then.  Non-zero ends the exchange with HTTP_STOPPED.
	 */
	int (*head)(struct http_call *);
	int (*data)(struct http_call *, const void *, size_t);
	void *arg;

	/* the reply, set before head is called */
	enum http_error error;
	char why[300]; /* when error is set */
	int status;
	unsigned hops;	    /* redirects followed */
	char host[300];	    /* host[:port] that was asked last */
	struct addr peer;   /* the address that it had */
	struct buf headers; /* name:value lines of the last reply */
	struct buf body;

	struct http_hop *hop; /* the module's own */
};

#define HTTP_REDIRECTS 10

struct http *http_new(void);
/* Ends what is still under way. */
void http_free(struct http *);

/* Runs one exchange to its end, others going on meanwhile. */
void http_do(struct http *, struct http_call *);

/*
 * Begins an exchange: the call is the module's until http_wait returns it or
 * http_cancel ends it.
 */
void http_start(struct http *, struct http_call *);
/* A call that ended; NULL after ms milliseconds without one. */
struct http_call *http_wait(struct http *, int ms);
/* Lets everything go on for ms milliseconds. */
void http_pause(struct http *, long ms);
void http_cancel(struct http *, struct http_call *);

/* Frees the reply; the call can be used again. */
void http_clear(struct http_call *);

/*
 * The nth header of that name of the last reply, without space around it; at
 * most size - 1 bytes of it are copied.  NULL when there is none.
 */
char *http_header(const struct http_call *, const char *name, size_t nth,
    char *dst, size_t size);
/* Retry-After, in seconds from now; -1 when there is none. */
long http_retry_after(const struct http_call *);

/* The parts of a URL that say who is asked; host is in lower case. */
struct http_origin {
	char scheme[8];
	char host[256]; /* IPv6 addresses in brackets */
	char port[8];	/* never empty */
};

/* 0; -1 for what is no http or https URL, or holds a user. */
int http_origin(const char *url, struct http_origin *);
int http_origin_same(const struct http_origin *, const struct http_origin *);
int http_origin_loopback(const struct http_origin *);
/*
 * The certificates for it, as certs_get: of host:port, else, where the port is
 * the scheme's, of host.
 */
struct certs;
const struct certs *http_certs(
    struct certs **all, const struct http_origin *, char *why, size_t size);
/* Whether there is a directory of certificates for it. */
int http_has_certs(const struct http_origin *);
/* host, with :port where it is not the scheme's: dst[300] */
char *http_origin_str(const struct http_origin *, char *dst, size_t);

/* Overwrites and frees a secret; NULL is nothing. */
void http_wipe(char *);

#endif
