/* See LICENSE. */
#include <sys/mman.h>

#include <fcntl.h>
#include <unistd.h>

#include "decoder.h"
#include "digest.h"
#include "fuzz.h"
#include "imagefile.h"
#include "layer.h"

#define MEMBERS 10
#define BYTES_MAX 1000000
#define INPUT_MAX 65536

/*
 * A decoder in this process, in place of the library's: what it hands out is
 * gone at the next call, as it is there.
 */
struct decoder {
	struct layer *layer;
	char *path, *link;
	void *data;
	char diffid[DIGEST_MAX];
};

static void
forget(struct decoder *d)
{
	free(d->path);
	free(d->link);
	free(d->data);
	d->path = d->link = NULL;
	d->data = NULL;
}

struct decoder *
decoder_start(int fd, uint64_t before, uint64_t bytes_max)
{
	struct decoder *d;

	must((d = calloc(1, sizeof(*d))) != NULL);
	must((d->layer = layer_open(fd, UINT64_MAX, 1)) != NULL);
	layer_limit(d->layer, before, bytes_max);
	return d;
}

int
decoder_next(struct decoder *d, struct layer_entry *e)
{
	int rc;

	forget(d);
	if (d->diffid[0] != '\0')
		return 0;
	if ((rc = layer_next(d->layer, e)) == 0 &&
	    layer_end(d->layer, d->diffid) != 0)
		return -1;
	if (rc == 1) {
		must((d->path = strdup(e->path)) != NULL);
		must((d->link = strdup(e->link)) != NULL);
		e->path = d->path;
		e->link = d->link;
	}
	return rc;
}

int
decoder_data(
    struct decoder *d, const void **data, size_t *len, uint64_t *offset)
{
	const void *p;
	int rc;

	forget(d);
	if ((rc = layer_data(d->layer, &p, len, offset)) == 1) {
		must((d->data = malloc(*len)) != NULL);
		memcpy(d->data, p, *len);
		*data = d->data;
	}
	return rc;
}

int
decoder_status(const struct decoder *d)
{
	return layer_status(d->layer);
}

const char *
decoder_why(const struct decoder *d)
{
	return layer_why(d->layer);
}

const char *
decoder_diffid(const struct decoder *d)
{
	return d->diffid;
}

int
decoder_marked(const struct decoder *d)
{
	return layer_marked(d->layer);
}

uint64_t
decoder_bytes(const struct decoder *d)
{
	return layer_taken(d->layer);
}

void
decoder_close(struct decoder *d)
{
	if (d == NULL)
		return;
	forget(d);
	layer_close(d->layer);
	free(d);
}

/* --- archives of what comes --- */

struct member {
	char digest[DIGEST_MAX];
	struct buf name, data;
};

/* Appends a text, each @N replaced with the hex digest of an earlier member. */
static void
expand(
    struct buf *b, const char *s, size_t len, const struct member *v, size_t n)
{
	size_t i, of;

	for (i = 0; i < len; i++) {
		of = i + 1 < len && s[i] == '@' ? (size_t)(s[i + 1] - '0') : n;
		if (of < n) {
			must(buf_addstr(b, v[of].digest + 7) == 0);
			i++;
		} else
			must(buf_add(b, s + i, 1) == 0);
	}
}

/* A ustar header and the data.  A name a>b is a symlink, a=b a hardlink. */
static void
put_member(struct buf *tar, const struct member *m)
{
	static const char zeros[BLOCK];
	char header[BLOCK] = {0};
	const char *link = NULL;
	size_t len = m->data.len, n = 0;

	if (m->name.len > 0) {
		link = strpbrk(m->name.data, ">=");
		n = link != NULL ? (size_t)(link - m->name.data) : m->name.len;
		memcpy(header, m->name.data, n < 100 ? n : 100);
	}
	header[156] = '0';
	if (link != NULL) {
		header[156] = *link == '>' ? '2' : '1';
		snprintf(header + 157, 100, "%s", link + 1);
		len = 0;
	}
	snprintf(header + 124, 12, "%011zo", len);
	memcpy(header + 257, "ustar\00000", 8);
	mend_header((uint8_t *)header);
	must(buf_add(tar, header, BLOCK) == 0);
	if (len > 0)
		must(buf_add(tar, m->data.data, len) == 0 &&
		     buf_add(tar, zeros, -len % BLOCK) == 0);
}

/*
 * Members as text: a name, a line's end, the data up to a NUL, and so on.  Of a
 * blob the name is blobs/sha256/@ and the member's own number.
 */
static void
compose(struct buf *tar, const char *text, size_t size)
{
	static const char end[2 * BLOCK];
	struct member v[MEMBERS] = {0};
	const char *limit = text + size, *nl, *stop;
	size_t i, n;

	for (n = 0; n < MEMBERS && text < limit; n++, text = stop + 1) {
		stop = memchr(text, '\0', (size_t)(limit - text));
		if (stop == NULL)
			stop = limit;
		nl = memchr(text, '\n', (size_t)(stop - text));
		if (nl == NULL)
			nl = stop;
		else
			expand(
			    &v[n].data, nl + 1, (size_t)(stop - nl - 1), v, n);
		must(digest_of("sha256:", v[n].data.data, v[n].data.len,
			 v[n].digest) == 0);
		expand(&v[n].name, text, (size_t)(nl - text), v, n + 1);
		put_member(tar, &v[n]);
	}
	must(buf_add(tar, end, sizeof(end)) == 0);
	for (i = 0; i < n; i++) {
		buf_free(&v[i].name);
		buf_free(&v[i].data);
	}
}

/* --- what is asked of an archive --- */

/* Gets a manifest or blob that has this digest, or a reason. */
static int
load(struct imagefile *a, const char *digest, struct buf *b)
{
	char *type = NULL, found[DIGEST_MAX];
	int rc;

	rc = imagefile_manifest(a, digest, b, &type);
	free(type);
	if (rc == 0) {
		must(digest_of(digest, b->data, b->len, found) == 0);
		must(strcmp(found, digest) == 0);
	}
	return rc;
}

static void
look_at(struct imagefile *a, const char *digest)
{
	struct image_config *c;
	struct buf b = {0}, config = {0};
	struct manifest *m;
	size_t i;

	must(ref_digest_ok(digest) && imagefile_has(a, digest));
	if (load(a, digest, &b) == 0 &&
	    manifest_parse("x", b.data, b.len, NULL, &m) == 0) {
		if (!m->is_index && load(a, m->config.digest, &config) == 0 &&
		    image_config_parse("x", config.data, config.len, &c) == 0)
			image_config_free(c);
		for (i = 0; i < m->nlayers; i++)
			imagefile_has(a, m->layers[i].digest);
		manifest_free(m);
	}
	buf_free(&config);
	buf_free(&b);
}

static void
open_archive(const char *path)
{
	static const struct members_opts opts = {.bytes_max = BYTES_MAX};
	struct imagefile *a;
	struct platform p;
	int status = 0;
	size_t i;

	platform_set(&p, "linux", "amd64", "");
	if ((a = imagefile_open(NULL, path, &p, &opts, &status)) == NULL) {
		must(status != 0);
		return;
	}
	must(imagefile_count(a) > 0);
	for (i = 0; i < imagefile_count(a); i++) {
		if (imagefile_name(a, i) != NULL)
			touch_string(imagefile_name(a, i));
		look_at(a, imagefile_digest(a, i));
	}
	imagefile_close(a);
}

/* Of an odd first byte a tar as it is, else members as text. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *quiet;
	FILE *loud = stderr;
	struct buf tar = {0};
	char path[32];
	int fd;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	if (quiet == NULL)
		must((quiet = fopen("/dev/null", "w")) != NULL);
	if (data[0] & 1) {
		must(buf_add(&tar, data + 1, size - 1) == 0);
		mend_tar((uint8_t *)tar.data, tar.len);
	} else
		compose(&tar, (const char *)data + 1, size - 1);
	must((fd = memfd_create("archive", MFD_CLOEXEC)) != -1);
	must(write(fd, tar.data, tar.len) == (ssize_t)tar.len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	stderr = quiet;
	open_archive(path);
	stderr = loud;
	close(fd);
	buf_free(&tar);
	return 0;
}
