/* See LICENSE. */
#include "pace.h"

#include "fault.h"

#define LOOK_MS 5000 /* the longest time between two looks that counts */

void
pace_start(struct pace *p, long now)
{
	p->looked = now;
	p->quiet = 0;
	p->bytes = 0;
}

void
pace_add(struct pace *p, size_t bytes)
{
	/* no sum that could overflow */
	if (bytes < PACE_BYTES - p->bytes) {
		p->bytes += bytes;
		return;
	}
	p->bytes = 0;
	p->quiet = 0;
}

int
pace_lost(struct pace *p, long now)
{
	long ms = now - p->looked;

	p->looked = now;
	p->quiet += ms > LOOK_MS ? LOOK_MS : ms;
	return p->quiet >= FAULT_NUMBER("PACE_MS", PACE_SECONDS * 1000L);
}
