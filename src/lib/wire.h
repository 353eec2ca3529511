/* See LICENSE. */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "layer.h"

/*
 * A layer's entries on a pipe, from the process that parses foreign bytes to
 * the one that writes the tree.  The reader trusts nothing: what it hands out
 * is bounded as the archive's reader bounds it, strings end where they should,
 * data comes in order, only for a file, and within its size.
 */

#define WIRE_DATA_MAX (128U << 10) /* bytes of data in one record */
#define WIRE_RECORD_MAX (4U << 20) /* bytes of an entry with its xattrs */
#define WIRE_WHY_MAX 1024	   /* bytes of a reason, with its NUL */

enum wire_kind { WIRE_ENTRY = 1, WIRE_DATA, WIRE_END, WIRE_FAILED };

/* --- writing; errors are sticky, wire_flush tells --- */

struct wire_out;

struct wire_out *wire_writer(int fd);
void wire_entry(struct wire_out *, const struct layer_entry *);
void wire_data(struct wire_out *, const void *, size_t, uint64_t offset);
/* marked: as layer_marked; bytes: as layer_taken. */
void wire_end(
    struct wire_out *, const char *diffid, int marked, uint64_t bytes);
void wire_failed(struct wire_out *, int status, const char *why);
int wire_flush(struct wire_out *);
void wire_out_free(struct wire_out *);

/* --- reading --- */

struct wire_in;

/* What came; pointers are good until the next wire_next. */
struct wire_record {
	enum wire_kind kind;
	struct layer_entry entry;
	const void *data;
	size_t len;
	uint64_t offset;  /* of data; of WIRE_END layer_taken */
	const char *text; /* diffID of WIRE_END, reason of WIRE_FAILED */
	int status;	  /* of WIRE_FAILED; of WIRE_END layer_marked */
};

struct wire_in *wire_reader(int fd);
/* 1; 0 when the writer ended too early; -1 for nonsense, and errno.  Silent. */
int wire_next(struct wire_in *, struct wire_record *);
void wire_in_free(struct wire_in *);

#endif
