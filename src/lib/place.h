/* See LICENSE. */
#ifndef PLACE_H
#define PLACE_H

#include <sys/types.h>

/*
 * Opens the place that path names with rootfd as "/": a directory, or with dir
 * 0 whatever is there.  What is missing on the way is made, directories of mode
 * 0755, the last an empty file of mode 0644 unless dir, and belongs to uid and
 * gid.  Links stay inside; those of proc(5), which may lead out, are refused.
 * An O_PATH descriptor; -1 and errno.  Silent.
 */
int place_open(int rootfd, const char *path, int dir, uid_t uid, gid_t gid);

#endif
