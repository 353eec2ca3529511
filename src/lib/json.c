/* See LICENSE. */
#include "json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

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

struct json *
json_parse(const char *text, size_t len, const char **why)
{
	static char reason[JSON_ERROR_TEXT_LENGTH + 32];
	json_error_t error;
	json_t *j;

	j = json_loadb(
	    text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (j == NULL) {
		snprintf(reason, sizeof(reason), "line %d: %s", error.line,
		    error.text);
		*why = reason;
	}
	return (struct json *)(void *)j;
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
