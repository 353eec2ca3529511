/* See LICENSE. */
#include "endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "msg.h"
#include "token.h"

#define PING_MAX (64U << 10)
#define PING_TIMEOUT 60L

long
endpoint_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

struct endpoint *
endpoint_new(const char *base, const char *ns, const char *domain,
    const char *repository)
{
	struct endpoint *ep;

	if ((ep = calloc(1, sizeof(*ep))) == NULL)
		return NULL;
	if (http_origin(base, &ep->origin) == -1) {
		free(ep);
		errno = EINVAL;
		return NULL;
	}
	ep->repository = repository;
	if ((ep->base = strdup(base)) == NULL ||
	    (ep->domain = strdup(domain)) == NULL ||
	    (ns != NULL && (ep->ns = strdup(ns)) == NULL)) {
		endpoint_free(ep);
		errno = ENOMEM;
		return NULL;
	}
	auth_find(domain, repository, &ep->auth);
	return ep;
}

void
endpoint_free(struct endpoint *ep)
{
	if (ep == NULL)
		return;
	free(ep->base);
	free(ep->domain);
	free(ep->ns);
	auth_clear(&ep->auth);
	challenge_clear(&ep->challenge);
	http_wipe(ep->value);
	free(ep);
}

char *
endpoint_url(const struct endpoint *ep, const char *kind, const char *id)
{
	return fdio_fmt("%s/v2/%s/%s/%s%s%s", ep->base, ep->repository, kind,
	    id, ep->ns != NULL ? "?ns=" : "", ep->ns != NULL ? ep->ns : "");
}

/* --- authorization --- */

static int
nomem(char why[REPLY_WHY])
{
	snprintf(why, REPLY_WHY, "%s", strerror(ENOMEM));
	return ST_LOCAL;
}

static int
set_value(struct endpoint *ep, const char *scheme, const char *secret,
    long seconds, char why[REPLY_WHY])
{
	char *value = fdio_fmt("%s %s", scheme, secret);

	if (value == NULL)
		return nomem(why);
	http_wipe(ep->value);
	ep->value = value;
	ep->generation++;
	ep->expires = seconds == 0 ? 0 : endpoint_now() + seconds * 900;
	return 0;
}

/* How many challenges the reply has; the best is the endpoint's. */
static int
learn(struct endpoint *ep, const struct http_call *reply, int *bad)
{
	struct challenge c = {0};
	char text[8192];
	size_t n;

	*bad = 0;
	for (n = 0; http_header(reply, "WWW-Authenticate", n, text,
			sizeof(text)) != NULL;
	     n++)
		if (challenge_add(&c, text) == -1)
			*bad = 1;
	if (c.scheme != CHALLENGE_NONE) {
		challenge_clear(&ep->challenge);
		ep->challenge = c;
		ep->sender = reply->peer;
	}
	return (int)n;
}

static void
ping(struct http *h, const char *base, struct http_call *call)
{
	char *url = fdio_fmt("%s/v2/", base);

	memset(call, 0, sizeof(*call));
	call->method = "GET";
	call->url = url;
	call->max = PING_MAX;
	call->redirects = HTTP_REDIRECTS;
	call->timeout = PING_TIMEOUT;
	if (url == NULL)
		call->error = HTTP_LOCAL;
	else
		http_do(h, call);
	call->url = NULL;
	free(url);
}

/* Some servers say how to log in at /v2/ only. */
static int
learn_anywhere(struct http *h, struct endpoint *ep,
    const struct http_call *reply, char why[REPLY_WHY])
{
	struct http_call call;
	int bad;

	if (learn(ep, reply, &bad) == 0) {
		ping(h, ep->base, &call);
		if (call.error == HTTP_OK && call.hops == 0)
			learn(ep, &call, &bad);
		http_clear(&call);
	}
	if (ep->challenge.scheme != CHALLENGE_NONE)
		return 0;
	if (bad) {
		snprintf(why, REPLY_WHY,
		    "%s: malformed WWW-Authenticate header", reply->host);
		return ST_REFUSED;
	}
	reply_fail(reply, why);
	return ST_DENIED;
}

static int
get_token(struct http *h, struct endpoint *ep, char why[REPLY_WHY])
{
	struct token_ask ask = {&ep->origin, &ep->sender, &ep->challenge,
	    ep->repository, &ep->auth, ep->verbose};
	char *token;
	long seconds;
	int rc;

	if ((rc = token_get(h, &ask, &token, &seconds, why)) != 0)
		return rc;
	rc = set_value(ep, "Bearer", token, seconds, why);
	http_wipe(token);
	return rc;
}

static int
use_basic(
    struct endpoint *ep, const struct http_call *reply, char why[REPLY_WHY])
{
	char *basic, text[200];
	int rc;

	if (ep->auth.user == NULL || ep->auth.password == NULL ||
	    ep->value != NULL) {
		reply_fail(reply, why);
		if (ep->value == NULL &&
		    reply_text(reply, text, sizeof(text))[0] == '\0')
			snprintf(why, REPLY_WHY,
			    "not found or no access: no credentials for %.255s",
			    ep->domain);
		return ST_DENIED;
	}
	basic = auth_basic(ep->auth.user, ep->auth.password);
	if (basic == NULL)
		return nomem(why);
	rc = set_value(ep, "Basic", basic, 0, why);
	http_wipe(basic);
	return rc;
}

int
endpoint_authorize(struct http *h, struct endpoint *ep,
    const struct http_call *reply, char why[REPLY_WHY])
{
	int rc;

	if (ep->auth.bearer != NULL) {
		if (ep->value == NULL)
			return set_value(ep, "Bearer", ep->auth.bearer, 0, why);
		return reply_fail(reply, why);
	}
	if (reply != NULL && (rc = learn_anywhere(h, ep, reply, why)) != 0)
		return rc;
	if (ep->challenge.scheme == CHALLENGE_BEARER)
		return get_token(h, ep, why);
	return use_basic(ep, reply, why);
}

int
endpoint_refresh(struct http *h, struct endpoint *ep, char why[REPLY_WHY])
{
	if (ep->auth.bearer != NULL && ep->value == NULL)
		return endpoint_authorize(h, ep, NULL, why);
	if (ep->value == NULL || ep->expires == 0 ||
	    endpoint_now() < ep->expires)
		return 0;
	return endpoint_authorize(h, ep, NULL, why);
}

/* --- http or https --- */

/* Whether the reply to plain http looks as if the server talks TLS. */
static int
looks_tls(const struct http_call *call)
{
	return call->error == HTTP_NOTHTTP || call->error == HTTP_LOST ||
	       (call->error == HTTP_OK && call->status == 400 &&
		   call->body.len > 0 &&
		   strcasestr(call->body.data, "https") != NULL);
}

/* 1 when the guess was wrong, and is put right. */
static int
correct_guess(struct http *h, struct endpoint *ep, const struct http_call *call)
{
	struct http_call try;
	char *base;
	int tls = 0;

	if (!ep->guess || ep->spoke || !looks_tls(call))
		return 0;
	if ((base = fdio_fmt("https%s", ep->base + strlen("http"))) == NULL)
		return 0;
	ping(h, base, &try);
	tls = try.error == HTTP_OK || try.error == HTTP_FAILED;
	http_clear(&try);
	if (tls && http_origin(base, &ep->origin) == 0) {
		free(ep->base);
		ep->base = base;
		ep->guess = 0;
		return 1;
	}
	free(base);
	return 0;
}

/* --- calls --- */

/* One exchange, and more while its failure looks passing. */
static int
exchange(struct http *h, struct endpoint *ep, const char *kind, const char *id,
    struct http_call *call, char why[REPLY_WHY])
{
	unsigned n, tries = ep->ns == NULL ? REPLY_TRIES : 1;
	char *url;

	for (n = 1;; n++) {
		if ((url = endpoint_url(ep, kind, id)) == NULL)
			return nomem(why);
		call->url = url;
		call->auth = ep->value;
		http_do(h, call);
		call->url = NULL;
		call->auth = NULL;
		free(url);
		if (correct_guess(h, ep, call))
			continue;
		if (call->error == HTTP_OK)
			ep->spoke = 1;
		if (!reply_again(h, call, n, tries, ep->spoke, ep->verbose))
			break;
	}
	reply_warnings(call);
	return 0;
}

int
endpoint_call(struct http *h, struct endpoint *ep, const char *kind,
    const char *id, struct http_call *call, char why[REPLY_WHY])
{
	int again = 0, rc;

	for (;;) {
		if ((rc = endpoint_refresh(h, ep, why)) != 0 ||
		    (rc = exchange(h, ep, kind, id, call, why)) != 0)
			return rc;
		if (call->error != HTTP_OK || call->status != 401 ||
		    call->hops > 0 || again++ > 0)
			return 0;
		if ((rc = endpoint_authorize(h, ep, call, why)) != 0)
			return rc;
		http_clear(call);
	}
}
