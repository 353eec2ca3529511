/* See LICENSE. */
#ifndef FDIO_H
#define FDIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes in memory that grow; all zero is empty.  data is NUL-terminated. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

/* Appends; -1 with errno ENOMEM, silent. */
int buf_add(struct buf *, const void *, size_t);
int buf_addstr(struct buf *, const char *);
void buf_free(struct buf *);

/* The whole of it, through EINTR and short counts.  Silent. */
int fdio_write(int, const void *, size_t);
/* Bytes read, less than asked for only at end of file; -1.  Silent. */
ssize_t fdio_read(int, void *, size_t);

/*
 * Opens name below dirfd, which must be a regular file, without waiting: for
 * anything else (a fifo, a device) -1 and EINVAL.  flags are open(2)'s; what is
 * made has mode 0600; O_CLOEXEC is added.  Silent.
 */
int fdio_open_file(int dirfd, const char *name, int flags);
/* What errno says after a function that wants a regular file. */
const char *fdio_why(void);

/*
 * Reads the regular file name below dirfd, without following a link in its
 * last component, into b: at most max bytes, else -1 and errno EFBIG.  Never
 * blocks on a fifo.  Silent.
 */
int fdio_load(int dirfd, const char *name, size_t max, struct buf *b);
/* The same, through a link: for what the user put there himself. */
int fdio_load_link(int dirfd, const char *name, size_t max, struct buf *b);

/*
 * Writes a file of mode 0644 (less nothing: the umask does not count) below
 * dirfd: a temporary name in the same directory, synced if so asked, renamed.
 * Of several writers at once only one may write: lock.  Silent.
 */
int fdio_save(int dirfd, const char *name, const void *, size_t, int sync);

/*
 * Whether there is such a name below dirfd, a link to nowhere included: 1, 0,
 * or -1 and errno when that cannot be told.  Not by faccessat(2) with flags: in
 * glibc that fails where faccessat2(2) is filtered.  Silent.
 */
int fdio_exists(int dirfd, const char *name);

/*
 * Whether name below dirfd, itself no link, is the file that fd is: else it was
 * removed or renamed, or is another by now.  Silent.
 */
int fdio_is_named(int dirfd, const char *name, int fd);

/* malloc(3)ed text; NULL with errno ENOMEM.  Silent. */
char *fdio_fmt(const char *, ...) __attribute__((__format__(__printf__, 1, 2)));

/*
 * Checks that what was printed to standard output arrived.  -1 after a
 * message.
 */
int fdio_flush_stdout(void);

#endif
