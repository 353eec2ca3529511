/* See LICENSE. */
#include "manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fdio.h"
#include "json.h"
#include "msg.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define DESCRIPTOR_SIZE_MAX ((int64_t)1 << 50)

static const char oci_index[] = OCI "index.v1+json";
static const char oci_manifest[] = OCI "manifest.v1+json";
static const char docker_list[] = DOCKER "distribution.manifest.list.v2+json";
static const char docker_manifest[] = DOCKER "distribution.manifest.v2+json";

static int
is_index_type(const char *t)
{
	return strcmp(t, oci_index) == 0 || strcmp(t, docker_list) == 0;
}

static int
is_manifest_type(const char *t)
{
	return strcmp(t, oci_manifest) == 0 || strcmp(t, docker_manifest) == 0;
}

static int
refuse(const char *what, const char *why)
{
	return msg_failx(ST_REFUSED, "%s: %s", what, why);
}

static int
no_memory(const char *what)
{
	errno = ENOMEM;
	return msg_fail(ST_LOCAL, "%s", what);
}

/* A copy of a string member, "" when absent; NULL without memory. */
static char *
string(const struct json *j, const char *key)
{
	const char *s = json_str(json_get(j, key));

	return strdup(s != NULL ? s : "");
}

/* Only http(s): anything else in urls is not for us. */
static char *
first_url(const struct json *j)
{
	const struct json *urls = json_get(j, "urls");
	const char *s;
	size_t i;

	for (i = 0; i < json_len(urls); i++) {
		s = json_str(json_at(urls, i));
		if (s != NULL && (strncmp(s, "https://", 8) == 0 ||
				     strncmp(s, "http://", 7) == 0))
			return strdup(s);
	}
	return NULL;
}

/* image-spec descriptor.md */
static int
parse_descriptor(const char *what, const struct json *j, struct descriptor *d)
{
	const char *digest = json_str(json_get(j, "digest"));
	int64_t size;

	if (!json_isobj(j))
		return refuse(what, "malformed: a descriptor is missing");
	if (digest == NULL || !ref_digest_ok(digest))
		return msg_failx(ST_REFUSED, "%s: malformed: bad digest %s",
		    what, digest != NULL ? digest : "(none)");
	if (json_int(json_get(j, "size"), &size) == -1 || size < 0 ||
	    size > DESCRIPTOR_SIZE_MAX)
		return msg_failx(
		    ST_REFUSED, "%s: malformed: bad size of %s", what, digest);
	strcpy(d->digest, digest);
	d->size = (uint64_t)size;
	d->url = first_url(j);
	if ((d->mediatype = string(j, "mediaType")) == NULL)
		return no_memory(what);
	return 0;
}

static void
free_descriptor(struct descriptor *d)
{
	free(d->mediatype);
	free(d->url);
}

static int
check_layer(const char *what, const struct descriptor *d)
{
	const char *t = d->mediatype;
	size_t n = strlen(t);

	if (n >= 10 && strcmp(t + n - 10, "+encrypted") == 0)
		return msg_failx(
		    ST_REFUSED, "%s: layer %s is encrypted", what, d->digest);
	if (strncmp(t, OCI "layer.", sizeof(OCI "layer.") - 1) == 0 ||
	    strncmp(t, DOCKER "image.rootfs.",
		sizeof(DOCKER "image.rootfs.") - 1) == 0)
		return 0;
	return msg_failx(ST_REFUSED, "%s: layer %s: unknown media type %s",
	    what, d->digest, t[0] != '\0' ? t : "(none)");
}

static int
check_config(const char *what, const struct manifest *m)
{
	const char *t = m->config.mediatype;

	if (strcmp(t, OCI "config.v1+json") == 0 ||
	    strcmp(t, DOCKER "container.image.v1+json") == 0)
		return 0;
	return msg_failx(ST_REFUSED, "%s: an artifact, not an image: %s", what,
	    t[0] != '\0' ? t : "no media type");
}

/* A digest that is listed twice stands for one blob, of one size. */
static int
check_sizes(const char *what, const struct manifest *m)
{
	const struct descriptor *a, *b, *end = m->layers + m->nlayers;

	if (m->config.size > MANIFEST_SIZE_MAX)
		return msg_failx(ST_REFUSED,
		    "%s: config %s is larger than 4 MiB", what,
		    m->config.digest);
	for (b = m->layers; b < end; b++) {
		a = strcmp(b->digest, m->config.digest) == 0 ? &m->config
							     : m->layers;
		while (a != &m->config && strcmp(a->digest, b->digest) != 0)
			a++;
		if (a->size != b->size)
			return msg_failx(ST_REFUSED,
			    "%s: malformed: %s with two sizes", what,
			    b->digest);
	}
	return 0;
}

static int
parse_image(const char *what, const struct json *j, struct manifest *m)
{
	const struct json *layers = json_get(j, "layers");
	const char *artifact = json_str(json_get(j, "artifactType"));
	size_t i, n = json_len(layers);
	int rc;

	if ((rc = parse_descriptor(what, json_get(j, "config"), &m->config)) !=
		0 ||
	    (rc = check_config(what, m)) != 0)
		return rc;
	if (artifact != NULL && artifact[0] != '\0' &&
	    strcmp(artifact, m->config.mediatype) != 0)
		return msg_failx(ST_REFUSED,
		    "%s: an artifact, not an image: %s", what, artifact);
	if (!json_isarr(layers))
		return refuse(what, "malformed: no layers");
	if (n > MANIFEST_LAYERS_MAX)
		return msg_failx(ST_REFUSED, "%s: %zu layers, at most %d", what,
		    n, MANIFEST_LAYERS_MAX);
	if ((m->layers = calloc(n + 1, sizeof(*m->layers))) == NULL)
		return no_memory(what);
	for (i = 0; i < n; i++) {
		m->nlayers = i + 1;
		if ((rc = parse_descriptor(
			 what, json_at(layers, i), &m->layers[i])) != 0 ||
		    (rc = check_layer(what, &m->layers[i])) != 0)
			return rc;
	}
	return check_sizes(what, m);
}

static int
is_attestation(const struct json *j, const struct manifest_entry *e)
{
	const char *type = json_str(
	    json_get(json_get(j, "annotations"), "vnd.docker.reference.type"));

	return (type != NULL && strcmp(type, "attestation-manifest") == 0) ||
	       (e->has_platform && strcmp(e->platform.os, "unknown") == 0 &&
		   strcmp(e->platform.arch, "unknown") == 0);
}

static char *
annotation(const struct json *j, const char *key)
{
	const char *s = json_str(json_get(json_get(j, "annotations"), key));

	return s != NULL ? strdup(s) : NULL;
}

static void
free_entry(struct manifest_entry *e)
{
	free_descriptor(&e->desc);
	free(e->ref_name);
	free(e->image_name);
	memset(e, 0, sizeof(*e));
}

/* 1: of use; 0: of an unknown or useless kind; else -status. */
static int
parse_entry(const char *what, const struct json *j, struct manifest_entry *e)
{
	const struct json *p = json_get(j, "platform");
	int rc;

	if ((rc = parse_descriptor(what, j, &e->desc)) != 0)
		return -rc;
	e->is_index = is_index_type(e->desc.mediatype);
	if (!e->is_index && !is_manifest_type(e->desc.mediatype))
		return 0;
	if (json_isobj(p) && json_str(json_get(p, "architecture")) != NULL) {
		e->has_platform = 1;
		platform_set(&e->platform, json_str(json_get(p, "os")),
		    json_str(json_get(p, "architecture")),
		    json_str(json_get(p, "variant")));
	}
	e->ref_name = annotation(j, "org.opencontainers.image.ref.name");
	e->image_name = annotation(j, "io.containerd.image.name");
	return !is_attestation(j, e);
}

static int
parse_index(const char *what, const struct json *j, struct manifest *m)
{
	const struct json *list = json_get(j, "manifests");
	size_t i, n = json_len(list);
	int rc;

	if (!json_isarr(list))
		return refuse(what, "malformed: no manifests");
	if ((m->entries = calloc(n + 1, sizeof(*m->entries))) == NULL)
		return no_memory(what);
	for (i = 0; i < n; i++) {
		rc = parse_entry(
		    what, json_at(list, i), &m->entries[m->nentries]);
		if (rc == 1)
			m->nentries++;
		else
			free_entry(&m->entries[m->nentries]);
		if (rc < 0)
			return -rc;
	}
	return 0;
}

/* The length of a media type without its parameters. */
static size_t
type_length(const char *t)
{
	return strcspn(t, "; \t");
}

/*
 * The kind by the body's mediaType, else the Content-Type, else its shape.
 * What could be taken for both kinds is refused (CVE-2021-41190).
 */
static int
find_kind(const char *what, const struct json *j, const char *content_type,
    struct manifest *m)
{
	const char *type = json_str(json_get(j, "mediaType"));
	int64_t version = 0;
	size_t n;

	json_int(json_get(j, "schemaVersion"), &version);
	if (version == 1)
		return refuse(what, "manifest schema 1 is not supported");
	if (version != 2)
		return refuse(what, "not a manifest: schemaVersion is not 2");
	if (!json_isnull(json_get(j, "manifests")) &&
	    (!json_isnull(json_get(j, "layers")) ||
		!json_isnull(json_get(j, "config")) ||
		!json_isnull(json_get(j, "fsLayers"))))
		return refuse(what, "ambiguous: both manifest and index");
	if ((m->mediatype = strdup(content_type != NULL ? content_type : "")) ==
	    NULL)
		return no_memory(what);
	n = type_length(m->mediatype);
	m->mediatype[n] = '\0';
	if (!is_index_type(m->mediatype) && !is_manifest_type(m->mediatype))
		m->mediatype[0] = '\0';
	if (type != NULL && type[0] != '\0') {
		if (m->mediatype[0] != '\0' && strcmp(type, m->mediatype) != 0)
			return msg_failx(ST_REFUSED,
			    "%s: ambiguous: mediaType is %s, Content-Type %s",
			    what, type, m->mediatype);
		free(m->mediatype);
		if ((m->mediatype = strdup(type)) == NULL)
			return no_memory(what);
	} else if (m->mediatype[0] == '\0') {
		free(m->mediatype);
		m->mediatype = strdup(json_isnull(json_get(j, "manifests"))
					  ? oci_manifest
					  : oci_index);
		if (m->mediatype == NULL)
			return no_memory(what);
	}
	return 0;
}

int
manifest_parse(const char *what, const char *body, size_t len,
    const char *content_type, struct manifest **out)
{
	struct manifest *m;
	struct json *j;
	const char *why;
	int rc;

	*out = NULL;
	if (len > MANIFEST_SIZE_MAX)
		return refuse(what, "manifest is larger than 4 MiB");
	if ((j = json_parse(body, len, &why)) == NULL)
		return msg_failx(
		    ST_REFUSED, "%s: malformed manifest: %s", what, why);
	if ((m = calloc(1, sizeof(*m))) == NULL) {
		rc = no_memory(what);
		goto out;
	}
	if (!json_isobj(j))
		rc = refuse(what, "malformed manifest: not an object");
	else if ((rc = find_kind(what, j, content_type, m)) == 0) {
		m->is_index = is_index_type(m->mediatype);
		if (m->is_index)
			rc = parse_index(what, j, m);
		else if (is_manifest_type(m->mediatype))
			rc = parse_image(what, j, m);
		else
			rc = msg_failx(ST_REFUSED,
			    "%s: neither image nor index: %s", what,
			    m->mediatype);
	}
out:
	json_free(j);
	if (rc != 0) {
		manifest_free(m);
		m = NULL;
	}
	*out = m;
	return rc;
}

void
manifest_free(struct manifest *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < m->nlayers; i++)
		free_descriptor(&m->layers[i]);
	for (i = 0; i < m->nentries; i++)
		free_entry(&m->entries[i]);
	free_descriptor(&m->config);
	free(m->layers);
	free(m->entries);
	free(m->mediatype);
	free(m);
}

void
manifest_keep(struct manifest *m, int (*has)(void *, const char *), void *arg)
{
	size_t i, n = 0;

	for (i = 0; i < m->nentries; i++)
		if (has(arg, m->entries[i].desc.digest))
			m->entries[n++] = m->entries[i];
		else
			free_entry(&m->entries[i]);
	m->nentries = n;
}

const struct manifest_entry *
manifest_choose(const struct manifest *m, const struct platform *want)
{
	const struct manifest_entry *best = NULL, *e;
	int best_rank = 0, rank;

	for (e = m->entries; e < m->entries + m->nentries; e++) {
		rank = e->has_platform ? platform_rank(want, &e->platform)
				       : 10000;
		if (rank >= 0 && (best == NULL || rank < best_rank)) {
			best = e;
			best_rank = rank;
		}
	}
	return best;
}

int
manifest_no_platform(
    const char *what, const struct manifest *m, const struct platform *want)
{
	char text[PLATFORM_STR];
	struct buf b = {0};
	size_t i;

	for (i = 0; i < m->nentries; i++) {
		if (!m->entries[i].has_platform)
			continue;
		if (b.len > 0)
			buf_addstr(&b, ", ");
		buf_addstr(&b, platform_str(&m->entries[i].platform, text));
	}
	msg_warnx("%s: no image for platform %s; there is: %s", what,
	    platform_str(want, text), b.len > 0 ? b.data : "none");
	buf_free(&b);
	return ST_NOTFOUND;
}

int
descriptor_is_repeated(const struct descriptor *d, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(d[i].digest, d[n].digest) == 0)
			return 1;
	return 0;
}
