/* See LICENSE. */
#include "manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "msg.h"

/* Strings that chr keeps NUL-terminated may not hold a NUL. */
static int
bad_member(const char *what, const char *key)
{
	return msg_failx(
	    ST_REFUSED, "%s: malformed configuration: %s", what, key);
}

static int
no_memory(const char *what)
{
	errno = ENOMEM;
	return msg_fail(ST_LOCAL, "%s", what);
}

static void
free_vector(char **v)
{
	char **p;

	for (p = v; p != NULL && *p != NULL; p++)
		free(*p);
	free(v);
}

/*
 * An array of strings; null and absence are an empty vector; a single string,
 * as in very old images, is a vector of one.
 */
static int
get_vector(const char *what, const struct json *j, const char *key, char ***out)
{
	const struct json *a = json_get(j, key);
	size_t i, n = json_isarr(a) ? json_len(a) : !json_isnull(a);
	const char *s;

	if ((*out = calloc(n + 1, sizeof(**out))) == NULL)
		return no_memory(what);
	for (i = 0; i < n; i++) {
		s = json_str(json_isarr(a) ? json_at(a, i) : a);
		if (s == NULL)
			return bad_member(what, key);
		if (((*out)[i] = strdup(s)) == NULL)
			return no_memory(what);
	}
	return 0;
}

struct keys {
	char **v;
	size_t n;
	int values;
};

static int
add_key(void *arg, const char *key, const struct json *value)
{
	struct keys *k = arg;
	const char *s = json_str(value);
	char **v;

	if ((v = realloc(k->v, (k->n + 2) * sizeof(*v))) == NULL)
		return -1;
	k->v = v;
	k->v[k->n] = k->values ? fdio_fmt("%s=%s", key, s != NULL ? s : "")
			       : strdup(key);
	if (k->v[k->n] == NULL)
		return -1;
	k->v[++k->n] = NULL;
	return 0;
}

/* The keys of an object, or "key=value" of each member. */
static int
get_keys(const char *what, const struct json *j, const char *key, int values,
    char ***out)
{
	struct keys k = {.values = values};
	const struct json *o = json_get(j, key);

	k.v = calloc(1, sizeof(*k.v));
	*out = k.v;
	if (k.v == NULL)
		return no_memory(what);
	if (json_isnull(o))
		return 0;
	if (!json_isobj(o))
		return bad_member(what, key);
	if (json_each(o, add_key, &k) != 0) {
		*out = k.v;
		return no_memory(what);
	}
	*out = k.v;
	return 0;
}

static int
get_string(const char *what, const struct json *j, const char *key, char **out)
{
	const struct json *member = json_get(j, key);
	const char *s = json_str(member);

	if (s == NULL && !json_isnull(member))
		return bad_member(what, key);
	if ((*out = strdup(s != NULL ? s : "")) == NULL)
		return no_memory(what);
	return 0;
}

static int
get_diffids(const char *what, const struct json *j, struct image_config *c)
{
	const struct json *rootfs = json_get(j, "rootfs");
	const struct json *ids = json_get(rootfs, "diff_ids");
	const char *s = json_str(json_get(rootfs, "type"));
	size_t i, n = json_len(ids);

	if (s == NULL || strcmp(s, "layers") != 0)
		return bad_member(what, "rootfs.type is not layers");
	if (!json_isarr(ids) && !json_isnull(ids))
		return bad_member(what, "rootfs.diff_ids");
	if ((c->diffids = calloc(n + 1, sizeof(*c->diffids))) == NULL)
		return no_memory(what);
	for (i = 0; i < n; i++) {
		s = json_str(json_at(ids, i));
		if (s == NULL || !ref_digest_ok(s) ||
		    strncmp(s, "sha256:", 7) != 0)
			return bad_member(what, "rootfs.diff_ids");
		strcpy(c->diffids[i], s);
	}
	c->ndiffids = n;
	return 0;
}

static int
get_all(const char *what, const struct json *j, struct image_config *c)
{
	const struct json *run = json_get(j, "config");
	int rc;

	platform_set(&c->platform, json_str(json_get(j, "os")),
	    json_str(json_get(j, "architecture")),
	    json_str(json_get(j, "variant")));
	if (!json_isnull(run) && !json_isobj(run))
		return bad_member(what, "config");
	if ((rc = get_diffids(what, j, c)) != 0 ||
	    (rc = get_vector(what, run, "Entrypoint", &c->entrypoint)) != 0 ||
	    (rc = get_vector(what, run, "Cmd", &c->cmd)) != 0 ||
	    (rc = get_vector(what, run, "Env", &c->env)) != 0 ||
	    (rc = get_keys(what, run, "Volumes", 0, &c->volumes)) != 0 ||
	    (rc = get_keys(what, run, "Labels", 1, &c->labels)) != 0 ||
	    (rc = get_string(what, run, "User", &c->user)) != 0 ||
	    (rc = get_string(what, run, "WorkingDir", &c->workdir)) != 0)
		return rc;
	return get_string(what, run, "StopSignal", &c->stopsignal);
}

int
image_config_parse(
    const char *what, const char *body, size_t len, struct image_config **out)
{
	struct image_config *c;
	struct json *j;
	const char *why;
	int rc;

	*out = NULL;
	if (len > MANIFEST_SIZE_MAX)
		return msg_failx(
		    ST_REFUSED, "%s: configuration is larger than 4 MiB", what);
	if ((j = json_parse(body, len, &why)) == NULL)
		return msg_failx(
		    ST_REFUSED, "%s: malformed configuration: %s", what, why);
	if ((c = calloc(1, sizeof(*c))) == NULL)
		rc = no_memory(what);
	else if (!json_isobj(j))
		rc = bad_member(what, "not an object");
	else
		rc = get_all(what, j, c);
	json_free(j);
	if (rc != 0) {
		image_config_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void
image_config_free(struct image_config *c)
{
	if (c == NULL)
		return;
	free_vector(c->entrypoint);
	free_vector(c->cmd);
	free_vector(c->env);
	free_vector(c->volumes);
	free_vector(c->labels);
	free(c->user);
	free(c->workdir);
	free(c->stopsignal);
	free(c->diffids);
	free(c);
}
