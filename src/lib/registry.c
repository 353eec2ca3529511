/* See LICENSE. */
#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "json.h"
#include "msg.h"
#include "registryimpl.h"

#define ACCEPT                                                        \
	"application/vnd.oci.image.index.v1+json, "                   \
	"application/vnd.docker.distribution.manifest.list.v2+json, " \
	"application/vnd.oci.image.manifest.v1+json, "                \
	"application/vnd.docker.distribution.manifest.v2+json"
#define MANIFEST_TIMEOUT 600L

/* --- opening --- */

static void
add_last(struct endpoint **list, struct endpoint *ep)
{
	while (*list != NULL)
		list = &(*list)->next;
	*list = ep;
}

/*
 * Plain http when the reference says so.  On the loopback interface without a
 * word: https where there are certificates for it, else http until the server
 * turns out to talk TLS.
 */
static struct endpoint *
open_origin(const struct ref *ref)
{
	const char *host = ref->domain;
	struct http_origin o;
	struct endpoint *ep;
	char *base;
	int guess = 0;

	if (strcmp(host, "docker.io") == 0)
		host = "registry-1.docker.io";
	if ((base = fdio_fmt("https://%s", host)) == NULL)
		return NULL;
	if (http_origin(base, &o) == 0 && !ref->http)
		guess = http_origin_loopback(&o) && !http_has_certs(&o);
	if (ref->http || guess) {
		free(base);
		if ((base = fdio_fmt("http://%s", host)) == NULL)
			return NULL;
	}
	ep = endpoint_new(base, NULL, ref->domain, ref->path);
	if (ep != NULL)
		ep->guess = guess;
	free(base);
	return ep;
}

struct registry *
registry_open(
    const struct ref *ref, const struct registry_opts *opts, int *status)
{
	struct registry *r;
	struct endpoint *ep;

	*status = ST_LOCAL;
	if ((r = calloc(1, sizeof(*r))) == NULL) {
		msg_warn("%s", ref->domain);
		return NULL;
	}
	r->opts = *opts;
	if ((r->name = ref_repository(ref)) == NULL ||
	    (r->tag_name = ref_name(ref)) == NULL ||
	    (r->repository = strdup(ref->path)) == NULL ||
	    (r->http = http_new()) == NULL) {
		msg_warn("%s", ref->domain);
		goto fail;
	}
	if ((*status = mirrors_find(
		 ref->domain, r->repository, &r->endpoints)) != 0)
		goto fail;
	if ((ep = open_origin(ref)) == NULL) {
		*status = errno == EINVAL ? ST_USAGE : ST_LOCAL;
		msg_warn("%s", ref->domain);
		goto fail;
	}
	add_last(&r->endpoints, ep);
	for (ep = r->endpoints; ep != NULL; ep = ep->next) {
		ep->repository = r->repository;
		ep->verbose = opts->verbose;
	}
	return r;
fail:
	registry_close(r);
	return NULL;
}

void
registry_close(struct registry *r)
{
	struct endpoint *ep;

	if (r == NULL)
		return;
	http_free(r->http);
	while ((ep = r->endpoints) != NULL) {
		r->endpoints = ep->next;
		endpoint_free(ep);
	}
	free(r->name);
	free(r->tag_name);
	free(r->repository);
	free(r);
}

/* --- manifests --- */

static int
report(const struct registry *r, const char *at, int status, const char *why)
{
	if (ref_digest_ok(at))
		return msg_failx(status, "%s@%s: %s", r->name, at, why);
	if (strncmp(r->tag_name, r->name, strlen(r->name)) == 0 &&
	    r->tag_name[strlen(r->name)] != '\0')
		return msg_failx(status, "%s: %s", r->tag_name, why);
	return msg_failx(status, "%s:%s: %s", r->name, at, why);
}

/* A page that came with status 200 is no manifest. */
static int
check_json(const struct http_call *call, char why[REPLY_WHY])
{
	const char *bad = "not an object";
	char text[200];
	struct json *j;
	int good;

	if (call->body.len == 0) {
		snprintf(why, REPLY_WHY, "%s: empty reply", call->host);
		return ST_REFUSED;
	}
	j = json_parse(call->body.data, call->body.len, &bad);
	good = json_isobj(j);
	json_free(j);
	if (good)
		return 0;
	if (bad == json_too_large) {
		snprintf(
		    why, REPLY_WHY, "%.200s: manifest %s", call->host, bad);
		return ST_REFUSED;
	}
	snprintf(why, REPLY_WHY, "%.200s: reply is no manifest: %s", call->host,
	    reply_text(call, text, sizeof(text)));
	return ST_REFUSED;
}

static int
check_digest(const struct http_call *call, const char *at,
    char digest[DIGEST_MAX], char why[REPLY_WHY])
{
	int by_digest = ref_digest_ok(at);

	if (digest_of(by_digest ? at : "sha256:",
		call->body.data != NULL ? call->body.data : "", call->body.len,
		digest) == -1) {
		snprintf(why, REPLY_WHY, "%s", strerror(errno));
		return ST_LOCAL;
	}
	if (!by_digest)
		return check_json(call, why);
	if (strcmp(digest, at) == 0)
		return 0;
	snprintf(why, REPLY_WHY, "content of the manifest has the digest %s",
	    digest);
	return ST_REFUSED;
}

/* One request for a manifest, and its -v line. */
static int
ask(struct registry *r, struct endpoint *ep, const char *at,
    struct http_call *call, char why[REPLY_WHY])
{
	call->accept = ACCEPT;
	call->redirects = HTTP_REDIRECTS;
	call->timeout = MANIFEST_TIMEOUT;
	if (r->opts.verbose)
		msg_say("%s%s%s: asking %s", r->name,
		    ref_digest_ok(at) ? "@" : ":", at, ep->base);
	return endpoint_call(r->http, ep, "manifests", at, call, why);
}

/* From one endpoint; the reply stays in call. */
static int
get_manifest(struct registry *r, struct endpoint *ep, const char *at,
    struct http_call *call, char digest[DIGEST_MAX], char why[REPLY_WHY])
{
	int rc;

	call->method = "GET";
	call->max = MANIFEST_SIZE_MAX;
	rc = ask(r, ep, at, call, why);
	if (rc != 0)
		return rc;
	if (call->error != HTTP_OK || call->status != 200) {
		rc = reply_fail(call, why);
		if (call->error == HTTP_TOOBIG)
			snprintf(why, REPLY_WHY,
			    "manifest is larger than %u bytes",
			    MANIFEST_SIZE_MAX);
		return rc;
	}
	return check_digest(call, at, digest, why);
}

/*
 * Whether HEAD answers well: then the digest.  What it answers badly is left
 * for GET to explain.
 */
static int
head_manifest(struct registry *r, struct endpoint *ep, const char *at,
    char digest[DIGEST_MAX])
{
	struct http_call call = {0};
	char found[DIGEST_MAX], type[256], why[REPLY_WHY];
	int good;

	call.method = "HEAD";
	good = ask(r, ep, at, &call, why) == 0 && call.error == HTTP_OK &&
	       call.status == 200 &&
	       http_header(&call, "Docker-Content-Digest", 0, found,
		   sizeof(found)) != NULL &&
	       ref_digest_ok(found) &&
	       (ref_digest_ok(at) ? strcmp(at, found) == 0
				  : strncmp(found, "sha256:", 7) == 0) &&
	       (http_header(&call, "Content-Type", 0, type, sizeof(type)) ==
		       NULL ||
		   strncmp(type, "text/html", 9) != 0);
	http_clear(&call);
	if (good)
		strcpy(digest, found);
	return good;
}

static void
say_mirror(const struct registry *r, const struct endpoint *ep, const char *why)
{
	if (r->opts.verbose)
		msg_say("mirror %s: %s", ep->base, why);
}

int
registry_resolve(struct registry *r, const char *at, char digest[DIGEST_MAX])
{
	struct http_call call = {0};
	char why[REPLY_WHY];
	struct endpoint *ep;
	int rc = ST_LOCAL;

	for (ep = r->endpoints; ep != NULL; ep = ep->next) {
		if (ep->dead)
			continue;
		if (head_manifest(r, ep, at, digest))
			return 0;
		memset(&call, 0, sizeof(call));
		rc = get_manifest(r, ep, at, &call, digest, why);
		http_clear(&call);
		if (rc == 0)
			return 0;
		if (ep->ns != NULL)
			say_mirror(r, ep, why);
		if (ep->ns != NULL && !ep->spoke)
			ep->dead = 1;
	}
	return report(r, at, rc, why);
}

int
registry_manifest(struct registry *r, const char *at, struct buf *body,
    char **type, char digest[DIGEST_MAX])
{
	struct http_call call = {0};
	char text[256], why[REPLY_WHY];
	struct endpoint *ep;
	int rc = ST_LOCAL;

	*type = NULL;
	for (ep = r->endpoints; ep != NULL; ep = ep->next) {
		if (ep->dead)
			continue;
		memset(&call, 0, sizeof(call));
		rc = get_manifest(r, ep, at, &call, digest, why);
		if (rc == 0)
			break;
		http_clear(&call);
		if (ep->ns != NULL)
			say_mirror(r, ep, why);
		if (ep->ns != NULL && !ep->spoke)
			ep->dead = 1;
	}
	if (ep == NULL)
		return report(r, at, rc, why);
	r->sender = call.peer;
	r->sender_tls = strcmp(ep->origin.scheme, "https") == 0;
	if (http_header(&call, "Content-Type", 0, text, sizeof(text)) != NULL &&
	    (*type = strdup(text)) == NULL)
		rc = msg_fail(ST_LOCAL, "%s", r->name);
	else if (buf_add(body, call.body.data, call.body.len) == -1)
		rc = msg_fail(ST_LOCAL, "%s", r->name);
	http_clear(&call);
	return rc;
}
