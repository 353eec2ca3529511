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

/* In our words: jansson's quote the document. */
static const char *
kind(const json_error_t *e)
{
	switch (json_error_code(e)) {
	case json_error_out_of_memory:
		return "out of memory";
	case json_error_stack_overflow:
		return "nested too deep";
	case json_error_invalid_utf8:
		return "not UTF-8";
	case json_error_premature_end_of_input:
		return "ends too early";
	case json_error_end_of_input_expected:
		return "text after the end";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "a NUL character";
	case json_error_duplicate_key:
		return "a member twice";
	case json_error_numeric_overflow:
		return "number too large";
	default:
		return "bad syntax";
	}
}

struct json *
json_parse(const char *text, size_t len, const char **why)
{
	static char reason[80];
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
		snprintf(reason, sizeof(reason), "line %d, column %d: %s",
		    error.line, error.column, kind(&error));
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
