/* See LICENSE. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What fuzz targets share. */

#define BLOCK 512

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static inline void
must(int good)
{
	if (!good)
		abort();
}

/* Reads each byte: a sanitizer tells when one may not be read. */
static inline void
touch(const void *p, size_t len)
{
	const volatile unsigned char *c = p;
	unsigned sum = 0;

	while (len-- > 0)
		sum += *c++;
	(void)sum;
}

static inline void
touch_string(const char *s)
{
	touch(s, strlen(s) + 1);
}

/* Makes the checksum of a tar header right. */
static inline void
mend_header(uint8_t *p)
{
	unsigned sum = 0;
	size_t i;

	memset(p + 148, ' ', 8);
	for (i = 0; i < BLOCK; i++)
		sum += p[i];
	snprintf((char *)p + 148, 8, "%06o", sum);
}

/* The same for each block that looks like one. */
static inline void
mend_tar(uint8_t *p, size_t size)
{
	for (; size >= BLOCK; p += BLOCK, size -= BLOCK)
		if (memcmp(p + 257, "ustar", 5) == 0)
			mend_header(p);
}

#endif
