/* See LICENSE. */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>
#include <stdint.h>

#include "fdio.h"

/*
 * JSON from strangers: the only user of jansson.  A value borrowed from
 * another lives as long as the document.  Every getter takes NULL and answers
 * NULL or 0, so that a path through absent members needs no checks.
 */
struct json;

/*
 * Parses a whole document; members twice in one object, nesting beyond
 * jansson's limit, and values that take more than 12 MiB of memory are errors.
 * NULL and *why, static text: json_too_large for the last, else the place and
 * the kind of the error, and nothing of the document, which may hold a secret.
 * Silent.
 */
extern const char json_too_large[];
struct json *json_parse(const char *, size_t, const char **why);
void json_free(struct json *);

const struct json *json_get(const struct json *, const char *key);
const char *json_str(const struct json *); /* NULL when not a string */
/* 0 and the value of an integer; -1 when it is none. */
int json_int(const struct json *, int64_t *);
size_t json_len(const struct json *); /* of an array, else 0 */
const struct json *json_at(const struct json *, size_t);
int json_isobj(const struct json *);
int json_isarr(const struct json *);
/* Absent counts as null. */
int json_isnull(const struct json *);

/* Calls fn with each member until it returns non-zero, which is returned. */
int json_each(const struct json *,
    int (*fn)(void *, const char *key, const struct json *), void *);

/* Appends s as a JSON string, quotes included.  -1 and ENOMEM.  Silent. */
int json_quote(struct buf *, const char *s);

#endif
