/* See LICENSE. */
#ifndef PACE_H
#define PACE_H

#include <stddef.h>

/*
 * Whether a transfer moves: each PACE_BYTES are to come within PACE_SECONDS.
 * Time is that of a clock that only goes forward, in milliseconds; what passes
 * while nobody looks, because this process is stopped or waits for its disk, is
 * not counted.
 */
#define PACE_BYTES 10000
#define PACE_SECONDS 60

struct pace {
	long looked; /* when pace_lost was called last */
	long quiet;  /* milliseconds since the last PACE_BYTES came */
	size_t bytes;
};

void pace_start(struct pace *, long now);
void pace_add(struct pace *, size_t bytes);
/* To be called every few seconds: 1 when it has come to a halt. */
int pace_lost(struct pace *, long now);

#endif
