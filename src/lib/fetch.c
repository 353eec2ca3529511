/* See LICENSE. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "progress.h"
#include "registryimpl.h"
#include "shown.h"
#include "space.h"

#define BUSY_MS 100
#define TICK_MS 200
#define IDLE_MS 1000
#define PROGRESS_BYTES (1U << 20)
#define PROGRESS_MS 60000
#define GREAT (64U << 10)
#define WIDEN_MS 50

enum state { WAITING, RUNNING, DONE };

/* One digest on its way into the store. */
struct item {
	const struct descriptor *d;
	size_t index; /* of the first descriptor with this digest */
	enum state state;
	long when; /* WAITING: not before */
	struct blob *blob;
	struct endpoint *ep; /* NULL: d->url, without any credentials */
	char *url;
	char *auth;
	unsigned generation; /* of auth */
	unsigned tries;
	int renewed;	 /* a new token was got for it already */
	int plain;	 /* no Range any more */
	int cdn_refused; /* the address redirected to had expired */
	uint64_t start;	 /* offset at the beginning of this try */
	uint64_t high;	 /* greatest offset ever */
	long began;
	int status; /* of the store or the content, already reported */
	int again;  /* this reply is no use, the next may be */
	int told;   /* that another process has it */
	struct http_call call;
	struct fetch *fetch;
};

struct fetch {
	struct registry *r;
	struct store *store;
	const struct descriptor *d;
	size_t n;
	int (*done)(void *, size_t);
	void *arg;
	struct item *items;
	size_t nitems;
	size_t left;
	unsigned running;
	unsigned great; /* those of them of GREAT bytes and more */
	long began;
	int failed; /* a write to the store: the end of all; said already */
};

static int
fail(const struct item *it, int status, const char *why)
{
	return msg_failx(
	    status, "%s: %s: %s", it->fetch->r->tag_name, it->d->digest, why);
}

/* All descriptors with this digest are there. */
static int
complete(struct item *it)
{
	struct fetch *f = it->fetch;
	size_t i;
	int rc;

	it->state = DONE;
	f->left--;
	progress_blob_done(f->r->opts.progress);
	for (i = it->index; i < f->n; i++)
		if (strcmp(f->d[i].digest, it->d->digest) == 0 &&
		    (rc = f->done(f->arg, i)) != 0)
			return rc;
	return 0;
}

static void
progress_by(const struct item *it, uint64_t from, uint64_t to)
{
	progress_add(it->fetch->r->opts.progress, (int64_t)(to - from));
}

/* What a write to the store returned: where it failed, others need not try. */
static int
local(const struct item *it, int rc)
{
	if (rc == ST_LOCAL)
		it->fetch->failed = rc;
	return rc;
}

static int
restart(struct item *it)
{
	progress_by(it, blob_offset(it->blob), 0);
	it->start = 0;
	return local(it, blob_restart(it->blob));
}

/* --- the reply as it comes --- */

/* Content-Range: bytes FROM-TO/TOTAL, of the bytes that were asked for. */
static int
good_range(const struct item *it)
{
	unsigned long long from, to, total;
	char text[128], end[2];
	int n;

	if (http_header(&it->call, "Content-Range", 0, text, sizeof(text)) ==
	    NULL)
		return 0;
	n = sscanf(text, "bytes %llu-%llu/%llu%1s", &from, &to, &total, end);
	return n == 3 && from == it->start && to >= from && to < total &&
	       total == it->d->size;
}

static int
too_long(const struct item *it)
{
	unsigned long long n;
	char text[32], end[2];

	return http_header(&it->call, "Content-Length", 0, text,
		   sizeof(text)) != NULL &&
	       sscanf(text, "%llu%1s", &n, end) == 1 &&
	       n > it->d->size - it->start;
}

/* struct http_call's head. */
static int
on_head(struct http_call *call)
{
	struct item *it = call->arg;
	char why[128];

	if ((call->status == 206 && !good_range(it)) || call->status == 416) {
		it->plain = it->again = 1;
		it->status = restart(it);
		return -1;
	}
	if (call->status == 200 && it->start > 0 &&
	    (it->status = restart(it)) != 0)
		return -1;
	if ((call->status == 200 || call->status == 206) && too_long(it)) {
		snprintf(why, sizeof(why),
		    "reply is longer than its size, %llu bytes",
		    (unsigned long long)it->d->size);
		it->status = fail(it, ST_REFUSED, why);
		return -1;
	}
	return 0;
}

/* struct http_call's data. */
static int
on_data(struct http_call *call, const void *data, size_t len)
{
	struct item *it = call->arg;

	if (it->fetch->failed != 0)
		return -1;
	it->status = local(it, blob_write(it->blob, data, len));
	if (it->status != 0)
		return -1;
	progress_add(it->fetch->r->opts.progress, (int64_t)len);
	return 0;
}

/* --- beginning --- */

static struct endpoint *
first_endpoint(struct registry *r)
{
	struct endpoint *ep = r->endpoints;

	while (ep->dead && ep->next != NULL)
		ep = ep->next;
	return ep;
}

static int
set_request(struct item *it)
{
	struct http_call *call = &it->call;
	char why[REPLY_WHY];
	int rc;

	free(it->url);
	http_wipe(it->auth);
	it->url = it->auth = NULL;
	memset(call, 0, sizeof(*call));
	if (it->ep == NULL) {
		it->url = strdup(it->d->url);
		call->sender = &it->fetch->r->sender;
		call->tls = it->fetch->r->sender_tls;
	} else {
		if ((rc = endpoint_refresh(it->fetch->r->http, it->ep, why)) !=
		    0)
			return fail(it, rc, why);
		it->url = endpoint_url(it->ep, "blobs", it->d->digest);
		it->generation = it->ep->generation;
		if (it->ep->value != NULL &&
		    (it->auth = strdup(it->ep->value)) == NULL)
			return fail(it, ST_LOCAL, strerror(errno));
	}
	if (it->url == NULL)
		return fail(it, ST_LOCAL, strerror(errno));
	call->method = "GET";
	call->url = it->url;
	call->auth = it->auth;
	call->from = it->start;
	call->redirects = HTTP_REDIRECTS;
	call->head = on_head;
	call->data = on_data;
	call->arg = it;
	return 0;
}

/* Verifies and names what has arrived. */
static int
commit(struct item *it)
{
	int rc;

	rc = blob_commit(it->blob);
	if (rc == BLOB_AGAIN) {
		progress_by(it, it->d->size, 0);
		it->state = WAITING;
		it->when = 0;
		return 0;
	}
	it->blob = NULL;
	return rc == 0 ? complete(it) : rc;
}

static void
say(const struct item *it, const char *what)
{
	if (it->fetch->r->opts.verbose)
		msg_say("%s: %llu bytes: %s", it->d->digest,
		    (unsigned long long)it->d->size, what);
}

static int
begin(struct item *it)
{
	struct fetch *f = it->fetch;
	int rc;

	if (it->blob == NULL) {
		rc = blob_begin(f->store, it->d, &it->blob);
		if (rc == BLOB_BUSY) {
			if (!it->told++)
				blob_say_busy(it->d);
			it->when = endpoint_now() + BUSY_MS;
			return 0;
		}
		if (rc == BLOB_DONE) {
			say(it, "in the store already");
			progress_by(it, 0, it->d->size);
			return complete(it);
		}
		if (rc != BLOB_OURS)
			return rc;
		say(it, "fetching");
		progress_by(it, 0, blob_offset(it->blob));
	}
	it->start = blob_offset(it->blob);
	if (it->start == it->d->size)
		return commit(it);
	if (it->plain && it->start > 0 && (rc = restart(it)) != 0)
		return rc;
	it->status = it->again = 0;
	it->began = endpoint_now();
	if ((rc = set_request(it)) != 0)
		return rc;
	it->tries++;
	it->state = RUNNING;
	f->running++;
	f->great += it->d->size >= GREAT;
	http_start(f->r->http, &it->call);
	return 0;
}

/* --- the end of a try --- */

static int
wait_for(struct item *it, long ms)
{
	it->state = WAITING;
	it->when = endpoint_now() + ms;
	return 0;
}

/* The store keeps what there is: another server may go on with it. */
static void
let_go(struct item *it)
{
	if (it->blob != NULL)
		progress_by(it, blob_offset(it->blob), 0);
	blob_abandon(it->blob);
	it->blob = NULL;
}

/* From what is no use to the next that may have the blob. */
static int
next_endpoint(struct item *it, const char *why)
{
	struct registry *r = it->fetch->r;
	char url[REPLY_WHY];

	if (r->opts.verbose)
		msg_say("%s: %s", shown_url(url, sizeof(url), it->url), why);
	if (it->ep != NULL && it->call.error == HTTP_UNREACHABLE)
		it->ep->dead = 1;
	it->ep = it->ep == NULL ? first_endpoint(r) : it->ep->next;
	it->tries = 0;
	it->renewed = it->plain = it->cdn_refused = 0;
	let_go(it);
	return wait_for(it, 0);
}

static int
is_last(const struct item *it)
{
	return it->ep != NULL && it->ep->next == NULL;
}

/* 401: one new token for all; a second refusal is final. */
static int
renew(struct item *it)
{
	struct endpoint *ep = it->ep;
	char why[REPLY_WHY];
	int rc;

	it->renewed = 1;
	if (ep->generation == it->generation &&
	    (rc = endpoint_authorize(it->fetch->r->http, ep, &it->call, why)) !=
		0)
		return is_last(it) ? fail(it, rc, why) : next_endpoint(it, why);
	it->tries--;
	return wait_for(it, 0);
}

/*
 * A try that brought something does not count; but one that ended because it
 * brought too little does, or a server could go on like that for ever.
 */
static void
count_progress(struct item *it)
{
	uint64_t offset = it->blob != NULL ? blob_offset(it->blob) : 0;

	if (offset <= it->high)
		return;
	if (offset - it->high >= PROGRESS_BYTES ||
	    (endpoint_now() - it->began >= PROGRESS_MS &&
		it->call.error != HTTP_SLOW)) {
		it->tries = 1;
		it->renewed = 0;
	}
	it->high = offset;
}

/* The exchange went well, but the body is too short. */
static int
too_short(struct item *it)
{
	char why[128];

	if (it->tries < 2)
		return wait_for(it, 0);
	snprintf(why, sizeof(why), "reply ends after %llu of %llu bytes",
	    (unsigned long long)blob_offset(it->blob),
	    (unsigned long long)it->d->size);
	return is_last(it) ? fail(it, ST_REFUSED, why) : next_endpoint(it, why);
}

/* An address that the registry redirected to expires: once more from there. */
static int
is_expired(const struct item *it)
{
	const struct http_call *c = &it->call;

	return c->error == HTTP_OK && c->hops > 0 && !it->cdn_refused &&
	       (c->status == 400 || c->status == 401 || c->status == 403);
}

static int
failed(struct item *it)
{
	struct registry *r = it->fetch->r;
	unsigned tries = is_last(it) ? REPLY_TRIES : 1;
	char why[REPLY_WHY];
	long ms;
	int rc;

	if (is_expired(it)) {
		it->cdn_refused = 1;
		return wait_for(it, 0);
	}
	rc = reply_fail(&it->call, why);
	if (rc != ST_LOCAL && it->tries < tries &&
	    reply_passing(&it->call, 1) &&
	    (ms = reply_delay(&it->call, it->tries)) != -1) {
		if ((it->tries == 1 && it->high > it->start) ||
		    it->call.error == HTTP_SLOW)
			ms = 0;
		if (r->opts.verbose)
			msg_say("%s: %s; trying again in %ld.%ld s",
			    it->d->digest, why, ms / 1000, ms % 1000 / 100);
		return wait_for(it, ms);
	}
	if (rc == ST_LOCAL || is_last(it))
		return fail(it, rc, why);
	return next_endpoint(it, why);
}

/* Stopped by ourselves. */
static int
stopped(struct item *it)
{
	if (it->status == 0 && it->again && it->tries < REPLY_TRIES)
		return wait_for(it, 0);
	if (it->status == ST_REFUSED) {
		if (restart(it) != 0)
			return ST_LOCAL;
		if (!is_last(it))
			return next_endpoint(it, "content refused");
	}
	if (it->status != 0)
		return it->status;
	return is_last(it) ? fail(it, ST_NETWORK, "no usable reply")
			   : next_endpoint(it, "no usable reply");
}

static int
finish(struct item *it)
{
	const struct http_call *c = &it->call;
	int rc;

	it->fetch->running--;
	it->fetch->great -= it->d->size >= GREAT;
	reply_warnings(c);
	count_progress(it);
	if (c->error == HTTP_STOPPED)
		return stopped(it);
	if (c->error == HTTP_OK && it->ep != NULL)
		it->ep->spoke = 1;
	if (c->error == HTTP_OK && c->status == 401 && c->hops == 0 &&
	    it->ep != NULL && !it->renewed)
		return renew(it);
	if (c->error != HTTP_OK || (c->status != 200 && c->status != 206))
		return failed(it);
	if (blob_offset(it->blob) < it->d->size)
		return too_short(it);
	rc = commit(it);
	if (rc == ST_REFUSED && !is_last(it))
		return next_endpoint(it, "content refused");
	return rc;
}

/* --- all of them --- */

/*
 * When the item may begin.  Of great blobs one more at once each WIDEN_MS: over
 * a fast network the bottom layer comes alone, and unpacks while others come.
 */
static long
not_before(const struct fetch *f, const struct item *it)
{
	long wide = f->began + (long)f->great * WIDEN_MS;

	return it->d->size >= GREAT && wide > it->when ? wide : it->when;
}

static int
begin_all(struct fetch *f)
{
	long now = endpoint_now();
	size_t i;
	int rc;

	for (i = 0; i < f->nitems && f->running < f->r->opts.jobs; i++)
		if (f->items[i].state == WAITING &&
		    not_before(f, &f->items[i]) <= now &&
		    (rc = begin(&f->items[i])) != 0)
			return rc;
	return 0;
}

/* Until something may begin, or the progress line wants to move. */
static int
patience(const struct fetch *f)
{
	long ms = f->r->opts.progress != NULL ? TICK_MS : IDLE_MS;
	long now = endpoint_now();
	size_t i;

	for (i = 0; i < f->nitems && f->running < f->r->opts.jobs; i++)
		if (f->items[i].state == WAITING &&
		    not_before(f, &f->items[i]) - now < ms)
			ms = not_before(f, &f->items[i]) - now;
	return ms < 0 ? 0 : (int)ms;
}

static int
run(struct fetch *f)
{
	struct http_call *call;
	struct item *it;
	int rc;

	while (f->left > 0) {
		if ((rc = begin_all(f)) != 0)
			return rc;
		progress_tick(f->r->opts.progress);
		if (f->left == 0)
			break;
		call = http_wait(f->r->http, patience(f));
		if (f->failed != 0)
			return f->failed;
		/* before what this call may fail with */
		if ((rc = f->done(f->arg, f->n)) != 0)
			return rc;
		if (call == NULL)
			continue;
		it = call->arg;
		rc = finish(it);
		http_clear(call);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static void
add_item(struct fetch *f, size_t index)
{
	struct item *it;
	size_t i;

	for (i = 0; i < f->nitems; i++)
		if (strcmp(f->items[i].d->digest, f->d[index].digest) == 0)
			return;
	it = &f->items[f->nitems++];
	it->d = &f->d[index];
	it->index = index;
	it->fetch = f;
	it->ep = it->d->url != NULL ? NULL : first_endpoint(f->r);
}

static void
set_total(const struct fetch *f)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < f->nitems; i++)
		if (sum + f->items[i].d->size >= sum)
			sum += f->items[i].d->size;
	progress_total(f->r->opts.progress, sum, f->nitems);
}

int
registry_blobs(struct registry *r, struct store *st, const struct descriptor *d,
    size_t n, int (*done)(void *, size_t), void *arg)
{
	struct fetch f = {.r = r,
	    .store = st,
	    .d = d,
	    .n = n,
	    .done = done,
	    .arg = arg,
	    .began = endpoint_now()};
	size_t i;
	int rc;

	if ((f.items = calloc(n + 1, sizeof(*f.items))) == NULL)
		return msg_fail(ST_LOCAL, "%s", r->tag_name);
	for (i = 0; i < n; i++)
		add_item(&f, i);
	f.left = f.nitems;
	set_total(&f);
	if ((rc = space_check(st, d, n)) == 0)
		rc = run(&f);
	if (rc == ST_LOCAL)
		space_lost(st);
	for (i = 0; i < f.nitems; i++) {
		http_cancel(r->http, &f.items[i].call);
		http_clear(&f.items[i].call);
		blob_abandon(f.items[i].blob);
		free(f.items[i].url);
		http_wipe(f.items[i].auth);
	}
	free(f.items);
	return rc;
}
