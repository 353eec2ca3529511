/* See LICENSE. */
#ifndef GUNZIP_H
#define GUNZIP_H

#include <stddef.h>
#include <sys/types.h>

/*
 * A stream of gzip members, inflated by ISA-L: built with -DHAVE_ISAL, which
 * the Makefile adds where the library is; else gunzip_new is NULL and ENOSYS.
 */
struct gunzip;

/* Gives the next compressed bytes: 1; 0 at the end; -1. */
typedef int gunzip_more(void *, const void **, size_t *);

struct gunzip *gunzip_new(gunzip_more *, void *);
/* Up to size bytes, as read(2): how many, 0 at the end, -1. */
ssize_t gunzip_read(struct gunzip *, void *, size_t size);
/* Why -1: "" when it was gunzip_more that failed. */
const char *gunzip_why(const struct gunzip *);
void gunzip_free(struct gunzip *);

#endif
