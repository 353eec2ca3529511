/* See LICENSE. */
#include "http.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "certs.h"
#include "msg.h"
#include "pace.h"
#include "proxy.h"
#include "shown.h"

#ifndef VERSION
#define VERSION "0"
#endif

#define HEADERS_MAX (128U << 10)
#define ERROR_BODY_MAX (64U << 10)
#define CONNECT_SECONDS 30L
#define STALL_SECONDS 60L
#define BUFFER_BYTES (512L << 10)
#define TOO_LARGE ((CURLcode)100) /* CURLE_TOO_LARGE, where curl knows it */

struct http {
	CURLM *multi;
	struct certs *certs;	 /* of the servers met so far */
	struct http_hop *active; /* under way, or waiting to be fetched */
};

/* One request of a call; a redirect makes the next. */
struct http_hop {
	struct http_hop *next;
	struct http *http;
	struct http_call *call;
	CURL *easy;
	struct curl_slist *list;
	char *url;
	char error[CURL_ERROR_SIZE];
	struct http_origin origin;
	struct pace pace;   /* of a call without timeout */
	struct addr sender; /* who has us ask this, where restricted */
	struct addr refused;
	int restricted; /* by addr_may_send */
	int proxied;
	int socket_error;
	int auth;  /* still where Authorization belongs */
	int begun; /* head was called */
	int cut;   /* of an error body, we have enough */
	int done;
};

static int MSG_PRINTF(3, 4)
    end(struct http_call *call, enum http_error error, const char *fmt, ...)
{
	va_list ap;

	call->error = error;
	va_start(ap, fmt);
	vsnprintf(call->why, sizeof(call->why), fmt, ap);
	va_end(ap);
	return -1;
}

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

/* --- URLs --- */

static int
part(CURLU *u, CURLUPart what, char *dst, size_t size)
{
	char *s;
	size_t n;

	if (curl_url_get(u, what, &s, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return -1;
	n = strlen(s);
	if (n < size)
		memcpy(dst, s, n + 1);
	curl_free(s);
	return n < size ? 0 : -1;
}

static int
origin_of(CURLU *u, struct http_origin *o)
{
	char *s;
	size_t n;

	if (part(u, CURLUPART_SCHEME, o->scheme, sizeof(o->scheme)) == -1 ||
	    part(u, CURLUPART_HOST, o->host, sizeof(o->host)) == -1 ||
	    part(u, CURLUPART_PORT, o->port, sizeof(o->port)) == -1)
		return -1;
	for (s = o->host; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s += 'a' - 'A';
	n = strlen(o->host);
	if (n > 1 && o->host[n - 1] == '.')
		o->host[n - 1] = '\0';
	return strcmp(o->scheme, "http") == 0 || strcmp(o->scheme, "https") == 0
		   ? 0
		   : -1;
}

/* Resolves to against base, or NULL; the new URL is malloced, or NULL. */
static char *
url_resolve(const char *base, const char *to, struct http_origin *o)
{
	CURLU *u = curl_url();
	char *s = NULL, *url = NULL;

	if (u != NULL &&
	    (base == NULL ||
		curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK) &&
	    curl_url_set(u, CURLUPART_URL, to,
		CURLU_DISALLOW_USER | CURLU_URLENCODE) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
	    origin_of(u, o) == 0 &&
	    curl_url_get(u, CURLUPART_URL, &s, 0) == CURLUE_OK)
		url = strdup(s);
	curl_free(s);
	curl_url_cleanup(u);
	return url;
}

int
http_origin(const char *url, struct http_origin *o)
{
	char *s = url_resolve(NULL, url, o);

	free(s);
	return s == NULL ? -1 : 0;
}

/* --- certificates --- */

/* Puts what the user trusts instead of the system's certificates in front. */
static int
trust(CURL *easy, const char *ca, const struct buf *own)
{
	struct buf all = {0};
	struct curl_blob blob;
	int rc = -1;

	if (ca != NULL && fdio_load_link(AT_FDCWD, ca, 16U << 20, &all) == -1)
		return -1;
	if (buf_add(&all, "\n", 1) == 0 &&
	    buf_add(&all, own->data, own->len) == 0) {
		blob.data = all.data;
		blob.len = all.len;
		blob.flags = CURL_BLOB_COPY;
		if (curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) ==
		    CURLE_OK)
			rc = 0;
	}
	buf_free(&all);
	return rc;
}

static int
set_certs(struct http_hop *hop)
{
	const char *file = getenv("SSL_CERT_FILE"),
		   *dir = getenv("SSL_CERT_DIR");
	struct http_call *call = hop->call;
	const struct certs *c;

	c = http_certs(
	    &hop->http->certs, &hop->origin, call->why, sizeof(call->why));
	if (c == NULL)
		return -1;
	if (file != NULL && *file == '\0')
		file = NULL;
	if (file != NULL) {
		curl_easy_setopt(hop->easy, CURLOPT_CAINFO, file);
		curl_easy_setopt(hop->easy, CURLOPT_CAPATH, NULL);
	}
	if (dir != NULL && *dir != '\0')
		curl_easy_setopt(hop->easy, CURLOPT_CAPATH, dir);
	if (c->ca.len > 0 && trust(hop->easy, file, &c->ca) == -1) {
		snprintf(call->why, sizeof(call->why), "%s: %s",
		    file == NULL ? "certificates" : file, strerror(errno));
		return -1;
	}
	if (c->cert != NULL) {
		curl_easy_setopt(hop->easy, CURLOPT_SSLCERT, c->cert);
		curl_easy_setopt(hop->easy, CURLOPT_SSLKEY, c->key);
	}
	return 0;
}

/* --- proxies --- */

static void
wipe(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	curl_free(s);
}

/* Gives curl a part of the proxy's address, decoded; 0 when it has none. */
static int
give(CURL *easy, CURLoption option, CURLU *u, CURLUPart what)
{
	char *s = NULL;
	CURLUcode code;
	int rc = 0;

	code = curl_url_get(u, what, &s, CURLU_URLDECODE);
	if (code == CURLUE_OK)
		rc = curl_easy_setopt(easy, option, s) == CURLE_OK ? 0 : -1;
	else if (code != CURLUE_NO_USER && code != CURLUE_NO_PASSWORD)
		rc = -1;
	wipe(s);
	return rc;
}

/*
 * The address goes to curl without the password, which its messages would
 * quote.
 */
static int
give_proxy(CURL *easy, CURLU *u)
{
	char *s = NULL;
	int rc = -1;

	if (give(easy, CURLOPT_PROXYUSERNAME, u, CURLUPART_USER) == 0 &&
	    give(easy, CURLOPT_PROXYPASSWORD, u, CURLUPART_PASSWORD) == 0 &&
	    curl_url_set(u, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_URL, &s, 0) == CURLUE_OK &&
	    curl_easy_setopt(easy, CURLOPT_PROXY, s) == CURLE_OK)
		rc = 0;
	curl_free(s);
	return rc;
}

static int
is_proxy_scheme(CURLU *u)
{
	static const char *const known[] = {
	    "http", "https", "socks4", "socks4a", "socks5", "socks5h"};
	char *s = NULL;
	size_t i;
	int found = 0;

	if (curl_url_get(u, CURLUPART_SCHEME, &s, 0) != CURLUE_OK)
		return 0;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		found |= strcasecmp(s, known[i]) == 0;
	curl_free(s);
	return found;
}

/* -1: what the environment says is no address of a proxy. */
static int
set_proxy(struct http_hop *hop)
{
	const char *name = "", *value = proxy_find(&hop->origin, &name);
	char *url;
	CURLU *u;
	int rc = -1;

	/* what we found is all: curl is not to look for itself */
	curl_easy_setopt(hop->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(hop->easy, CURLOPT_NOPROXY, "");
	hop->proxied = value != NULL;
	if (value == NULL)
		return 0;
	url = strstr(value, "://") != NULL ? strdup(value)
					   : fdio_fmt("http://%s", value);
	u = curl_url();
	if (url != NULL && u != NULL &&
	    curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ==
		CURLUE_OK &&
	    is_proxy_scheme(u))
		rc = give_proxy(hop->easy, u);
	curl_url_cleanup(u);
	http_wipe(url);
	if (rc == -1)
		end(hop->call, HTTP_LOCAL, "%s: not the address of a proxy",
		    name);
	return rc;
}

/* --- one hop --- */

static void
hop_clean(struct http_hop *hop)
{
	struct curl_slist *l;

	if (hop->easy != NULL) {
		curl_multi_remove_handle(hop->http->multi, hop->easy);
		curl_easy_cleanup(hop->easy);
	}
	hop->easy = NULL;
	for (l = hop->list; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(hop->list);
	hop->list = NULL;
	http_wipe(hop->url);
	hop->url = NULL;
}

static void
hop_free(struct http_hop *hop)
{
	struct http_hop **p;

	for (p = &hop->http->active; *p != NULL; p = &(*p)->next)
		if (*p == hop) {
			*p = hop->next;
			break;
		}
	hop_clean(hop);
	hop->call->hop = NULL;
	free(hop);
}

/* -1, with the reason, for an address that we were not to ask. */
static int
refused(struct http_hop *hop)
{
	struct http_call *call = hop->call;
	char ip[INET6_ADDRSTRLEN];

	return end(call, HTTP_REFUSED, "%s%s refused: %s is a %s address",
	    call->hops > 0 ? "redirect to " : "", call->host,
	    addr_str(&hop->refused, ip), addr_kind(&hop->refused));
}

static void
too_large(struct http_call *call)
{
	end(call, HTTP_REFUSED, "%s: header of the reply is too large",
	    call->host);
}

/* Whether the line says that curl would decode the body. */
static int
is_encoded(const char *line, size_t len)
{
	static const char name[] = "transfer-encoding:", chunked[] = "chunked";
	size_t n = sizeof(name) - 1;

	if (len < n || strncasecmp(line, name, n) != 0)
		return 0;
	while (n < len && strchr(" \t", line[n]) != NULL)
		n++;
	while (len > n && strchr(" \t\r\n", line[len - 1]) != NULL)
		len--;
	return len - n != sizeof(chunked) - 1 ||
	       strncasecmp(line + n, chunked, len - n) != 0;
}

static size_t
on_header(char *data, size_t one, size_t len, void *arg)
{
	struct http_hop *hop = arg;
	struct http_call *call = hop->call;

	(void)one;
	if (len >= 5 && strncasecmp(data, "HTTP/", 5) == 0) {
		buf_free(&call->headers);
		return len;
	}
	if (call->headers.len + len > HEADERS_MAX) {
		too_large(call);
		return 0;
	}
	if (is_encoded(data, len)) {
		end(call, HTTP_REFUSED,
		    "%s: a Transfer-Encoding other than chunked", call->host);
		return 0;
	}
	if (buf_add(&call->headers, data, len) == -1) {
		end(call, HTTP_LOCAL, "%s", strerror(errno));
		return 0;
	}
	return len;
}

static int
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

/* The header is complete: whether the exchange goes on. */
static int
begin(struct http_hop *hop)
{
	struct http_call *call = hop->call;
	long status = 0;

	if (hop->begun)
		return 0;
	hop->begun = 1;
	curl_easy_getinfo(hop->easy, CURLINFO_RESPONSE_CODE, &status);
	call->status = (int)status;
	if (is_redirect(call->status) || call->head == NULL)
		return 0;
	if (call->head(call) != 0)
		return end(call, HTTP_STOPPED, "stopped");
	return 0;
}

static size_t
on_body(char *data, size_t one, size_t len, void *arg)
{
	struct http_hop *hop = arg;
	struct http_call *call = hop->call;
	size_t max = call->max;
	int good;

	(void)one;
	pace_add(&hop->pace, len);
	if (begin(hop) == -1)
		return 0;
	good = call->status == 200 || call->status == 206;
	if (good && call->data != NULL) {
		if (call->data(call, data, len) == 0)
			return len;
		end(call, HTTP_STOPPED, "stopped");
		return 0;
	}
	if (!good)
		max = ERROR_BODY_MAX;
	if (len > max - call->body.len) {
		if (good)
			end(call, HTTP_TOOBIG, "larger than %zu bytes", max);
		hop->cut = !good;
		return 0;
	}
	if (buf_add(&call->body, data, len) == -1) {
		end(call, HTTP_LOCAL, "%s", strerror(errno));
		return 0;
	}
	return len;
}

/* --- addresses --- */

/* Whether this hop may go there; else that is kept for explain. */
static int
may_ask(struct http_hop *hop, const struct addr *to)
{
	if (!hop->restricted || addr_may_send(&hop->sender, to))
		return 1;
	hop->refused = *to;
	return 0;
}

static curl_socket_t
on_open(void *arg, curlsocktype type, struct curl_sockaddr *to)
{
	struct http_hop *hop = arg;
	struct addr a;
	int fd;

	(void)type;
	if (!hop->proxied && addr_of(&to->addr, &a) == 0 && !may_ask(hop, &a))
		return CURL_SOCKET_BAD;
	fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	if (fd == -1)
		hop->socket_error = errno;
	return fd;
}

/* The address at the other end, of the proxy where there is one. */
static void
set_peer(struct http_hop *hop, const char *ip)
{
	if (hop->proxied)
		ip = hop->origin.host;
	if (ip == NULL || addr_read(ip, &hop->call->peer) == -1)
		memset(&hop->call->peer, 0, sizeof(hop->call->peer));
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* A connection that is used again was opened for another request. */
static int
on_request(void *arg, char *ip, char *own_ip, int port, int own_port)
{
	struct http_hop *hop = arg;

	(void)own_ip;
	(void)port;
	(void)own_port;
	set_peer(hop, ip);
	return may_ask(hop, &hop->call->peer) ? CURL_PREREQFUNC_OK
					      : CURL_PREREQFUNC_ABORT;
}
#endif

static void
set_addresses(struct http_hop *hop)
{
	CURL *e = hop->easy;

	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, hop);
#if LIBCURL_VERSION_NUM >= 0x075000
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, hop);
#else
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, (long)hop->restricted);
#endif
}

/* What needs no connection to be judged. */
static int
check_origin(struct http_hop *hop)
{
	struct http_call *call = hop->call;
	struct addr a;

	if (call->tls && strcmp(hop->origin.scheme, "https") != 0)
		return end(
		    call, HTTP_REFUSED, "%s refused: plain http", call->host);
	if (addr_read(hop->origin.host, &a) == 0 && !may_ask(hop, &a))
		return refused(hop);
	return 0;
}

/* --- the request --- */

static int MSG_PRINTF(2, 3)
    add_header(struct http_hop *hop, const char *fmt, ...)
{
	struct curl_slist *l;
	char line[512], *s = line, *big = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line)) {
		if ((s = big = malloc((size_t)n + 1)) == NULL)
			return -1;
		va_start(ap, fmt);
		vsnprintf(s, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	l = curl_slist_append(hop->list, s);
	if (l != NULL)
		hop->list = l;
	explicit_bzero(line, sizeof(line));
	http_wipe(big);
	return l == NULL ? -1 : 0;
}

/* A fixed list each time: nothing from an earlier hop is left. */
static int
set_headers(struct http_hop *hop)
{
	struct http_call *call = hop->call;

	if (call->accept != NULL &&
	    add_header(hop, "Accept: %s", call->accept) == -1)
		return -1;
	if (hop->auth && call->auth != NULL &&
	    add_header(hop, "Authorization: %s", call->auth) == -1)
		return -1;
	if (call->from > 0 && add_header(hop, "Range: bytes=%llu-",
				  (unsigned long long)call->from) == -1)
		return -1;
	return 0;
}

static void
set_options(struct http_hop *hop)
{
	CURL *e = hop->easy;

	curl_easy_setopt(e, CURLOPT_URL, hop->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	/* url_resolve lets nothing else pass */
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#endif
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "chr/" VERSION);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
	curl_easy_setopt(e, CURLOPT_TIMEOUT, hop->call->timeout);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, hop->error);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, hop);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, hop);
	curl_easy_setopt(e, CURLOPT_PRIVATE, hop);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, hop->list);
	if (strcmp(hop->call->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	if (hop->call->post != NULL)
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, hop->call->post);
}

/* Sends the request for hop->url. */
static int
hop_start(struct http_hop *hop)
{
	struct http_call *call = hop->call;

	buf_free(&call->headers);
	buf_free(&call->body);
	call->status = 0;
	hop->begun = hop->cut = hop->done = hop->socket_error = 0;
	memset(&hop->refused, 0, sizeof(hop->refused));
	hop->error[0] = '\0';
	pace_start(&hop->pace, now_ms());
	http_origin_str(&hop->origin, call->host, sizeof(call->host));
	if ((hop->easy = curl_easy_init()) == NULL || set_headers(hop) == -1)
		return end(call, HTTP_LOCAL, "%s", strerror(ENOMEM));
	set_options(hop);
	if (set_proxy(hop) == -1 || check_origin(hop) == -1)
		return -1;
	set_addresses(hop);
	if (strcmp(hop->origin.scheme, "https") == 0 && set_certs(hop) == -1) {
		call->error = HTTP_LOCAL;
		return -1;
	}
	if (curl_multi_add_handle(hop->http->multi, hop->easy) != CURLM_OK)
		return end(call, HTTP_LOCAL, "%s", strerror(ENOMEM));
	return 0;
}

/* --- the end of a hop --- */

/* Where a redirect leads; signed addresses are long.  malloced, or NULL. */
static char *
location(const struct http_hop *hop, struct http_origin *to)
{
	size_t size = hop->call->headers.len + 1;
	char *url = NULL, *where = calloc(1, size);

	if (where != NULL &&
	    http_header(hop->call, "Location", 0, where, size) != NULL)
		url = url_resolve(hop->url, where, to);
	http_wipe(where);
	return url;
}

/* 1 when another hop was begun, 0 when this reply is the last. */
static int
redirect(struct http_hop *hop)
{
	struct http_call *call = hop->call;
	struct http_origin to;
	char none[1], *url;

	if (http_header(call, "Location", 0, none, sizeof(none)) == NULL)
		return end(call, HTTP_FAILED, "HTTP %d without Location",
		    call->status);
	if (call->hops >= call->redirects)
		return end(call, HTTP_FAILED, "%s",
		    call->redirects > 0 ? "too many redirects"
					: "redirect of a request with "
					  "credentials refused");
	if ((url = location(hop, &to)) == NULL)
		return end(call, HTTP_FAILED, "redirect to a bad address");
	if (strcmp(hop->origin.scheme, "https") == 0 &&
	    strcmp(to.scheme, "https") != 0) {
		http_wipe(url);
		return end(
		    call, HTTP_FAILED, "redirect from https to http refused");
	}
	if (!http_origin_same(&hop->origin, &to))
		hop->auth = 0;
	hop_clean(hop);
	hop->restricted = 1;
	hop->sender = call->peer;
	hop->url = url;
	hop->origin = to;
	call->hops++;
	return hop_start(hop) == 0 ? 1 : -1;
}

static enum http_error
classify(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
		return HTTP_UNREACHABLE;
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 */
	case CURLE_WEIRD_SERVER_REPLY:
		return HTTP_NOTHTTP;
	case CURLE_GOT_NOTHING:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
		return HTTP_LOST;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_CIPHER:
		return HTTP_LOCAL;
	default:
		return HTTP_FAILED;
	}
}

/*
 * curl takes no line of a header over 100 kB, and older versions call that
 * want of memory.  Memory that ends just there is taken for the same.
 */
static int
is_long_line(const struct http_hop *hop, CURLcode code)
{
	long sent = 0;

	if (code == TOO_LARGE)
		return 1;
	curl_easy_getinfo(hop->easy, CURLINFO_REQUEST_SIZE, &sent);
	return code == CURLE_OUT_OF_MEMORY && sent > 0 && !hop->begun;
}

/* Of this machine, not of the network. */
static int
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
	       error == ENOBUFS;
}

static void
explain(struct http_hop *hop, CURLcode code)
{
	struct http_call *call = hop->call;
	const char *text;
	long e = 0, proxy = 0;

	if (hop->refused.kind != ADDR_FAR &&
	    (code == CURLE_COULDNT_CONNECT ||
		code == CURLE_ABORTED_BY_CALLBACK)) {
		refused(hop);
		return;
	}
	if (is_long_line(hop, code)) {
		too_large(call);
		return;
	}
	if (is_shortage(hop->socket_error)) {
		end(call, HTTP_LOCAL, "%s", strerror(hop->socket_error));
		return;
	}
	text = hop->error[0] != '\0' ? hop->error : curl_easy_strerror(code);
	curl_easy_getinfo(hop->easy, CURLINFO_OS_ERRNO, &e);
	curl_easy_getinfo(hop->easy, CURLINFO_HTTP_CONNECTCODE, &proxy);
	call->error = classify(code);
	/* what a server or proxy refuses once it refuses again */
	if (code == CURLE_RECV_ERROR &&
	    (strstr(text, " alert ") != NULL || (proxy >= 300 && proxy < 500)))
		call->error = HTTP_FAILED;
	if (code == CURLE_COULDNT_CONNECT && e != 0)
		text = strerror((int)e);
	else if (code == CURLE_OPERATION_TIMEDOUT && call->status == 0)
		text = "timed out";
	else if (code == CURLE_COULDNT_RESOLVE_PROXY)
		/* its name may be a password without a host */
		text = "no such proxy, or no answer from the name server";
	else if (code == CURLE_COULDNT_RESOLVE_HOST)
		text = "no such host, or no answer from the name server";
	if (call->error == HTTP_UNREACHABLE ||
	    (code == CURLE_OPERATION_TIMEDOUT && call->status == 0))
		end(call, call->error, "cannot reach %s: %s", call->host, text);
	else
		end(call, call->error, "%s: %s", call->host, text);
}

/* Whether the call has ended. */
static int
hop_end(struct http_hop *hop, CURLcode code)
{
	struct http_call *call = hop->call;
	char *ip = NULL;

	curl_easy_getinfo(hop->easy, CURLINFO_PRIMARY_IP, &ip);
	set_peer(hop, ip);
	if ((code == CURLE_OK || hop->cut) && begin(hop) == 0 &&
	    is_redirect(call->status) && redirect(hop) == 1)
		return 0;
	if (code != CURLE_OK && call->error == HTTP_OK && !hop->cut)
		explain(hop, code);
	hop_clean(hop);
	hop->done = 1;
	return 1;
}

/* --- the loop --- */

struct http *
http_new(void)
{
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (h = calloc(1, sizeof(*h))) == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if ((h->multi = curl_multi_init()) == NULL) {
		free(h);
		errno = ENOMEM;
		return NULL;
	}
	return h;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	while (h->active != NULL)
		hop_free(h->active);
	curl_multi_cleanup(h->multi);
	certs_free(h->certs);
	free(h);
}

void
http_start(struct http *h, struct http_call *call)
{
	struct http_hop *hop;
	char shown[200];

	http_clear(call);
	if ((hop = calloc(1, sizeof(*hop))) == NULL) {
		end(call, HTTP_LOCAL, "%s", strerror(errno));
		return;
	}
	hop->http = h;
	hop->call = call;
	hop->auth = 1;
	if (call->sender != NULL) {
		hop->restricted = 1;
		hop->sender = *call->sender;
	}
	call->hop = hop;
	hop->next = h->active;
	h->active = hop;
	hop->url = url_resolve(NULL, call->url, &hop->origin);
	if (hop->url == NULL)
		end(call, HTTP_FAILED, "bad address: %s",
		    shown_url(shown, sizeof(shown), call->url));
	if (hop->url == NULL || hop_start(hop) == -1) {
		hop_clean(hop);
		hop->done = 1;
	}
}

/* Ends what has come to a halt.  Framing and headers move nothing. */
static void
check_pace(struct http *h)
{
	struct http_hop *hop;
	long now = now_ms();

	for (hop = h->active; hop != NULL; hop = hop->next)
		if (!hop->done && hop->call->timeout == 0 &&
		    pace_lost(&hop->pace, now)) {
			end(hop->call, HTTP_SLOW,
			    "%s: less than %d bytes in %d s", hop->call->host,
			    PACE_BYTES, PACE_SECONDS);
			hop_clean(hop);
			hop->done = 1;
		}
}

/* Moves everything on, waiting ms at most. */
static void
turn(struct http *h, int ms)
{
	struct http_hop *hop;
	CURLMsg *m;
	CURLcode code;
	int left, running;

	curl_multi_perform(h->multi, &running);
	if ((m = curl_multi_info_read(h->multi, &left)) == NULL) {
		curl_multi_poll(h->multi, NULL, 0, ms, NULL);
		curl_multi_perform(h->multi, &running);
		m = curl_multi_info_read(h->multi, &left);
	}
	for (; m != NULL; m = curl_multi_info_read(h->multi, &left)) {
		if (m->msg != CURLMSG_DONE)
			continue;
		code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &hop);
		hop_end(hop, code);
	}
	check_pace(h);
}

void
http_do(struct http *h, struct http_call *call)
{
	http_start(h, call);
	while (call->hop != NULL && !call->hop->done)
		turn(h, 1000);
	if (call->hop != NULL)
		hop_free(call->hop);
}

static struct http_call *
next_done(struct http *h)
{
	struct http_call *call;
	struct http_hop *hop;

	for (hop = h->active; hop != NULL; hop = hop->next)
		if (hop->done) {
			call = hop->call;
			hop_free(hop);
			return call;
		}
	return NULL;
}

struct http_call *
http_wait(struct http *h, int ms)
{
	struct http_call *call;

	if ((call = next_done(h)) != NULL)
		return call;
	turn(h, ms);
	return next_done(h);
}

void
http_pause(struct http *h, long ms)
{
	long left, until = now_ms() + ms;

	while ((left = until - now_ms()) > 0)
		turn(h, left > 1000 ? 1000 : (int)left);
}

void
http_cancel(struct http *h, struct http_call *call)
{
	(void)h;
	if (call->hop != NULL)
		hop_free(call->hop);
}
