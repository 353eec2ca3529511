/* See LICENSE. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

/*
 * Why execve(2) of path failed with the error err, in words that follow
 * "path: ": an interpreter of a script or program that is not there, a program
 * for another machine, an empty file, a file system mounted noexec ...  Only
 * reads.  Malloced; NULL when there is no memory.  Silent.
 */
char *explain_exec(const char *path, int err);

#endif
