/* See LICENSE. */
#ifndef SHOWN_H
#define SHOWN_H

#include <stddef.h>

/*
 * What messages and -v lines show of text that may hold a secret: each address
 * and each operand goes through here.  Of JSON json_parse tells the place
 * alone, of a server's reply reply_text decides.
 */

/*
 * Scheme, host and path of a URL, well-formed or not: no user and password, no
 * query, no fragment.  Cut to size - 1 bytes.  Returns dst.
 */
char *shown_url(char *dst, size_t size, const char *url);

/*
 * The part of a reference that follows a user and password: text itself, where
 * there is at most a digest behind the "@".
 */
const char *shown_ref(const char *text);

/*
 * The first bytes of a text in one line, at most 200 or size - 1.  Returns
 * dst.
 */
char *shown_line(char *dst, size_t size, const char *text);

#endif
