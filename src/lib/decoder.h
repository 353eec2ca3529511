/* See LICENSE. */
#ifndef DECODER_H
#define DECODER_H

#include <stddef.h>
#include <stdint.h>

#include "layer.h"

/*
 * A layer that is read by a process of its own, a worker, which decompresses,
 * hashes and parses the foreign bytes and can do nothing but read them and
 * write to its pipe: no file, no network, no other process, bounded memory.
 * A filter for system calls ends all else; where the system has no such
 * filter, an empty root directory, another user (where root starts it) and a
 * limit of no descriptors stand alone.
 */
struct decoder;

/* Whether the system has the filter. */
int decoder_is_filtered(void);
/* For worker_begin: opens the empty root directory. */
void decoder_prepare(void);

/*
 * Starts one that reads fd, which stays the caller's, from its offset, and
 * refuses more than bytes_max uncompressed bytes, with those before it.  NULL
 * and errno.  Silent, as all here.
 */
struct decoder *decoder_start(int fd, uint64_t before, uint64_t bytes_max);

/*
 * Starts one for small layers, which are sent to it one after the other: a
 * process costs more than they do.  NULL and errno.
 */
#define DECODER_SMALL (64U << 10) /* bytes of a blob, at most */
struct decoder *decoder_start_small(uint64_t bytes_max);
/*
 * Sends the next, of size bytes from the offset of fd, once decoder_next has
 * returned 0 for the one before.  SIGPIPE is to be ignored.  0, or -1 and
 * errno.
 */
int decoder_send(struct decoder *, int fd, size_t size, uint64_t before);

/* As layer_next and layer_data; after -1 decoder_status and _why say why. */
int decoder_next(struct decoder *, struct layer_entry *);
int decoder_data(struct decoder *, const void **, size_t *, uint64_t *offset);
int decoder_status(const struct decoder *);
const char *decoder_why(const struct decoder *);

/* After decoder_next returned 0: the digest of all uncompressed bytes, and
 * whether the end was marked as tar does. */
const char *decoder_diffid(const struct decoder *);
int decoder_marked(const struct decoder *);
/* And the number of them. */
uint64_t decoder_bytes(const struct decoder *);

/* Ends the process; frees. */
void decoder_close(struct decoder *);

#endif
