/* See LICENSE. */
#include "imagefile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "json.h"
#include "members.h"
#include "msg.h"

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"

/* Of an archive, which has some hundred at most. */
#define NAMES_MAX 4096
#define LAYERS_MAX 16384
#define TAGS_MAX 1024 /* names of one image */

/* A document that chr made, or that has no blob of its own. */
struct doc {
	char digest[DIGEST_MAX];
	const char *type;
	struct buf body;
};

struct image {
	char *name;
	char digest[DIGEST_MAX];
	size_t ordinal;
	size_t first; /* the least ordinal of this digest */
};

struct imagefile {
	char *path;
	struct members *members;
	struct doc *docs;
	size_t ndocs;
	struct image *images;
	size_t nimages, cap;
};

static int
no_memory(const struct imagefile *a)
{
	errno = ENOMEM;
	return msg_fail(ST_LOCAL, "%s", a->path);
}

/* Takes over the body.  The digest is in the document. */
static const struct doc *
add_doc(struct imagefile *a, struct buf *body, const char *type)
{
	struct doc *docs;

	docs = realloc(a->docs, (a->ndocs + 1) * sizeof(*docs));
	if (docs == NULL)
		return NULL;
	a->docs = docs;
	docs += a->ndocs;
	if (digest_of("sha256:", body->data, body->len, docs->digest) == -1)
		return NULL;
	docs->type = type;
	docs->body = *body;
	memset(body, 0, sizeof(*body));
	a->ndocs++;
	return docs;
}

static int
doc_by_digest(const void *x, const void *y)
{
	const struct doc *a = x, *b = y;

	return strcmp(a->digest, b->digest);
}

static int
doc_is(const void *digest, const void *x)
{
	const struct doc *doc = x;

	return strcmp(digest, doc->digest);
}

/* Once all are there, in their order. */
static const struct doc *
find_doc(const struct imagefile *a, const char *digest)
{
	return a->ndocs == 0 ? NULL
			     : bsearch(digest, a->docs, a->ndocs,
				   sizeof(*a->docs), doc_is);
}

static int
add_image(struct imagefile *a, const char *name, const char *digest)
{
	struct image *v;
	size_t cap;

	if (a->nimages == NAMES_MAX)
		return msg_failx(ST_REFUSED,
		    "%s: more names than archives have: over %d", a->path,
		    NAMES_MAX);
	if (a->nimages == a->cap) {
		cap = a->cap > 0 ? a->cap * 2 : 16;
		if ((v = realloc(a->images, cap * sizeof(*v))) == NULL)
			return no_memory(a);
		a->images = v;
		a->cap = cap;
	}
	v = &a->images[a->nimages];
	memset(v, 0, sizeof(*v));
	v->ordinal = a->nimages;
	strcpy(v->digest, digest);
	if (name != NULL && (v->name = strdup(name)) == NULL)
		return no_memory(a);
	a->nimages++;
	return 0;
}

/* Those of one digest together, the one without a name last. */
static int
by_digest(const void *x, const void *y)
{
	const struct image *a = x, *b = y;
	int r;

	if ((r = strcmp(a->digest, b->digest)) != 0)
		return r;
	if (a->name == NULL || b->name == NULL)
		return (a->name == NULL) - (b->name == NULL);
	r = strcmp(a->name, b->name);
	return r != 0 ? r
		      : (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/* Those of one image together, both in the order of the archive. */
static int
by_ordinal(const void *x, const void *y)
{
	const struct image *a = x, *b = y;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/* Each name of an image once; none where it has one.  How many it has. */
static size_t
drop_doubles(struct image *v, size_t n)
{
	size_t first = v[0].ordinal, i, left = 0;

	for (i = 0; i < n; i++) {
		first = v[i].ordinal < first ? v[i].ordinal : first;
		if (left > 0 && (v[i].name == NULL ||
				    strcmp(v[left - 1].name, v[i].name) == 0))
			free(v[i].name);
		else
			v[left++] = v[i];
	}
	for (i = 0; i < left; i++)
		v[i].first = first;
	return left;
}

static int
sort_images(struct imagefile *a)
{
	struct image *v = a->images;
	size_t end, i, left, n = 0, most = 0;

	if (a->nimages == 0)
		return 0;
	qsort(v, a->nimages, sizeof(*v), by_digest);
	for (i = 0; i < a->nimages; i = end) {
		for (end = i + 1; end < a->nimages &&
				  strcmp(v[i].digest, v[end].digest) == 0;
		     end++)
			;
		left = drop_doubles(v + i, end - i);
		memmove(v + n, v + i, left * sizeof(*v));
		n += left;
		most = left > most ? left : most;
	}
	a->nimages = n;
	qsort(v, n, sizeof(*v), by_ordinal);
	if (most <= TAGS_MAX)
		return 0;
	return msg_failx(ST_REFUSED, "%s: %zu names of one image, at most %d",
	    a->path, most, TAGS_MAX);
}

/* Appends {"mediaType":..,"digest":..,"size":..} to a manifest. */
static int
put_descriptor(struct buf *b, const char *type, const struct descriptor *d)
{
	char *s;
	int rc;

	s = fdio_fmt("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu}",
	    type, d->digest, (unsigned long long)d->size);
	rc = s == NULL ? -1 : buf_addstr(b, s);
	free(s);
	return rc;
}

static int
put_manifest_head(struct buf *b, const struct descriptor *config)
{
	return buf_addstr(b,
		   "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_TYPE
		   "\",\"config\":") == -1 ||
	       put_descriptor(b, CONFIG_TYPE, config) == -1 ||
	       buf_addstr(b, ",\"layers\":[") == -1;
}

/*
 * A file that says what the archive is.  ST_NOTFOUND, silent, when there is
 * none, or when it is no JSON and may be some file of a tree.
 */
static int
load_json(struct imagefile *a, const char *name, struct json **j)
{
	const char *why = "larger than 4 MiB";
	struct descriptor d = {.size = 0};
	struct buf b = {0};
	int rc = 0;

	*j = NULL;
	members_describe(a->members, name, &d);
	if (d.size <= MANIFEST_SIZE_MAX &&
	    (rc = members_load(a->members, name, &b)) == 0)
		*j = json_parse(b.data, b.len, &why);
	buf_free(&b);
	if (rc != 0 || *j != NULL)
		return rc;
	if (!members_of_image(a->members))
		return ST_NOTFOUND;
	return msg_failx(ST_REFUSED, "%s: %s: %s", a->path, name, why);
}

/* --- docker save: manifest.json, a list of {Config, RepoTags, Layers} --- */

static int
describe(struct imagefile *a, const struct json *path, struct descriptor *d)
{
	const char *s = json_str(path);

	if (s == NULL)
		return msg_failx(
		    ST_REFUSED, "%s: manifest.json: malformed", a->path);
	if (members_describe(a->members, s, d) != 0)
		return msg_failx(ST_REFUSED,
		    "%s: manifest.json: %s: not in the archive", a->path, s);
	return 0;
}

static int
add_saved(struct imagefile *a, const struct json *item)
{
	const struct json *layers = json_get(item, "Layers");
	const struct json *tags = json_get(item, "RepoTags");
	struct descriptor d;
	const struct doc *doc;
	struct buf b = {0};
	size_t i;
	int rc;

	if ((rc = describe(a, json_get(item, "Config"), &d)) != 0)
		return rc;
	if (put_manifest_head(&b, &d))
		rc = no_memory(a);
	for (i = 0; rc == 0 && i < json_len(layers); i++)
		if ((rc = describe(a, json_at(layers, i), &d)) == 0 &&
		    ((i > 0 && buf_addstr(&b, ",") == -1) ||
			put_descriptor(&b, LAYER_TYPE, &d) == -1))
			rc = no_memory(a);
	if (rc == 0 && (buf_addstr(&b, "]}") == -1 ||
			   (doc = add_doc(a, &b, MANIFEST_TYPE)) == NULL))
		rc = no_memory(a);
	buf_free(&b);
	if (rc == 0 && json_len(tags) == 0)
		rc = add_image(a, NULL, doc->digest);
	for (i = 0; rc == 0 && i < json_len(tags); i++)
		rc = add_image(a, json_str(json_at(tags, i)), doc->digest);
	return rc;
}

/* Whether manifest.json is docker's, and not some file of a tree. */
static int
is_saved(const struct json *j)
{
	size_t i;

	for (i = 0; i < json_len(j); i++)
		if (json_str(json_get(json_at(j, i), "Config")) == NULL ||
		    !json_isarr(json_get(json_at(j, i), "Layers")))
			return 0;
	return json_len(j) > 0;
}

/* Before any of them is looked for. */
static int
count_saved(const struct imagefile *a, const struct json *j)
{
	size_t i, layers = 0, n, names = 0;

	for (i = 0; i < json_len(j); i++) {
		n = json_len(json_get(json_at(j, i), "Layers"));
		if (n > MANIFEST_LAYERS_MAX)
			return msg_failx(ST_REFUSED,
			    "%s: manifest.json: %zu layers, at most %d",
			    a->path, n, MANIFEST_LAYERS_MAX);
		layers += n;
		n = json_len(json_get(json_at(j, i), "RepoTags"));
		names += n > 0 ? n : 1;
	}
	if (layers > LAYERS_MAX)
		return msg_failx(ST_REFUSED,
		    "%s: manifest.json: %zu layers of %zu images, at most %d",
		    a->path, layers, json_len(j), LAYERS_MAX);
	if (names > NAMES_MAX)
		return msg_failx(ST_REFUSED,
		    "%s: manifest.json: %zu names, at most %d", a->path, names,
		    NAMES_MAX);
	return 0;
}

/* ST_NOTFOUND, silent, when it is no docker save archive. */
static int
read_saved(struct imagefile *a)
{
	struct json *j;
	size_t i;
	int rc;

	if ((rc = load_json(a, "manifest.json", &j)) != 0)
		return rc;
	if (!is_saved(j))
		rc = ST_NOTFOUND;
	else
		rc = count_saved(a, j);
	for (i = 0; rc == 0 && i < json_len(j); i++)
		rc = add_saved(a, json_at(j, i));
	json_free(j);
	return rc;
}

/* --- OCI layout: index.json (image-spec image-layout.md) --- */

/* A name in full, or NULL: a bare tag is none. */
static const char *
own_name(const struct manifest_entry *e)
{
	if (e->image_name != NULL)
		return e->image_name;
	if (e->ref_name != NULL && strpbrk(e->ref_name, ":/@") != NULL)
		return e->ref_name;
	return NULL;
}

/* Several images, and nothing that tells which: says the tags they have. */
static int
refuse_many(const struct imagefile *a, const struct manifest *m, size_t n)
{
	struct buf tags = {0};
	const char *tag;
	size_t i;
	int rc;

	for (i = 0; i < m->nentries; i++) {
		tag = m->entries[i].ref_name;
		if (own_name(&m->entries[i]) != NULL || tag == NULL)
			continue;
		if (buf_addstr(&tags, tags.len > 0 ? ", " : "; tags: ") == -1 ||
		    buf_addstr(&tags, tag) == -1)
			break;
	}
	rc = msg_failx(ST_REFUSED,
	    "%s: %zu images without names: cannot tell which%.1000s", a->path,
	    n, tags.data != NULL ? tags.data : "");
	buf_free(&tags);
	return rc;
}

/*
 * Several images without names are one image for several platforms, when the
 * platforms say so.
 */
static int
add_unnamed(struct imagefile *a, const struct manifest *m, struct buf *body)
{
	const struct manifest_entry *e, *only = NULL;
	const struct doc *doc;
	size_t i, n = 0, platforms = 0;

	for (i = 0; i < m->nentries; i++) {
		e = &m->entries[i];
		if (own_name(e) != NULL ||
		    !members_has(a->members, e->desc.digest))
			continue;
		if (only != NULL &&
		    strcmp(only->desc.digest, e->desc.digest) == 0)
			continue;
		only = e;
		n++;
		platforms += (size_t)e->has_platform;
	}
	if (n == 0)
		return 0;
	if (n == 1)
		return add_image(a, NULL, only->desc.digest);
	if (platforms < n)
		return refuse_many(a, m, n);
	if ((doc = add_doc(a, body, INDEX_TYPE)) == NULL)
		return no_memory(a);
	return add_image(a, NULL, doc->digest);
}

static int
add_layout(struct imagefile *a, struct buf *body)
{
	const struct manifest_entry *e;
	struct manifest *m;
	char *what;
	size_t i;
	int rc;

	if ((what = fdio_fmt("%s: index.json", a->path)) == NULL)
		return no_memory(a);
	rc = manifest_parse(what, body->data, body->len, INDEX_TYPE, &m);
	free(what);
	if (rc != 0)
		return rc;
	for (i = 0; rc == 0 && i < m->nentries; i++) {
		e = &m->entries[i];
		if (own_name(e) != NULL &&
		    members_has(a->members, e->desc.digest))
			rc = add_image(a, own_name(e), e->desc.digest);
	}
	if (rc == 0)
		rc = add_unnamed(a, m, body);
	manifest_free(m);
	return rc;
}

/* ST_NOTFOUND, silent, when it is no layout. */
static int
read_layout(struct imagefile *a)
{
	struct buf b = {0};
	struct json *mark;
	int rc;

	if ((rc = load_json(a, "oci-layout", &mark)) != 0)
		return rc;
	if (json_str(json_get(mark, "imageLayoutVersion")) == NULL)
		rc = ST_NOTFOUND;
	json_free(mark);
	if (rc == 0 && (rc = members_load(a->members, "index.json", &b)) == 0)
		rc = add_layout(a, &b);
	buf_free(&b);
	return rc;
}

/*
 * What is neither is a tree: unless its index.json is damaged, which would have
 * told.
 */
static int
check_tree(struct imagefile *a)
{
	struct json *index;
	int rc;

	rc = load_json(a, "index.json", &index);
	json_free(index);
	return rc == ST_NOTFOUND ? 0 : rc;
}

/* --- a tree: one layer, and a configuration that says nothing --- */

static int
read_tree(struct imagefile *a, const struct platform *p)
{
	struct descriptor layer, config = {.size = 0};
	char diffid[DIGEST_MAX], *text;
	struct buf b = {0};
	const struct doc *doc;
	int rc;

	if ((rc = members_as_layer(a->members, &layer, diffid)) != 0)
		return rc;
	text = fdio_fmt("{\"architecture\":\"%s\",\"os\":\"%s\"%s%s%s,"
			"\"config\":{},\"rootfs\":{\"type\":\"layers\","
			"\"diff_ids\":[\"%s\"]}}",
	    p->arch, p->os, p->variant[0] != '\0' ? ",\"variant\":\"" : "",
	    p->variant, p->variant[0] != '\0' ? "\"" : "", diffid);
	if (text == NULL || buf_addstr(&b, text) == -1)
		goto fail;
	config.size = b.len;
	if ((doc = add_doc(a, &b, CONFIG_TYPE)) == NULL)
		goto fail;
	strcpy(config.digest, doc->digest);
	if (put_manifest_head(&b, &config) ||
	    put_descriptor(&b, LAYER_TYPE, &layer) == -1 ||
	    buf_addstr(&b, "]}") == -1 ||
	    (doc = add_doc(a, &b, MANIFEST_TYPE)) == NULL)
		goto fail;
	free(text);
	return add_image(a, NULL, doc->digest);
fail:
	free(text);
	buf_free(&b);
	return no_memory(a);
}

static int
read_images(struct imagefile *a, const struct platform *p)
{
	int rc;

	if ((rc = read_layout(a)) == 0 && a->nimages == 0) {
		if ((rc = read_saved(a)) == ST_NOTFOUND)
			rc = 0;
	} else if (rc == ST_NOTFOUND)
		rc = read_saved(a);
	if (rc == ST_NOTFOUND && members_is_dir(a->members))
		return msg_failx(ST_REFUSED, "%s: not an OCI layout", a->path);
	if (rc == ST_NOTFOUND && (rc = check_tree(a)) == 0)
		rc = read_tree(a, p);
	if (rc == 0 && a->nimages == 0)
		return msg_failx(ST_NOTFOUND, "%s: no image in it", a->path);
	if (a->ndocs > 1)
		qsort(a->docs, a->ndocs, sizeof(*a->docs), doc_by_digest);
	return rc == 0 ? sort_images(a) : rc;
}

struct imagefile *
imagefile_open(struct store *st, const char *path, const struct platform *p,
    const struct members_opts *opts, int *status)
{
	struct imagefile *a;

	*status = ST_LOCAL;
	if ((a = calloc(1, sizeof(*a))) == NULL ||
	    (a->path = strdup(
		 strcmp(path, "-") == 0 ? "standard input" : path)) == NULL) {
		msg_warn("%s", path);
		free(a);
		return NULL;
	}
	if ((a->members = members_open(st, path, opts, status)) == NULL ||
	    (*status = read_images(a, p)) != 0) {
		imagefile_close(a);
		return NULL;
	}
	return a;
}

void
imagefile_close(struct imagefile *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < a->ndocs; i++)
		buf_free(&a->docs[i].body);
	for (i = 0; i < a->nimages; i++)
		free(a->images[i].name);
	members_close(a->members);
	free(a->docs);
	free(a->images);
	free(a->path);
	free(a);
}

size_t
imagefile_count(const struct imagefile *a)
{
	return a->nimages;
}

const char *
imagefile_name(const struct imagefile *a, size_t i)
{
	return a->images[i].name;
}

const char *
imagefile_digest(const struct imagefile *a, size_t i)
{
	return a->images[i].digest;
}

int
imagefile_manifest(
    struct imagefile *a, const char *digest, struct buf *b, char **type)
{
	const struct doc *doc = find_doc(a, digest);
	char found[DIGEST_MAX];
	int rc;

	*type = NULL;
	if (doc != NULL) {
		if (buf_add(b, doc->body.data, doc->body.len) == -1 ||
		    (*type = strdup(doc->type)) == NULL)
			return no_memory(a);
		return 0;
	}
	rc = members_load_digest(a->members, digest, b);
	if (rc == ST_NOTFOUND)
		return msg_failx(
		    ST_REFUSED, "%s: %s: not in the archive", a->path, digest);
	if (rc != 0)
		return rc;
	if (digest_of(digest, b->data, b->len, found) == -1)
		return no_memory(a);
	if (strcmp(found, digest) != 0)
		return msg_failx(ST_REFUSED,
		    "%s: %s: content has the digest %s", a->path, digest,
		    found);
	return 0;
}

int
imagefile_has(struct imagefile *a, const char *digest)
{
	return find_doc(a, digest) != NULL || members_has(a->members, digest);
}

struct relay {
	int (*done)(void *, size_t);
	void *arg;
	size_t *place; /* of each blob in what the caller asked for */
};

static int
relay_done(void *arg, size_t i)
{
	struct relay *r = arg;

	return r->done(r->arg, r->place[i]);
}

int
imagefile_blobs(struct imagefile *a, struct store *st,
    const struct descriptor *want, size_t n, int (*done)(void *, size_t),
    void *arg)
{
	struct relay r = {done, arg, NULL};
	struct descriptor *rest;
	const struct doc *doc;
	size_t i, left = 0;
	int rc = 0;

	r.place = calloc(n + 1, sizeof(*r.place));
	rest = calloc(n + 1, sizeof(*rest));
	if (r.place == NULL || rest == NULL) {
		rc = no_memory(a);
		goto out;
	}
	for (i = 0; rc == 0 && i < n; i++) {
		if ((doc = find_doc(a, want[i].digest)) == NULL) {
			rest[left] = want[i];
			r.place[left++] = i;
		} else if ((rc = store_blob_put(st, doc->digest, doc->body.data,
				doc->body.len)) == 0)
			rc = done(arg, i);
	}
	if (rc == 0)
		rc = members_blobs(a->members, st, rest, left, relay_done, &r);
out:
	free(r.place);
	free(rest);
	return rc;
}
