/* See LICENSE. */
/*
 * What make lint-deep cannot see, since it reads one source at a time: that
 * these return their first argument.
 */
#include "msg.h"

#define msg_fail(status, ...) (msg_warn(__VA_ARGS__), (status))
#define msg_failx(status, ...) (msg_warnx(__VA_ARGS__), (status))
