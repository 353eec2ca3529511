/* See LICENSE. */
#include "json.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What the values of one document may take, as malloc(3) has it. */
#define BUDGET ((size_t)12 << 20)
#define LEAST 32 /* that malloc(3) takes; then in steps of half of it */

const char json_too_large[] = "needs more than 12 MiB of memory";

static size_t budget = SIZE_MAX; /* what is left of it; else no limit */
static int spent;		 /* more was asked for */

static const json_t *
in(const struct json *j)
{
	return (const json_t *)(const void *)j;
}

static const struct json *
out(const json_t *j)
{
	return (const struct json *)(const void *)j;
}

/*
 * jansson's malloc.  What it frees again while it parses, which is little, is
 * not given back; so its free is free(3), whenever the memory was taken.
 */
static void *
take(size_t size)
{
	size_t cost = LEAST;

	if (budget == SIZE_MAX)
		return malloc(size);
	if (size > LEAST - 8 && size <= BUDGET)
		cost = (size + LEAST - 9) / (LEAST / 2) * (LEAST / 2);
	if (size > BUDGET || cost > budget) {
		spent = 1;
		errno = ENOMEM;
		return NULL;
	}
	budget -= cost;
	return malloc(size);
}

struct json *
json_parse(const char *text, size_t len, const char **why)
{
	static char reason[JSON_ERROR_TEXT_LENGTH + 32];
	json_error_t error;
	json_t *j;

	json_set_alloc_funcs(take, free);
	budget = BUDGET;
	spent = 0;
	j = json_loadb(
	    text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	budget = SIZE_MAX;
	if (j != NULL)
		return (struct json *)(void *)j;
	*why = json_too_large;
	if (!spent) {
		snprintf(reason, sizeof(reason), "line %d: %s", error.line,
		    error.text);
		*why = reason;
	}
	return NULL;
}

void
json_free(struct json *j)
{
	json_decref((json_t *)(void *)j);
}

const struct json *
json_get(const struct json *j, const char *key)
{
	return j == NULL ? NULL : out(json_object_get(in(j), key));
}

const char *
json_str(const struct json *j)
{
	const char *s;
	size_t i, n;

	if (j == NULL || (s = json_string_value(in(j))) == NULL)
		return NULL;
	n = json_string_length(in(j));
	for (i = 0; i < n; i++)
		if (s[i] == '\0')
			return NULL;
	return s;
}

int
json_int(const struct json *j, int64_t *value)
{
	if (j == NULL || !json_is_integer(in(j)))
		return -1;
	*value = json_integer_value(in(j));
	return 0;
}

size_t
json_len(const struct json *j)
{
	return j == NULL ? 0 : json_array_size(in(j));
}

const struct json *
json_at(const struct json *j, size_t i)
{
	return j == NULL ? NULL : out(json_array_get(in(j), i));
}

int
json_isobj(const struct json *j)
{
	return j != NULL && json_is_object(in(j));
}

int
json_isarr(const struct json *j)
{
	return j != NULL && json_typeof(in(j)) == JSON_ARRAY;
}

int
json_isnull(const struct json *j)
{
	return j == NULL || json_typeof(in(j)) == JSON_NULL;
}

int
json_each(const struct json *j,
    int (*fn)(void *, const char *, const struct json *), void *arg)
{
	json_t *object = (json_t *)(void *)(size_t)j, *value;
	const char *key;
	void *it;
	int rc;

	for (it = json_object_iter(object); it != NULL;
	     it = json_object_iter_next(object, it)) {
		key = json_object_iter_key(it);
		value = json_object_iter_value(it);
		if ((rc = fn(arg, key, out(value))) != 0)
			return rc;
	}
	return 0;
}

int
json_quote(struct buf *b, const char *s)
{
	json_t *j = json_string(s);
	char *text = NULL;
	int rc = -1;

	if (j != NULL)
		text = json_dumps(j, JSON_ENCODE_ANY);
	if (text != NULL)
		rc = buf_addstr(b, text);
	free(text);
	json_decref(j);
	return rc;
}
