/* See LICENSE. */
#ifndef LISTING_H
#define LISTING_H

#include <stddef.h>
#include <stdint.h>

/*
 * The members of an archive, found by path or by digest in the time of a few
 * comparisons, whatever they are called and wherever their links lead.  Silent.
 */
struct listing {
	struct member *v; /* in the order of the archive */
	size_t n, cap;
	size_t memory; /* that all of it takes, the data included */
	/* since listing_sort */
	struct member **paths, **digests;
	size_t npaths, ndigests;
};

/* All that may be kept of an archive's members, in bytes. */
#define LISTING_MEMORY ((size_t)8 << 20)

struct member {
	uint64_t ordinal; /* of its entry in the archive */
	uint64_t size;
	char *path;
	char *link;		 /* of a symlink or hardlink, or NULL */
	const struct member *to; /* where the link leads; NULL: nowhere */
	char *data;		 /* where it is kept, or NULL */
	char digest[72];	 /* sha256:HEX of its bytes; "" of a link */
};

/*
 * Adds a member that has nothing but its path and, where it is a link, where
 * that leads to, as a path.  The caller fills in the rest, before the next is
 * added.  NULL and errno, EFBIG when LISTING_MEMORY is used up.
 */
struct member *listing_add(
    struct listing *, uint64_t ordinal, const char *path, const char *link);
/* Room for size bytes of the data of the last member; NULL and errno. */
char *listing_data(struct listing *, struct member *, size_t size);

/* Once all are added.  -1 and errno. */
int listing_sort(struct listing *);

/* The last member of this path; links are followed, a few at most.  NULL: no
 * file has it. */
const struct member *listing_find(const struct listing *, const char *path);
/* The first member of this digest, or NULL. */
const struct member *listing_digest(const struct listing *, const char *digest);

void listing_free(struct listing *);

#endif
