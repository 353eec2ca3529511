/* See LICENSE. */
#include "reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "msg.h"
#include "shown.h"

#define TEXT_MAX 200
#define PATIENCE_SECONDS 300
#define BACKOFF_MAX_MS 60000L
#define WARNINGS_MAX 16

/* distribution-spec, Error Codes; token servers have shapes of their own. */
static const char *
json_text(const struct json *j)
{
	const struct json *first = json_at(json_get(j, "errors"), 0);
	const char *s;

	if ((s = json_str(json_get(first, "message"))) != NULL && *s != '\0')
		return s;
	if ((s = json_str(json_get(first, "code"))) != NULL && *s != '\0')
		return s;
	if ((s = json_str(json_get(j, "error_description"))) != NULL)
		return s;
	if ((s = json_str(json_get(j, "details"))) != NULL)
		return s;
	if ((s = json_str(json_get(j, "message"))) != NULL)
		return s;
	return json_str(json_get(j, "error"));
}

char *
reply_text(const struct http_call *call, char *dst, size_t size)
{
	const char *s = NULL, *why;
	struct json *j = NULL;

	dst[0] = '\0';
	if (call->body.len == 0 || (call->secret && call->status / 100 == 2))
		return dst;
	if ((j = json_parse(call->body.data, call->body.len, &why)) != NULL)
		s = json_text(j);
	/* a store that was redirected to quotes the signed address */
	if (s == NULL && !call->secret &&
	    (call->hops == 0 || call->status / 100 == 2))
		s = call->body.data;
	if (s != NULL)
		shown_line(dst, size, s);
	json_free(j);
	return dst;
}

/* The Hub's quota, of hours: no use to try again soon. */
static int
is_quota(const struct http_call *call)
{
	char left[32];

	if (call->status != 429)
		return 0;
	if (http_header(call, "ratelimit-remaining", 0, left, sizeof(left)) !=
		NULL &&
	    left[0] == '0' && (left[1] == '\0' || left[1] == ';'))
		return 1;
	return call->body.len > 0 &&
	       strcasestr(call->body.data, "toomanyrequests") != NULL &&
	       strcasestr(call->body.data, "pull rate limit") != NULL;
}

static void MSG_PRINTF(2, 3) append(char why[REPLY_WHY], const char *fmt, ...)
{
	size_t n = strlen(why);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why + n, REPLY_WHY - n, fmt, ap);
	va_end(ap);
}

static void
quota_why(const struct http_call *call, char why[REPLY_WHY])
{
	char text[64], when[64], *w;
	long limit, wait, window;
	struct tm tm;
	time_t at;

	snprintf(why, REPLY_WHY, "pull rate limit reached");
	if (http_header(call, "ratelimit-limit", 0, text, sizeof(text)) !=
	    NULL) {
		limit = strtol(text, NULL, 10);
		w = strstr(text, "w=");
		window = w == NULL ? 0 : strtol(w + 2, NULL, 10);
		if (limit > 0 && window >= 3600)
			append(why, " (%ld in %ld h)", limit, window / 3600);
		else if (limit > 0)
			append(why, " (%ld)", limit);
	}
	wait = http_retry_after(call);
	if (wait <= 0 &&
	    http_header(call, "ratelimit-reset", 0, text, sizeof(text)) != NULL)
		wait = strtol(text, NULL, 10);
	if (wait <= 0 || wait > 31L * 86400)
		return;
	at = time(NULL) + wait;
	if (localtime_r(&at, &tm) != NULL &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M %Z", &tm) > 0)
		append(why, ", try again after %s", when);
}

int
reply_fail(const struct http_call *call, char why[REPLY_WHY])
{
	char text[TEXT_MAX];
	int status = ST_NETWORK;

	switch (call->error) {
	case HTTP_OK:
		break;
	case HTTP_LOCAL:
		status = ST_LOCAL;
		/* FALLTHROUGH */
	default:
		if (call->error == HTTP_TOOBIG || call->error == HTTP_REFUSED)
			status = ST_REFUSED;
		snprintf(why, REPLY_WHY, "%s", call->why);
		return status;
	}
	if (is_quota(call)) {
		quota_why(call, why);
	} else if (call->status == 404) {
		snprintf(why, REPLY_WHY, "not found");
		status = ST_NOTFOUND;
	} else if (call->status == 401) {
		snprintf(why, REPLY_WHY, "not found or no access");
		status = ST_DENIED;
	} else if (call->status == 403) {
		snprintf(why, REPLY_WHY, "access denied");
		status = ST_DENIED;
	} else
		snprintf(
		    why, REPLY_WHY, "%s: HTTP %d", call->host, call->status);
	if (reply_text(call, text, sizeof(text))[0] != '\0')
		append(why, ": %s", text);
	return status;
}

void
reply_warnings(const struct http_call *call)
{
	static char *seen[WARNINGS_MAX];
	static size_t nseen;
	char text[2048], *p;
	size_t i, n;

	for (n = 0; n < WARNINGS_MAX &&
		    http_header(call, "Warning", n, text, sizeof(text)) != NULL;
	     n++) {
		if (strncmp(text, "299 ", 4) != 0)
			continue;
		for (i = 0; i < nseen; i++)
			if (strcmp(seen[i], text) == 0)
				break;
		if (i < nseen || nseen == WARNINGS_MAX ||
		    (seen[nseen] = strdup(text)) == NULL)
			continue;
		nseen++;
		if ((p = strchr(text, '"')) != NULL) {
			memmove(text, p + 1, strlen(p));
			if ((p = strrchr(text, '"')) != NULL)
				*p = '\0';
		}
		msg_warnx("warning: %s: %s", call->host, text);
	}
}

/* --- trying again --- */

int
reply_passing(const struct http_call *call, int known)
{
	static const int codes[] = {408, 429, 499, 500, 502, 503, 504, 522};
	size_t i;

	switch (call->error) {
	case HTTP_OK:
		break;
	case HTTP_LOST:
	case HTTP_SLOW:
		return 1;
	case HTTP_UNREACHABLE:
		return known;
	default:
		return 0;
	}
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (call->status == codes[i])
			return !is_quota(call);
	return 0;
}

long
reply_delay(const struct http_call *call, unsigned nth)
{
	struct timespec t;
	long ms, wait;

	if (call->error == HTTP_OK && (wait = http_retry_after(call)) >= 0)
		return wait > PATIENCE_SECONDS ? -1 : wait * 1000;
	ms = nth > 6 ? BACKOFF_MAX_MS : 1000L << (nth - 1);
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	/* so that many clients do not come back in step */
	clock_gettime(CLOCK_REALTIME, &t);
	return ms - ms / 8 +
	       (t.tv_nsec / 1000 + (long)getpid() * 7919) % (ms / 4);
}

int
reply_again(struct http *h, const struct http_call *call, unsigned nth,
    unsigned tries, int known, int verbose)
{
	char why[REPLY_WHY];
	long ms;

	if (nth >= tries || !reply_passing(call, known) ||
	    (ms = reply_delay(call, nth)) == -1)
		return 0;
	if (verbose) {
		reply_fail(call, why);
		msg_say("%s; trying again in %ld.%ld s", why, ms / 1000,
		    ms % 1000 / 100);
	}
	http_pause(h, ms);
	return 1;
}
