/* See LICENSE. */
#include "space.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "storeimpl.h"

/* The bytes of the blob that are not in the store yet. */
static uint64_t
missing(struct store *st, const struct descriptor *d)
{
	char path[STORE_PATH_MAX];
	struct stat sb;
	int fd;

	if ((fd = store_blob_open(st, d->digest, d->size)) != -1) {
		close(fd);
		return 0;
	}
	if (store_blob_path(d->digest, ".", ".part", path) == -1 ||
	    fstatat(st->fd, path, &sb, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(sb.st_mode))
		return d->size;
	return (uint64_t)sb.st_size < d->size ? d->size - (uint64_t)sb.st_size
					      : 0;
}

int
space_check(struct store *st, const struct descriptor *d, size_t n)
{
	uint64_t bytes, need = 0, room;
	struct statvfs vfs;
	size_t i;

	for (i = 0; i < n; i++) {
		bytes = descriptor_is_repeated(d, i) ? 0 : missing(st, &d[i]);
		need = bytes > UINT64_MAX - need ? UINT64_MAX : need + bytes;
	}
	if (fstatvfs(st->fd, &vfs) == -1)
		return msg_fail(ST_LOCAL, "%s", st->path);
	/* some say nothing of their size */
	if (vfs.f_blocks == 0 || vfs.f_frsize == 0 ||
	    vfs.f_bavail > UINT64_MAX / vfs.f_frsize)
		return 0;
	room = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (need <= room)
		return 0;
	return msg_failx(ST_LOCAL,
	    "%s: no space: the image needs %llu bytes, %llu are free", st->path,
	    (unsigned long long)need, (unsigned long long)room);
}

void
space_lost(struct store *st)
{
	struct statvfs vfs;

	if (fstatvfs(st->fd, &vfs) == 0 &&
	    ((vfs.f_blocks > 0 && vfs.f_bavail == 0) ||
		(vfs.f_files > 0 && vfs.f_favail == 0)))
		st->full = 1;
}
