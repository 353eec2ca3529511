/* See LICENSE. */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "msg.h"
#include "sys.h"

#define INTERVAL_MS 100
#define SETTLE_MS 1000 /* before a rate means anything */

struct progress {
	char *name;
	uint64_t total, done;
	uint64_t first; /* bytes that were there at the beginning */
	size_t blobs, blobs_done;
	long began, drawn;
	int shown;
};

/* The one whose line stands on the terminal. */
static struct progress *current;

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void
clear(void)
{
	if (current == NULL || !current->shown)
		return;
	current->shown = 0;
	current->drawn = 0;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}

struct progress *
progress_new(const char *name)
{
	const char *term = getenv("TERM");
	char safe[1024];
	struct progress *p;

	if (!isatty(STDERR_FILENO) || term == NULL ||
	    strcmp(term, "dumb") == 0 || (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	msg_escape(safe, sizeof(safe), name);
	if ((p->name = strdup(safe)) == NULL) {
		free(p);
		return NULL;
	}
	current = p;
	msg_before(clear);
	return p;
}

void
progress_total(struct progress *p, uint64_t bytes, size_t blobs)
{
	if (p == NULL)
		return;
	p->total = bytes;
	p->blobs = blobs;
	p->done = 0;
	p->blobs_done = 0;
	p->first = 0;
	p->began = 0;
}

void
progress_add(struct progress *p, int64_t bytes)
{
	if (p != NULL)
		p->done += (uint64_t)bytes;
}

void
progress_blob_done(struct progress *p)
{
	if (p != NULL)
		p->blobs_done++;
}

static char *
human(uint64_t n, char dst[16])
{
	static const char units[] = "BKMGTPE";
	uint64_t whole = n;
	size_t u = 0;

	while (whole >= 1000 && units[u + 1] != '\0') {
		n = whole;
		whole /= 1024;
		u++;
	}
	if (u > 0 && whole < 10)
		snprintf(dst, 16, "%.1f%c",
		    (double)whole + (double)(n % 1024) / 1024.0, units[u]);
	else
		snprintf(
		    dst, 16, "%llu%c", (unsigned long long)whole, units[u]);
	return dst;
}

static void
duration(uint64_t s, char dst[24])
{
	if (s >= 360000)
		snprintf(dst, 24, "--:--");
	else if (s >= 3600)
		snprintf(dst, 24, "%u:%02u:%02u", (unsigned)(s / 3600),
		    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		snprintf(dst, 24, "%02u:%02u", (unsigned)(s / 60),
		    (unsigned)(s % 60));
}

/* What stands right of the name; the more the wider the terminal. */
static void
figures(const struct progress *p, long now, int wide, char dst[128])
{
	char all[16], got[16], left[24] = "--:--", rate[16] = "-";
	uint64_t ms = (uint64_t)(now - p->began), per;

	if (p->done > p->first && ms >= SETTLE_MS) {
		per = (p->done - p->first) * 1000 / ms;
		human(per, rate);
		if (per > 0 && p->done <= p->total)
			duration((p->total - p->done) / per, left);
	}
	human(p->done, got);
	human(p->total, all);
	if (wide)
		snprintf(dst, 128, "%s of %s  %s/s  %s  layers %zu/%zu", got,
		    all, rate, left, p->blobs_done, p->blobs);
	else
		snprintf(dst, 128, "%s/%s", got, all);
}

/* The name loses its beginning where there is no room. */
static void
draw(struct progress *p, long now)
{
	char right[128];
	int have, room, width = sys_term_width(STDERR_FILENO);

	if (width < 20)
		width = 80;
	figures(p, now, width >= 60, right);
	room = width - 1 - (int)strlen(right) - 2;
	have = (int)strlen(p->name);
	if (room < 4)
		fprintf(stderr, "\r%.*s\033[K", width - 1, right);
	else if (have > room)
		fprintf(stderr, "\r..%s  %s\033[K", p->name + have - room + 2,
		    right);
	else
		fprintf(stderr, "\r%s  %s\033[K", p->name, right);
	fflush(stderr);
	p->shown = 1;
}

void
progress_tick(struct progress *p)
{
	long now;

	if (p == NULL || p->total == 0)
		return;
	now = now_ms();
	if (p->began == 0) {
		p->began = now;
		p->first = p->done;
	}
	if (p->drawn != 0 && now - p->drawn < INTERVAL_MS)
		return;
	p->drawn = now;
	draw(p, now);
}

void
progress_free(struct progress *p)
{
	if (p == NULL)
		return;
	clear();
	current = NULL;
	msg_before(NULL);
	free(p->name);
	free(p);
}
