/* See LICENSE. */
#include "auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "helper.h"
#include "http.h"
#include "json.h"
#include "msg.h"

#define AUTH_FILE_MAX (4U << 20)

static const char *const hub[] = {
    "docker.io", "index.docker.io", "registry-1.docker.io"};

int
auth_none(const struct auth *a)
{
	return a->user == NULL && a->identity == NULL && a->bearer == NULL;
}

void
auth_clear(struct auth *a)
{
	http_wipe(a->user);
	http_wipe(a->password);
	http_wipe(a->identity);
	http_wipe(a->bearer);
	memset(a, 0, sizeof(*a));
}

/* --- base64 --- */

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
auth_basic(const char *user, const char *password)
{
	char *in = fdio_fmt("%s:%s", user, password), *out = NULL, *d;
	size_t i, n;
	unsigned long v;

	if (in == NULL)
		return NULL;
	n = strlen(in);
	if ((d = out = malloc((n + 2) / 3 * 4 + 1)) == NULL)
		goto done;
	for (i = 0; i < n; i += 3) {
		v = (unsigned long)(unsigned char)in[i] << 16;
		if (i + 1 < n)
			v |= (unsigned long)(unsigned char)in[i + 1] << 8;
		if (i + 2 < n)
			v |= (unsigned char)in[i + 2];
		*d++ = digits[v >> 18 & 63];
		*d++ = digits[v >> 12 & 63];
		*d++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*d++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*d = '\0';
done:
	http_wipe(in);
	return out;
}

/* Decodes until the padding; NULL when there is anything else. */
static char *
decode(const char *s)
{
	char *out = malloc(strlen(s) + 1), *d = out;
	const char *p;
	unsigned long v = 0;
	unsigned bits = 0;

	if (out == NULL)
		return NULL;
	for (; *s != '\0' && *s != '='; s++) {
		if ((p = strchr(digits, *s)) == NULL) {
			*d = '\0';
			http_wipe(out);
			return NULL;
		}
		v = (v << 6 | (unsigned long)(p - digits)) & 0xffffff;
		if ((bits += 6) >= 8)
			*d++ = (char)(v >> (bits -= 8) & 0xff);
	}
	*d = '\0';
	return out;
}

/* --- one file --- */

/*
 * The key of a file as host[/path]: no scheme, no /v1/ of a host, one name for
 * the Hub.  malloced.
 */
static char *
normal_key(const char *key)
{
	const char *p = strstr(key, "://");
	size_t i, n;
	char *s;

	p = p == NULL ? key : p + 3;
	n = strlen(p);
	while (n > 0 && p[n - 1] == '/')
		n--;
	if (n > 3 && memchr(p, '/', n - 3) == NULL &&
	    (strncmp(p + n - 3, "/v1", 3) == 0 ||
		strncmp(p + n - 3, "/v2", 3) == 0))
		n -= 3;
	for (i = 0; i < sizeof(hub) / sizeof(hub[0]); i++)
		if (n >= strlen(hub[i]) &&
		    strncmp(p, hub[i], strlen(hub[i])) == 0 &&
		    (p[strlen(hub[i])] == '/' || n == strlen(hub[i]))) {
			n -= strlen(hub[i]);
			p += strlen(hub[i]);
			return fdio_fmt("docker.io%.*s", (int)n, p);
		}
	s = strndup(p, n);
	return s;
}

static char *
copy(const struct json *j)
{
	const char *s = json_str(j);

	return s == NULL || *s == '\0' ? NULL : strdup(s);
}

/* An entry of auths; 1 when it holds anything. */
static int
take_auth(const struct json *entry, void *arg)
{
	struct auth *a = arg;
	const char *text = json_str(json_get(entry, "auth"));
	char *colon, *plain;

	a->identity = copy(json_get(entry, "identitytoken"));
	a->bearer = copy(json_get(entry, "registrytoken"));
	if (text != NULL && *text != '\0' && (plain = decode(text)) != NULL) {
		if ((colon = strchr(plain, ':')) != NULL) {
			*colon = '\0';
			a->user = *plain == '\0' ? NULL : strdup(plain);
			a->password = strdup(colon + 1);
			explicit_bzero(colon + 1, strlen(colon + 1));
		}
		http_wipe(plain);
	} else if ((a->user = copy(json_get(entry, "username"))) != NULL) {
		a->password = copy(json_get(entry, "password"));
		if (a->password == NULL)
			a->password = strdup("");
	}
	if (auth_none(a) || (a->user != NULL && a->password == NULL)) {
		auth_clear(a);
		return 0;
	}
	return 1;
}

/* An entry of credHelpers; 1 when it may be a name. */
static int
take_helper(const struct json *name, void *helper)
{
	const char *s = json_str(name);

	if (s == NULL || *s == '\0' || strlen(s) >= AUTH_HELPER_MAX)
		return 0;
	memcpy(helper, s, strlen(s) + 1);
	return 1;
}

struct search {
	const char *want;
	int (*take)(const struct json *, void *);
	void *into;
};

static int
match(void *arg, const char *key, const struct json *value)
{
	struct search *s = arg;
	char *k = normal_key(key);
	int same = k != NULL && strcmp(k, s->want) == 0;

	free(k);
	return same && s->take(value, s->into);
}

/* Takes the first entry of that key that holds anything: 1 when one does. */
static int
take_key(const struct json *map, const char *want,
    int (*take)(const struct json *, void *), void *into)
{
	struct search s = {want, take, into};

	return json_isobj(map) && json_each(map, match, &s);
}

/* From domain/a/b to domain: the first key that has something. */
static void
search(const struct json *file, const struct json *auths, char *key,
    struct auth *a, char helper[AUTH_HELPER_MAX])
{
	char *slash;

	for (;;) {
		if (take_key(json_get(file, "credHelpers"), key, take_helper,
			helper))
			return;
		if (take_key(auths, key, take_auth, a))
			return;
		if ((slash = strrchr(key, '/')) == NULL)
			break;
		*slash = '\0';
	}
	take_helper(json_get(file, "credsStore"), helper);
}

int
auth_lookup(const char *text, size_t len, int legacy, const char *domain,
    const char *path, struct auth *a, char helper[AUTH_HELPER_MAX],
    const char **why)
{
	struct json *j;
	char *full, *key;

	memset(a, 0, sizeof(*a));
	helper[0] = '\0';
	if ((j = json_parse(text, len, why)) == NULL)
		return -1;
	if (!json_isobj(j)) {
		*why = "not an object";
		json_free(j);
		return -1;
	}
	full = path == NULL ? strdup(domain) : fdio_fmt("%s/%s", domain, path);
	key = full == NULL ? NULL : normal_key(full);
	if (key != NULL)
		search(legacy ? NULL : j, legacy ? j : json_get(j, "auths"),
		    key, a, helper);
	free(key);
	free(full);
	json_free(j);
	return 0;
}

/* --- all files --- */

static int
try_file(const char *file, int legacy, const char *domain, const char *path,
    struct auth *a)
{
	char helper[AUTH_HELPER_MAX];
	struct buf text = {0};
	const char *why;
	int i, rc;

	if (fdio_load_link(AT_FDCWD, file, AUTH_FILE_MAX, &text) == -1) {
		if (errno != ENOENT && errno != ENOTDIR)
			msg_warn("warning: %s", file);
		return 0;
	}
	rc = auth_lookup(
	    text.data, text.len, legacy, domain, path, a, helper, &why);
	explicit_bzero(text.data, text.len);
	buf_free(&text);
	if (rc == -1) {
		msg_warnx("warning: %s: %s", file, why);
		return 0;
	}
	if (helper[0] == '\0')
		return !auth_none(a);
	for (i = 0; i < 3; i++)
		if (strcmp(domain, hub[i]) == 0)
			domain = "https://index.docker.io/v1/";
	return helper_get(helper, domain, a);
}

static int
try_below(const char *dir, const char *rest, int legacy, const char *domain,
    const char *path, struct auth *a)
{
	char *file;
	int rc;

	if (dir == NULL || *dir == '\0')
		return 0;
	if ((file = fdio_fmt("%s%s", dir, rest)) == NULL) {
		msg_warn("warning: credentials");
		return 0;
	}
	rc = try_file(file, legacy, domain, path, a);
	free(file);
	return rc;
}

void
auth_find(const char *domain, const char *path, struct auth *a)
{
	const char *config = getenv("XDG_CONFIG_HOME"),
		   *docker = getenv("DOCKER_CONFIG"), *home = getenv("HOME"),
		   *runtime = getenv("XDG_RUNTIME_DIR");
	char run[64];

	memset(a, 0, sizeof(*a));
	snprintf(
	    run, sizeof(run), "/run/containers/%lu", (unsigned long)getuid());
	if (try_below(getenv("REGISTRY_AUTH_FILE"), "", 0, domain, path, a))
		return;
	if (runtime != NULL && *runtime != '\0'
		? try_below(
		      runtime, "/containers/auth.json", 0, domain, path, a)
		: try_below(run, "/auth.json", 0, domain, path, a))
		return;
	if (config != NULL && *config != '\0'
		? try_below(config, "/containers/auth.json", 0, domain, path, a)
		: try_below(home, "/.config/containers/auth.json", 0, domain,
		      path, a))
		return;
	if (docker != NULL && *docker != '\0'
		? try_below(docker, "/config.json", 0, domain, path, a)
		: try_below(home, "/.docker/config.json", 0, domain, path, a))
		return;
	(void)try_below(home, "/.dockercfg", 1, domain, path, a);
}
