/* See LICENSE. */
#include "ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define BUFFERS 4
#define SIZE (128U << 10)

struct ahead {
	ahead_read *read;
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int alone;	 /* there is no thread */
	int up;		 /* the thread runs */
	int asked;	 /* for the first time */
	int stopped;	 /* nobody will ask any more */
	int held;	 /* the first that was filled is in use */
	unsigned filled; /* buffers, since the beginning */
	unsigned freed;
	ssize_t len[BUFFERS];
	char buf[BUFFERS][SIZE];
};

/* The next buffer to fill, or NULL when it is over. */
static char *
wait_free(struct ahead *a)
{
	char *buf;

	pthread_mutex_lock(&a->lock);
	while (!a->stopped && (!a->asked || a->filled - a->freed == BUFFERS))
		pthread_cond_wait(&a->changed, &a->lock);
	buf = a->stopped ? NULL : a->buf[a->filled % BUFFERS];
	pthread_mutex_unlock(&a->lock);
	return buf;
}

static void *
run(void *arg)
{
	struct ahead *a = arg;
	ssize_t n = 1;
	char *buf;

	pthread_mutex_lock(&a->lock);
	a->up = 1;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	while (n > 0 && (buf = wait_free(a)) != NULL) {
		n = a->read(a->arg, buf, SIZE);
		pthread_mutex_lock(&a->lock);
		a->len[a->filled++ % BUFFERS] = n;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

struct ahead *
ahead_new(ahead_read *read, void *arg, int thread)
{
	struct ahead *a;

	if ((a = malloc(sizeof(*a))) == NULL)
		return NULL;
	a->read = read;
	a->arg = arg;
	a->up = a->asked = a->stopped = a->held = 0;
	a->filled = a->freed = 0;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	/* old filters for system calls refuse what makes a thread */
	a->alone = !thread || pthread_create(&a->thread, NULL, run, a) != 0;
	if (a->alone)
		return a;
	/* the C library's first calls may not be allowed later */
	pthread_mutex_lock(&a->lock);
	while (!a->up)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return a;
}

/* Without a thread, in turn. */
static int
read_now(struct ahead *a, const void **data, size_t *len)
{
	if (!a->held || a->len[0] > 0)
		a->len[0] = a->read(a->arg, a->buf[0], SIZE);
	a->held = 1;
	*data = a->buf[0];
	*len = a->len[0] > 0 ? (size_t)a->len[0] : 0;
	return a->len[0] > 0 ? 1 : (int)a->len[0];
}

int
ahead_next(struct ahead *a, const void **data, size_t *len)
{
	ssize_t n;

	if (a->alone)
		return read_now(a, data, len);
	pthread_mutex_lock(&a->lock);
	a->asked = 1;
	a->freed += (unsigned)a->held;
	pthread_cond_signal(&a->changed);
	while (a->filled == a->freed)
		pthread_cond_wait(&a->changed, &a->lock);
	*data = a->buf[a->freed % BUFFERS];
	n = a->len[a->freed % BUFFERS];
	a->held = n > 0;
	pthread_mutex_unlock(&a->lock);
	*len = n > 0 ? (size_t)n : 0;
	return n > 0 ? 1 : (int)n;
}

void
ahead_free(struct ahead *a)
{
	if (a == NULL)
		return;
	if (!a->alone) {
		pthread_mutex_lock(&a->lock);
		a->stopped = 1;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
