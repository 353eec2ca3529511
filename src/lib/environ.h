/* See LICENSE. */
#ifndef ENVIRON_H
#define ENVIRON_H

#define ENVIRON_PATH \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * The environment of a command: a default PATH, the caller's TERM (keep: all
 * that the caller has), the image's entries, then those of more, of which a
 * name without "=" takes the caller's value.  The last of equal names counts;
 * when that is a name without a value, the variable is not set.  HOME is home
 * where it would be empty.  The vector is malloced, its strings belong to the
 * arguments and the caller's environment.  NULL after a message.
 */
char **environ_build(char *const *caller, int keep, char *const *image,
    char *const *more, const char *home);

/* The value of a variable in env, or NULL. */
const char *environ_get(char *const *env, const char *name);

#endif
