/* See LICENSE. */
#ifndef PROXY_H
#define PROXY_H

#include "http.h"

/*
 * The address of the proxy for an origin, as curl(1) reads it from
 * http_proxy, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, no_proxy and
 * NO_PROXY; *variable is where it was found.  NULL: none, as always on the
 * loopback interface.  It may hold a password.  Silent.
 */
const char *proxy_find(const struct http_origin *, const char **variable);

#endif
