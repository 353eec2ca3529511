/* See LICENSE. */
#ifndef INFLATE_H
#define INFLATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Decompression: gzip, zstd, xz, bzip2 or plain, by the first bytes, never by
 * a media type.  The only user of libarchive.  Runs no helper program.
 */
struct inflate;

/*
 * Reads fd (not closed) from its offset, so many bytes at most, but nothing
 * before inflate_read.
 */
struct inflate *inflate_new(int fd, uint64_t bytes);
/*
 * Up to size uncompressed bytes: how many; 0 at the end, after which there is
 * no junk; -1.  Silent.
 */
ssize_t inflate_read(struct inflate *, void *, size_t size);
/* After -1: the status and why. */
int inflate_status(const struct inflate *);
const char *inflate_why(const struct inflate *);
void inflate_free(struct inflate *);

#endif
