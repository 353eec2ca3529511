/* See LICENSE. */
#include "token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "json.h"
#include "msg.h"
#include "shown.h"

#define TOKEN_REPLY_MAX (1U << 20)
#define TOKEN_SECONDS 60L
#define TOKEN_TIMEOUT 120L

/* --- the realm --- */

/* Whether the host is the literal address of this or a near machine. */
static int
is_local(const char *host)
{
	struct addr a;

	/* what is in brackets and cannot be read is nothing to ask either */
	if (addr_read(host, &a) == -1)
		return host[0] == '[';
	return a.kind != ADDR_FAR;
}

static int
is_localhost(const char *host)
{
	size_t n = strlen(host);

	return strcmp(host, "localhost") == 0 ||
	       (n > 10 && strcmp(host + n - 10, ".localhost") == 0);
}

int
token_realm_ok(
    const struct http_origin *registry, const char *realm, const char **why)
{
	struct http_origin o;

	if (http_origin(realm, &o) == -1) {
		*why = "not an http or https address";
		return -1;
	}
	if (strcmp(o.scheme, "https") != 0 &&
	    strcmp(registry->scheme, "https") == 0) {
		*why = "plain http";
		return -1;
	}
	if (strcmp(o.host, registry->host) == 0 &&
	    strcmp(o.port, registry->port) == 0)
		return 0;
	if (is_local(o.host) ||
	    (is_localhost(o.host) && !http_origin_loopback(registry))) {
		*why = "an address of the local network";
		return -1;
	}
	return 0;
}

/* --- the request --- */

static int
add_encoded(struct buf *b, const char *s)
{
	static const char safe[] = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz";
	char hex[4];
	int rc = 0;

	for (; *s != '\0' && rc == 0; s++) {
		if (strchr(safe, *s) != NULL)
			rc = buf_add(b, s, 1);
		else {
			snprintf(hex, sizeof(hex), "%%%02X", (unsigned char)*s);
			rc = buf_addstr(b, hex);
		}
	}
	return rc;
}

static int
add_field(struct buf *b, char sep, const char *name, const char *value)
{
	return buf_add(b, &sep, 1) == -1 || buf_addstr(b, name) == -1 ||
		       buf_add(b, "=", 1) == -1 || add_encoded(b, value) == -1
		   ? -1
		   : 0;
}

/*
 * The scopes to ask for, separated by spaces: the challenge's, reduced to
 * pulling; its repository when it names none.
 */
static int
scopes(const struct token_ask *t, struct buf *b)
{
	const char *actions, *p = t->challenge->scope;
	size_t n;

	if (p != NULL)
		p += strspn(p, " ");
	if (p == NULL || *p == '\0')
		return buf_addstr(b, "repository:") == -1 ||
			       buf_addstr(b, t->repository) == -1 ||
			       buf_addstr(b, ":pull") == -1
			   ? -1
			   : 0;
	for (; *p != '\0'; p += n, p += strspn(p, " ")) {
		n = strcspn(p, " ");
		if (b->len > 0 && buf_add(b, " ", 1) == -1)
			return -1;
		for (actions = p + n; actions > p && actions[-1] != ':';)
			actions--;
		if (strncmp(p, "repository:", 11) == 0 &&
		    (strncmp(actions, "pull,", 5) == 0 || *actions == '*')) {
			if (buf_add(b, p, (size_t)(actions - p)) == -1 ||
			    buf_addstr(b, "pull") == -1)
				return -1;
		} else if (buf_add(b, p, n) == -1)
			return -1;
	}
	return 0;
}

/* realm?service=...&scope=...&scope=... */
static char *
get_url(const struct token_ask *t, const char *user)
{
	const struct challenge *c = t->challenge;
	size_t n = strcspn(c->realm, "#");
	struct buf b = {0}, all = {0};
	char sep = memchr(c->realm, '?', n) == NULL ? '?' : '&', *p, *save;
	int rc;

	rc = buf_add(&b, c->realm, n);
	if (rc == 0 && user != NULL) {
		rc = add_field(&b, sep, "account", user);
		sep = '&';
	}
	if (rc == 0 && c->service != NULL) {
		rc = add_field(&b, sep, "service", c->service);
		sep = '&';
	}
	if (rc == 0)
		rc = scopes(t, &all);
	p = rc == 0 ? strtok_r(all.data, " ", &save) : NULL;
	for (; p != NULL && rc == 0; p = strtok_r(NULL, " ", &save)) {
		rc = add_field(&b, sep, "scope", p);
		sep = '&';
	}
	buf_free(&all);
	if (rc == -1)
		buf_free(&b);
	return b.data;
}

static char *
post_form(const struct token_ask *t)
{
	struct buf b = {0}, all = {0};
	int rc;

	rc = scopes(t, &all);
	if (rc == 0)
		rc = buf_addstr(&b, "grant_type=refresh_token&client_id=chr");
	if (rc == 0 && t->challenge->service != NULL)
		rc = add_field(&b, '&', "service", t->challenge->service);
	if (rc == 0)
		rc = add_field(&b, '&', "scope", all.data);
	if (rc == 0)
		rc = add_field(&b, '&', "refresh_token", t->auth->identity);
	buf_free(&all);
	if (rc == -1) {
		http_wipe(b.data);
		return NULL;
	}
	return b.data;
}

/* --- the reply --- */

/* A token goes into a header: printable ASCII without space. */
static int
good_token(const char *s)
{
	if (s == NULL || *s == '\0')
		return 0;
	for (; *s != '\0'; s++)
		if (*s <= 0x20 || *s >= 0x7f)
			return 0;
	return 1;
}

static int
parse(const struct http_call *call, char **token, long *seconds,
    char why[REPLY_WHY])
{
	const char *bad = "", *s;
	struct json *j;
	int64_t n;
	int rc = ST_REFUSED;

	j = json_parse(
	    call->body.len > 0 ? call->body.data : "", call->body.len, &bad);
	s = json_str(json_get(j, "token"));
	if (s == NULL || *s == '\0')
		s = json_str(json_get(j, "access_token"));
	if (j == NULL)
		snprintf(why, REPLY_WHY, "token server %s: not JSON: %s",
		    call->host, bad);
	else if (!good_token(s))
		snprintf(why, REPLY_WHY, "token server %s: no token in reply",
		    call->host);
	else if ((*token = strdup(s)) == NULL) {
		snprintf(why, REPLY_WHY, "%s", strerror(errno));
		rc = ST_LOCAL;
	} else
		rc = 0;
	*seconds = TOKEN_SECONDS;
	if (json_int(json_get(j, "expires_in"), &n) == 0 && n > *seconds)
		*seconds = n > 86400 ? 86400 : (long)n;
	json_free(j);
	return rc;
}

static int
fail(const struct http_call *call, char why[REPLY_WHY])
{
	char text[REPLY_WHY];
	int denied = call->status == 401 || call->status == 403;
	int status = reply_fail(call, text);

	if (call->error != HTTP_OK) {
		snprintf(why, REPLY_WHY, "token server: %.480s", text);
		return status;
	}
	reply_text(call, text, sizeof(text));
	snprintf(why, REPLY_WHY,
	    denied ? "not found or no access: token server %.80s says HTTP "
		     "%d%s%.300s"
		   : "token server %.80s: HTTP %d%s%.300s",
	    call->host, call->status, *text != '\0' ? ": " : "", text);
	return denied ? ST_DENIED : ST_NETWORK;
}

/* 203 is what a proxy makes of 200. */
static int
succeeded(const struct http_call *call)
{
	return call->error == HTTP_OK &&
	       (call->status == 200 || call->status == 203);
}

static void
send_call(struct http *h, const struct token_ask *t, struct http_call *call)
{
	unsigned n = 1;

	do
		http_do(h, call);
	while (reply_again(
	    h, call, n++, REPLY_TRIES, call->error == HTTP_OK, t->verbose));
}

static int
get(struct http *h, const struct token_ask *t, char **token, long *seconds,
    char why[REPLY_WHY])
{
	const struct auth *a = t->auth;
	const char *secret;
	struct http_call call = {0};
	char *basic, *header = NULL, *url;
	int rc = ST_LOCAL;

	secret = a->password != NULL && *a->password != '\0' ? a->password
							     : a->identity;
	if (a->user != NULL && secret != NULL) {
		if ((basic = auth_basic(a->user, secret)) != NULL)
			header = fdio_fmt("Basic %s", basic);
		http_wipe(basic);
		if (header == NULL)
			goto nomem;
	}
	if ((url = get_url(t, header == NULL ? NULL : a->user)) == NULL)
		goto nomem;
	call.method = "GET";
	call.url = url;
	call.auth = header;
	call.max = TOKEN_REPLY_MAX;
	call.secret = 1;
	call.sender = t->sender;
	call.redirects = header == NULL ? HTTP_REDIRECTS : 0;
	call.timeout = TOKEN_TIMEOUT;
	send_call(h, t, &call);
	if (succeeded(&call))
		rc = parse(&call, token, seconds, why);
	else
		rc = fail(&call, why);
	http_clear(&call);
	free(url);
	http_wipe(header);
	return rc;
nomem:
	http_wipe(header);
	snprintf(why, REPLY_WHY, "%s", strerror(ENOMEM));
	return ST_LOCAL;
}

/* Like get; -1 when the server does not do it this way. */
static int
post(struct http *h, const struct token_ask *t, char **token, long *seconds,
    char why[REPLY_WHY])
{
	struct http_call call = {0};
	char *form;
	int rc;

	if ((form = post_form(t)) == NULL) {
		snprintf(why, REPLY_WHY, "%s", strerror(ENOMEM));
		return ST_LOCAL;
	}
	call.method = "POST";
	call.url = t->challenge->realm;
	call.post = form;
	call.max = TOKEN_REPLY_MAX;
	call.secret = 1;
	call.sender = t->sender;
	call.timeout = TOKEN_TIMEOUT;
	send_call(h, t, &call);
	if (succeeded(&call))
		rc = parse(&call, token, seconds, why);
	else if (call.error == HTTP_OK &&
		 (call.status == 400 || call.status == 401 ||
		     call.status == 404 || call.status == 405))
		rc = -1;
	else
		rc = fail(&call, why);
	http_clear(&call);
	http_wipe(form);
	return rc;
}

int
token_get(struct http *h, const struct token_ask *t, char **token,
    long *seconds, char why[REPLY_WHY])
{
	char realm[300];
	const char *bad;
	int rc = -1;

	if (token_realm_ok(t->registry, t->challenge->realm, &bad) == -1) {
		shown_url(realm, sizeof(realm), t->challenge->realm);
		snprintf(why, REPLY_WHY, "realm %s refused: %s", realm, bad);
		return ST_REFUSED;
	}
	if (t->auth->identity != NULL)
		rc = post(h, t, token, seconds, why);
	if (rc == -1)
		rc = get(h, t, token, seconds, why);
	return rc;
}
