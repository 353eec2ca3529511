/* See LICENSE. */
#ifndef PAX_H
#define PAX_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "layer.h"

#define PAX_MAX (1U << 20) /* bytes of one extended header */
#define PAX_XATTRS_MAX 256
#define PAX_STRETCHES_MAX 65536

/* A stretch of a sparse file's data. */
struct pax_stretch {
	uint64_t offset, size;
};

struct pax_map {
	struct pax_stretch *v;
	size_t n, cap;
};

/*
 * The forms of GNU's sparse files: 0.0 has the map in pairs of records, 0.1 in
 * one, 1.0 before the data.
 */
enum pax_form { PAX_NO_MAP, PAX_PAIRS, PAX_LIST, PAX_IN_DATA };

/* What extended headers say about the next entry; all zero is nothing. */
struct pax {
	char *path, *linkpath;
	int has_size, has_uid, has_gid, has_mtime;
	uint64_t size, uid, gid;
	struct timespec mtime;
	struct layer_xattr *xattrs;
	size_t nxattrs;
	int sparse; /* some record of GNU's sparse files was there */
	enum pax_form form;
	int has_realsize, has_offset, has_nstretches;
	uint64_t major, minor, realsize, nstretches;
	uint64_t offset; /* of PAX_PAIRS, until its size comes */
	char *name;
	struct pax_map map; /* of PAX_PAIRS and PAX_LIST */
};

/*
 * Parses the records of an extended header (POSIX pax, "Extended Header").
 * NULL, or what is wrong with it.
 */
const char *pax_parse(struct pax *, char *, size_t);
/* The same for a global header: checked, then ignored. */
const char *pax_global(char *, size_t);
/* Appends to a map in order.  NULL, or what is wrong. */
const char *pax_map_add(struct pax_map *, uint64_t offset, uint64_t size);
void pax_clear(struct pax *);

#endif
