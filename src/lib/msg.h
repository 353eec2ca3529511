/* See LICENSE. */
#ifndef MSG_H
#define MSG_H

#include <stddef.h>

/* What went wrong, as the exit status of chr-pull, chr-mkroot, chr-rm, chr-ls.
 */
enum status {
	ST_OK = 0,
	ST_LOCAL = 1,	 /* disk, permission, memory, bug */
	ST_USAGE = 2,	 /* malformed reference, option or operand */
	ST_NOTFOUND = 3, /* image, tag, platform, root */
	ST_DENIED = 4,	 /* authentication or access */
	ST_NETWORK = 5,	 /* network or server, rate limit: try later */
	ST_REFUSED = 6	 /* content: digest, size, malformed, unsafe */
};

#define MSG_PRINTF(f, a) __attribute__((__format__(__printf__, f, a)))

/*
 * Messages for people, on standard error, as warn(3) and warnx(3) print them.
 * Control bytes, and bytes that are not UTF-8, are shown escaped (\033), since
 * names and replies come from strangers.  errno is kept.
 */
void msg_warn(const char *, ...) MSG_PRINTF(1, 2);
void msg_warnx(const char *, ...) MSG_PRINTF(1, 2);

/* The same; return their first argument, to end a function with. */
int msg_fail(int, const char *, ...) MSG_PRINTF(2, 3);
int msg_failx(int, const char *, ...) MSG_PRINTF(2, 3);

/*
 * A line without the program's name, escaped likewise: -v lines and the
 * details below a message.
 */
void msg_say(const char *, ...) MSG_PRINTF(1, 2);

/* A line of that kind for who watches: on a terminal, or after msg_watch. */
void msg_note(const char *, ...) MSG_PRINTF(1, 2);
void msg_watch(void);

/*
 * In a child process whose parent decides what is said: what msg_fail and
 * msg_failx would print goes to fd, a line each; warnings are printed as ever.
 */
void msg_defer(int fd);

/*
 * Prints such lines, the whole of what came through fd; escapes them again if
 * the child did not.
 */
void msg_deferred(const char *lines);

/* Has fn run before anything is printed: to clear a progress line. */
void msg_before(void (*fn)(void));

/* Writes src into dst (size bytes, cut if need be) as messages show it. */
char *msg_escape(char *dst, size_t size, const char *src);

/* Whether messages show s as it is, but for backslashes, which they double. */
int msg_plain(const char *s);

#endif
