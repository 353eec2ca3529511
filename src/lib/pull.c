/* See LICENSE. */
#include "pull.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "msg.h"
#include "unpack.h"

#define INDEX_DEPTH 4

/* One image on its way into the store. */
struct image {
	const struct pull *pull;
	const struct pull_source *source;
	struct buf body; /* of the manifest */
	char digest[DIGEST_MAX];
	char index[DIGEST_MAX]; /* the first index it came from, or "" */
	struct manifest *manifest;
	struct image_config *config;
	struct descriptor *blobs; /* the config, then the layers */
	size_t nblobs;
	int dirfd;
	struct unpack *unpack;
	char *ready; /* blobs that came before the config */
	int unpack_failed;
};

static int
no_memory(const struct image *im)
{
	errno = ENOMEM;
	return msg_fail(ST_LOCAL, "%s", im->pull->name);
}

static int
get_manifest(struct image *im, const char *at, char digest[DIGEST_MAX])
{
	char *type = NULL;
	int rc;

	manifest_free(im->manifest);
	im->manifest = NULL;
	buf_free(&im->body);
	rc = im->source->manifest(
	    im->source->arg, at, &im->body, &type, digest);
	if (rc == 0)
		rc = manifest_parse(im->pull->name, im->body.data, im->body.len,
		    type, &im->manifest);
	free(type);
	return rc;
}

/* From the tag or digest down through indexes to the image's manifest. */
static int
resolve(struct image *im)
{
	const struct pull *p = im->pull;
	char at[DIGEST_MAX + 128], seen[INDEX_DEPTH][DIGEST_MAX];
	const struct manifest_entry *e;
	int depth, i, rc;

	snprintf(at, sizeof(at), "%s", p->start);
	for (depth = 0;; depth++) {
		if ((rc = get_manifest(im, at, im->digest)) != 0)
			return rc;
		if (!im->manifest->is_index)
			return 0;
		for (i = 0; i < depth && i < INDEX_DEPTH; i++)
			if (strcmp(seen[i], im->digest) == 0)
				return msg_failx(ST_REFUSED,
				    "%s: %s: an index that contains itself",
				    p->name, im->digest);
		if (depth == INDEX_DEPTH)
			return msg_failx(ST_REFUSED,
			    "%s: indexes nested more than %d deep", p->name,
			    INDEX_DEPTH);
		strcpy(seen[depth], im->digest);
		if (depth == 0)
			strcpy(im->index, im->digest);
		if (im->source->has != NULL)
			manifest_keep(
			    im->manifest, im->source->has, im->source->arg);
		if ((e = manifest_choose(im->manifest, &p->platform)) == NULL)
			return manifest_no_platform(
			    p->name, im->manifest, &p->platform);
		strcpy(at, e->desc.digest);
	}
}

static int
list_blobs(struct image *im)
{
	const struct manifest *m = im->manifest;

	im->nblobs = m->nlayers + 1;
	im->blobs = calloc(im->nblobs, sizeof(*im->blobs));
	im->ready = calloc(im->nblobs, 1);
	if (im->blobs == NULL || im->ready == NULL)
		return no_memory(im);
	im->blobs[0] = m->config;
	if (m->nlayers > 0)
		memcpy(
		    im->blobs + 1, m->layers, m->nlayers * sizeof(*im->blobs));
	return 0;
}

/* Claims the image: BLOB_OURS, BLOB_DONE or status. */
static int
claim(struct image *im)
{
	char **names;
	size_t i;
	int rc;

	if ((names = calloc(im->nblobs + 2, sizeof(*names))) == NULL)
		return no_memory(im);
	names[0] = im->digest;
	for (i = 0; i < im->nblobs; i++)
		names[i + 1] = im->blobs[i].digest;
	rc = image_begin(im->pull->store, im->digest, names, &im->dirfd);
	free(names);
	return rc;
}

static int
read_config(struct image *im)
{
	struct descriptor *d = &im->manifest->config;
	struct buf b = {0};
	int rc;

	rc = store_blob_load(
	    im->pull->store, d->digest, d->size, MANIFEST_SIZE_MAX, &b);
	if (rc == 0)
		rc = image_config_parse(
		    im->pull->name, b.data, b.len, &im->config);
	buf_free(&b);
	if (rc != 0)
		return rc;
	if (im->config->ndiffids != im->manifest->nlayers)
		return msg_failx(ST_REFUSED,
		    "%s: malformed: %zu layers, but %zu diff_ids",
		    im->pull->name, im->manifest->nlayers,
		    im->config->ndiffids);
	return 0;
}

static int
start_unpack(struct image *im)
{
	struct unpack_job job = {.name = im->pull->name,
	    .dirfd = im->dirfd,
	    .storefd = store_fd(im->pull->store),
	    .limits = im->pull->limits,
	    .nlayers = im->manifest->nlayers,
	    .layers = im->manifest->layers};

	job.diffids = (const char(*)[DIGEST_MAX])im->config->diffids;
	im->unpack = unpack_start(&job);
	return im->unpack == NULL ? ST_LOCAL : 0;
}

/* A worker that is gone has said why: unpack_finish tells the status. */
static int
feed(struct image *im, size_t i)
{
	if (unpack_ready(im->unpack, i - 1) == 0)
		return 0;
	im->unpack_failed = 1;
	return ST_LOCAL;
}

/* While blobs are on their way: an end of the unpacking is the end of all. */
static int
check_unpack(struct image *im)
{
	if (im->unpack == NULL || !unpack_ended(im->unpack))
		return 0;
	im->unpack_failed = 1;
	return ST_LOCAL;
}

/* Blob i is in the store: the config starts the unpacking, layers feed it. */
static int
blob_done(void *arg, size_t i)
{
	struct image *im = arg;
	int rc;

	if (i == im->nblobs)
		return check_unpack(im);
	if (im->ready[i])
		return 0;
	im->ready[i] = 1;
	if (i > 0)
		return im->unpack != NULL ? feed(im, i) : 0;
	if ((rc = read_config(im)) != 0 || (rc = start_unpack(im)) != 0)
		return rc;
	for (i = 1; rc == 0 && i < im->nblobs; i++)
		if (im->ready[i])
			rc = feed(im, i);
	return rc;
}

static int
check_done(void *arg, size_t i)
{
	(void)arg;
	(void)i;
	return 0;
}

/* The files beside the tree: chr-store(5). */
static int
write_files(struct image *im, const struct unpack_stats *stats)
{
	const struct image_config *c = im->config;
	char platform[PLATFORM_STR], bytes[32], entries[32];
	char *size[] = {bytes, entries, NULL};
	int fd = im->dirfd;

	snprintf(
	    bytes, sizeof(bytes), "%llu", (unsigned long long)stats->bytes);
	snprintf(entries, sizeof(entries), "%llu",
	    (unsigned long long)stats->entries);
	platform_str(&c->platform, platform);
	if (config_write(fd, "entrypoint", c->entrypoint) == -1 ||
	    config_write(fd, "cmd", c->cmd) == -1 ||
	    config_write(fd, "env", c->env) == -1 ||
	    config_write(fd, "volumes", c->volumes) == -1 ||
	    config_write(fd, "labels", c->labels) == -1 ||
	    config_write1(fd, "user", c->user) == -1 ||
	    config_write1(fd, "workdir", c->workdir) == -1 ||
	    config_write1(fd, "stopsignal", c->stopsignal) == -1 ||
	    config_write1(fd, "platform", platform) == -1 ||
	    config_write1(fd, "mediatype", im->manifest->mediatype) == -1 ||
	    config_write1(fd, "name", im->pull->name) == -1 ||
	    config_write(fd, "size", size) == -1)
		return msg_fail(ST_LOCAL, "%s/images/.%s",
		    store_path(im->pull->store), ref_digest_hex(im->digest));
	return 0;
}

static int
put_manifest(const struct image *im)
{
	return store_blob_put(
	    im->pull->store, im->digest, im->body.data, im->body.len);
}

/* Fetches, unpacks, commits an image that the store does not have. */
static int
make_image(struct image *im)
{
	struct unpack_stats stats = {0, 0};
	int fetched, rc;

	if ((rc = put_manifest(im)) != 0)
		return rc;
	fetched = im->source->blobs(im->source->arg, im->pull->store, im->blobs,
	    im->nblobs, blob_done, im);
	if (im->unpack != NULL && fetched != 0 && !im->unpack_failed)
		unpack_abort(im->unpack);
	else if (im->unpack != NULL)
		rc = unpack_finish(im->unpack, &stats);
	im->unpack = NULL;
	if (rc == 0)
		rc = fetched;
	if (rc == 0)
		rc = write_files(im, &stats);
	if (rc == 0)
		rc = image_commit(im->pull->store, im->digest, im->dirfd);
	return rc;
}

static int
name_image(struct image *im)
{
	const struct pull *p = im->pull;
	const char *digests[] = {im->digest, NULL, NULL};
	size_t i;
	int rc = 0;

	if (im->index[0] != '\0')
		digests[1] = im->index;
	for (i = 0; rc == 0 && i < p->nrefs; i++)
		rc = store_name(p->store, &p->refs[i], im->digest, digests);
	return rc;
}

static int
obtain(struct image *im)
{
	int rc;

	if ((rc = resolve(im)) != 0 || (rc = list_blobs(im)) != 0)
		return rc;
	switch (rc = claim(im)) {
	case BLOB_DONE:
		/* index.json wants its size */
		rc = put_manifest(im);
		if (rc == 0 && im->pull->verify)
			rc = im->source->blobs(im->source->arg, im->pull->store,
			    im->blobs, im->nblobs, check_done, im);
		break;
	case BLOB_OURS:
		if ((rc = make_image(im)) != 0) {
			image_abandon(im->pull->store, im->digest, im->dirfd);
			im->dirfd = -1;
		}
		break;
	}
	if (rc != 0)
		return rc;
	pull_check_platform(im->pull->name, &im->pull->platform, im->dirfd);
	return name_image(im);
}

void
pull_check_platform(const char *name, const struct platform *want, int dirfd)
{
	char os[32], arch[32] = "", variant[32] = "";
	char *text = config_read1(dirfd, "platform");
	char h[PLATFORM_STR], w[PLATFORM_STR];
	struct platform have;

	if (text != NULL &&
	    sscanf(text, "%31[^/]/%31[^/]/%31[^/]", os, arch, variant) > 0) {
		platform_set(&have, os, arch, variant);
		/* another architecture may run here, but is worth a word */
		if (platform_rank(want, &have) == -1 ||
		    strcmp(want->arch, have.arch) != 0)
			msg_warnx("%s: warning: the image is for %s, not %s",
			    name, platform_str(&have, h),
			    platform_str(want, w));
	}
	free(text);
}

int
pull_image(const struct pull *p, const struct pull_source *source,
    char digest[DIGEST_MAX])
{
	struct image im = {.pull = p, .source = source, .dirfd = -1};
	int rc;

	rc = obtain(&im);
	strcpy(digest, im.digest);
	if (im.dirfd != -1)
		close(im.dirfd);
	manifest_free(im.manifest);
	image_config_free(im.config);
	buf_free(&im.body);
	free(im.blobs);
	free(im.ready);
	return rc;
}
