/* See LICENSE. */
#include "fdio.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "msg.h"

int
buf_add(struct buf *b, const void *data, size_t len)
{
	size_t cap;
	char *p;

	if (len >= SIZE_MAX / 2 - b->len) {
		errno = ENOMEM;
		return -1;
	}
	if (b->len + len + 1 > b->cap) {
		cap = b->cap > 0 ? b->cap : 256;
		while (cap < b->len + len + 1)
			cap *= 2;
		if ((p = realloc(b->data, cap)) == NULL)
			return -1;
		b->data = p;
		b->cap = cap;
	}
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int
buf_addstr(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

void
buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

int
fdio_write(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		if ((n = write(fd, p, len)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t
fdio_read(int fd, void *data, size_t len)
{
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		if ((n = read(fd, (char *)data + got, len - got)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int
fdio_open_file(int dirfd, const char *name, int flags)
{
	struct stat st;
	int e, fd;

	fd = openat(
	    dirfd, name, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd == -1) {
		/* a socket; a fifo that is to be written to */
		if (errno == ENXIO)
			errno = EINVAL;
		return -1;
	}
	e = fstat(fd, &st) == -1 ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
	if (e == 0)
		return fd;
	close(fd);
	errno = e;
	return -1;
}

const char *
fdio_why(void)
{
	return errno == EINVAL ? "not a regular file" : strerror(errno);
}

static int
load(int dirfd, const char *name, int flags, size_t max, struct buf *b)
{
	char chunk[8192];
	ssize_t n;
	int e, fd;

	if ((fd = fdio_open_file(dirfd, name, O_RDONLY | flags)) == -1)
		return -1;
	while ((n = fdio_read(fd, chunk, sizeof(chunk))) > 0) {
		if (b->len + (size_t)n > max) {
			errno = EFBIG;
			goto fail;
		}
		if (buf_add(b, chunk, (size_t)n) == -1)
			goto fail;
	}
	if (n == -1 || buf_add(b, "", 0) == -1)
		goto fail;
	close(fd);
	return 0;
fail:
	e = errno;
	close(fd);
	buf_free(b);
	errno = e;
	return -1;
}

int
fdio_load(int dirfd, const char *name, size_t max, struct buf *b)
{
	return load(dirfd, name, O_NOFOLLOW, max, b);
}

int
fdio_load_link(int dirfd, const char *name, size_t max, struct buf *b)
{
	return load(dirfd, name, 0, max, b);
}

int
fdio_save(int dirfd, const char *name, const void *data, size_t len, int sync)
{
	char *tmp;
	int e, fd, rc = -1;

	if ((tmp = fdio_fmt(".%s.new", name)) == NULL)
		return -1;
	unlinkat(dirfd, tmp, 0);
	fd = FAULT("save_open")
		 ? -1
		 : openat(dirfd, tmp,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0644);
	if (fd == -1)
		goto out;
	if (fchmod(fd, 0644) == -1 || FAULT("save_write") ||
	    fdio_write(fd, data, len) == -1 || FAULT("save_sync") ||
	    (sync && fsync(fd) == -1)) {
		e = errno;
		close(fd);
		errno = e;
	} else if (close(fd) == 0 && !FAULT("save_rename") &&
		   renameat(dirfd, tmp, dirfd, name) == 0)
		rc = 0;
	if (rc == -1) {
		e = errno;
		unlinkat(dirfd, tmp, 0);
		errno = e;
	}
out:
	e = errno;
	free(tmp);
	errno = e;
	return rc;
}

int
fdio_exists(int dirfd, const char *name)
{
	struct stat st;

	if (FAULT("exists"))
		return -1;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
}

int
fdio_is_named(int dirfd, const char *name, int fd)
{
	struct stat named, ours;

	return fstat(fd, &ours) == 0 &&
	       fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

char *
fdio_fmt(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || (s = malloc((size_t)n + 1)) == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

int
fdio_flush_stdout(void)
{
	if (fflush(stdout) == EOF || ferror(stdout)) {
		msg_warn("standard output");
		return -1;
	}
	return 0;
}
