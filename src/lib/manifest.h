/* See LICENSE. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "platform.h"
#include "ref.h"

#define MANIFEST_SIZE_MAX (4U << 20) /* of manifests and configs */
#define MANIFEST_LAYERS_MAX 1024

/* image-spec, descriptor.md */
struct descriptor {
	char digest[DIGEST_MAX];
	uint64_t size;
	char *mediatype; /* "" when absent */
	char *url;	 /* first of urls, http or https only; NULL */
};

/* Whether one before number n has the same digest. */
int descriptor_is_repeated(const struct descriptor *, size_t n);

/* An entry of an index. */
struct manifest_entry {
	struct descriptor desc;
	int has_platform;
	int is_index;
	struct platform platform;
	char *ref_name;	  /* org.opencontainers.image.ref.name, or NULL */
	char *image_name; /* io.containerd.image.name, or NULL */
};

struct manifest {
	int is_index;
	char *mediatype;
	/* of an image manifest */
	struct descriptor config;
	struct descriptor *layers;
	size_t nlayers;
	/* of an index or manifest list; attestations and unknown kinds are
	 * left out */
	struct manifest_entry *entries;
	size_t nentries;
};

/* The parts of an image's configuration that chr uses; vectors end in NULL. */
struct image_config {
	struct platform platform;
	char **entrypoint, **cmd, **env, **volumes, **labels;
	char *user, *workdir, *stopsignal; /* "" when absent */
	char (*diffids)[DIGEST_MAX];
	size_t ndiffids;
};

/*
 * Parses an image manifest or an index of either kind (image-spec manifest.md,
 * image-index.md; docker schema 2).  `what' names it in messages.
 * content_type may be NULL.  0, or ST_REFUSED (malformed, ambiguous, schema 1,
 * an artifact, encrypted layers), ST_LOCAL.
 */
int manifest_parse(const char *what, const char *body, size_t len,
    const char *content_type, struct manifest **);
void manifest_free(struct manifest *);

/* Drops the entries whose manifests has(arg, digest) denies. */
void manifest_keep(
    struct manifest *, int (*has)(void *, const char *digest), void *arg);

/*
 * The best entry of an index for a platform; the first among equals; an entry
 * without a platform last.  NULL when none fits: nothing is printed.
 */
const struct manifest_entry *manifest_choose(
    const struct manifest *, const struct platform *);
/* Prints "has linux/amd64, linux/arm/v7" for the message about a missing one.
 */
int manifest_no_platform(const char *what, const struct manifest *,
    const struct platform *); /* returns ST_NOTFOUND */

/* Parses the config blob (image-spec config.md).  0, ST_REFUSED, ST_LOCAL. */
int image_config_parse(
    const char *what, const char *body, size_t len, struct image_config **);
void image_config_free(struct image_config *);

#endif
