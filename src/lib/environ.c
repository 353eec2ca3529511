/* See LICENSE. */
#include "environ.h"

#include <stdlib.h>
#include <string.h>

#include "fdio.h"
#include "msg.h"

struct entry {
	char *text;
	size_t order;
};

struct list {
	struct entry *v;
	size_t n;
};

static size_t
name_len(const char *entry)
{
	return strcspn(entry, "=");
}

static int
same_name(const char *a, const char *b)
{
	return name_len(a) == name_len(b) && memcmp(a, b, name_len(a)) == 0;
}

static size_t
count(char *const *v)
{
	size_t n = 0;

	while (v[n] != NULL)
		n++;
	return n;
}

static char *
find(char *const *v, const char *name)
{
	for (; *v != NULL; v++)
		if (same_name(*v, name))
			return *v;
	return NULL;
}

static void
add(struct list *l, char *text)
{
	l->v[l->n].text = text;
	l->v[l->n].order = l->n;
	l->n++;
}

static int
by_name(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	size_t la = name_len(a->text), lb = name_len(b->text);
	int c = memcmp(a->text, b->text, la < lb ? la : lb);

	if (c != 0)
		return c;
	if (la != lb)
		return la < lb ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static int
by_order(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	return a->order < b->order ? -1 : 1;
}

/* Leaves the last of each name, in order, and only those with a value. */
static void
settle(struct list *l)
{
	size_t i, n = 0;

	qsort(l->v, l->n, sizeof(*l->v), by_name);
	for (i = 0; i < l->n; i++) {
		if (i + 1 < l->n && same_name(l->v[i].text, l->v[i + 1].text))
			continue;
		if (name_len(l->v[i].text) == 0 ||
		    strchr(l->v[i].text, '=') == NULL)
			continue;
		l->v[n++] = l->v[i];
	}
	l->n = n;
	qsort(l->v, l->n, sizeof(*l->v), by_order);
}

char **
environ_build(char *const *caller, int keep, char *const *image,
    char *const *more, const char *home)
{
	static char path[] = ENVIRON_PATH, term[] = "TERM";
	struct list l = {NULL, 0};
	char **env = NULL, *homevar, *p;
	size_t i, n = 0;

	l.v = calloc(
	    count(caller) + count(image) + count(more) + 2, sizeof(*l.v));
	if (l.v == NULL || (homevar = fdio_fmt("HOME=%s", home)) == NULL) {
		msg_warn("environment");
		goto out;
	}
	add(&l, path);
	if (keep)
		for (i = 0; caller[i] != NULL; i++)
			add(&l, caller[i]);
	else if ((p = find(caller, term)) != NULL)
		add(&l, p);
	for (i = 0; image[i] != NULL; i++)
		add(&l, image[i]);
	for (i = 0; more[i] != NULL; i++) {
		p = strchr(more[i], '=') == NULL ? find(caller, more[i]) : NULL;
		add(&l, p != NULL ? p : more[i]);
	}
	settle(&l);
	if ((env = calloc(l.n + 2, sizeof(*env))) == NULL) {
		msg_warn("environment");
		free(homevar);
		goto out;
	}
	for (i = 0; i < l.n; i++)
		if (strcmp(l.v[i].text, "HOME=") != 0)
			env[n++] = l.v[i].text;
	if (find(env, "HOME") == NULL)
		env[n] = homevar;
	else
		free(homevar);
out:
	free(l.v);
	return env;
}

const char *
environ_get(char *const *env, const char *name)
{
	const char *p = find(env, name);

	return p != NULL ? p + strlen(name) + 1 : NULL;
}
