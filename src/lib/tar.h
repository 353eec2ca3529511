/* See LICENSE. */
#ifndef TAR_H
#define TAR_H

#include <stddef.h>
#include <stdint.h>

#include "layer.h"

/*
 * Reads tar: POSIX pax and ustar, GNU with its sparse files, old V7.  Whatever
 * cannot be read in exactly one way is an error, never a guess: an unknown
 * typeflag, a number that is none, a wrong checksum, a malformed pax record.
 * Pax fields win over the header's; global pax headers are ignored.
 */
struct tar;

/* Gives the next bytes, good until the next call: 1; 0 at the end; -1. */
typedef int tar_more(void *, const void **, size_t *);

/* NULL and errno.  Silent, as all here. */
struct tar *tar_new(tar_more *, void *);
/*
 * As layer_next and layer_data.  After -1, tar_why says why: "" when it was
 * tar_more that failed.
 */
int tar_next(struct tar *, struct layer_entry *);
int tar_data(struct tar *, const void **, size_t *, uint64_t *);
/* Reads to the end, which holds entries no more.  0 or -1. */
int tar_drain(struct tar *);
/* Whether it ended with the mark that says so: else it may be cut short. */
int tar_marked(const struct tar *);
const char *tar_why(const struct tar *);
void tar_free(struct tar *);

#endif
