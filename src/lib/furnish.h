/* See LICENSE. */
#ifndef FURNISH_H
#define FURNISH_H

/*
 * Puts into a fresh root what every program expects and images leave out: the
 * device nodes null, zero, full, random, urandom, tty; the links fd, stdin,
 * stdout, stderr in /dev; the host's /etc/resolv.conf and /etc/hosts.  Follows
 * no link out of the root: the kernel resolves /dev and /etc within it, and
 * what stands at the last component is replaced.  Devices that the caller may
 * not make and host's files that are none are left out, after a warning unless
 * quiet.  path is for messages.  0 or -1.
 */
int furnish(int rootfd, const char *path, int quiet);

#endif
