/* See LICENSE. */
#include "mkroot.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "clone.h"
#include "config.h"
#include "fault.h"
#include "fdio.h"
#include "furnish.h"
#include "lock.h"
#include "msg.h"
#include "newdir.h"
#include "sys.h"
#include "trust.h"

struct making {
	const struct mkroot *opts;
	const char *operand;
	const char *digest;
	int imagefd; /* images/HEX, locked shared */
	char *name;  /* docker.io/library/redis */
	struct root *root;
};

static int
fail(const struct making *mk, const char *what)
{
	return msg_fail(ST_LOCAL, "%s: %s", mk->root->path, what);
}

/* Locks the image against its removal. */
static int
open_image(struct making *mk)
{
	mk->imagefd = store_image_open(mk->opts->store, mk->digest);
	if (mk->imagefd == -1)
		return msg_failx(
		    ST_NOTFOUND, "%s: not in the store", mk->operand);
	switch (lock_try(mk->imagefd, LOCK_SH)) {
	case 1:
		return 0;
	case 0:
		return msg_failx(ST_LOCAL, "%s: is being removed", mk->operand);
	default:
		return msg_fail(ST_LOCAL, "%s: lock", mk->operand);
	}
}

/* Whether the operand is (the beginning of) the digest and no name. */
static int
is_digest(const struct making *mk)
{
	const char *s = mk->operand;

	if (strncmp(s, "sha256:", 7) == 0 || strncmp(s, "sha512:", 7) == 0)
		s += 7;
	return strncmp(s, ref_digest_hex(mk->digest), strlen(s)) == 0;
}

/* The repository: the operand's, or for a digest what it was pulled as. */
static int
find_name(struct making *mk)
{
	struct ref r;
	char *pulled;
	int rc;

	if ((pulled = config_read1(mk->imagefd, "name")) == NULL ||
	    pulled[0] == '\0') {
		free(pulled);
		return msg_failx(
		    ST_LOCAL, "%s: the image has no name", mk->operand);
	}
	rc = ref_parse(is_digest(mk) ? pulled : mk->operand, &r);
	free(pulled);
	if (rc != 0)
		return rc;
	mk->name = ref_repository(&r);
	ref_free(&r);
	return mk->name != NULL ? 0 : msg_fail(ST_LOCAL, "%s", mk->operand);
}

static void
warn_nodev(const struct making *mk)
{
	int flags = sys_fs_flags(mk->opts->dir);

	if (!mk->opts->quiet && flags != -1 && (flags & SYS_FS_NODEV) != 0)
		msg_warnx("%s: warning: mounted nodev: its devices do not work",
		    mk->root->path);
}

/* Whether blocks can be shared between the store and the new root. */
static int
shares_blocks(const struct making *mk)
{
	int in, out, rc = 0;

	in = fdio_open_file(mk->imagefd, "size", O_RDONLY | O_NOFOLLOW);
	out = openat(mk->root->fd, "probe",
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in != -1 && out != -1)
		rc = sys_share_data(in, out) == 0;
	if (in != -1)
		close(in);
	if (out != -1)
		close(out);
	unlinkat(mk->root->fd, "probe", 0);
	return rc;
}

/* Says so before the copy, not in its midst. */
static int
check_space(const struct making *mk)
{
	unsigned long long bytes = 0, entries = 0, room;
	struct statvfs vfs;
	char **v;

	if ((v = config_read(mk->imagefd, "size")) != NULL && v[0] != NULL) {
		bytes = strtoull(v[0], NULL, 10);
		if (v[1] != NULL)
			entries = strtoull(v[1], NULL, 10);
	}
	free(v);
	if (fstatvfs(mk->root->fd, &vfs) == -1)
		return fail(mk, "space");
	room = (unsigned long long)vfs.f_bavail * vfs.f_frsize;
	if (bytes > room && !shares_blocks(mk))
		return msg_failx(ST_LOCAL,
		    "%s: no space: the image needs %llu bytes, %llu are free",
		    mk->opts->dir, bytes, room);
	if (vfs.f_files > 0 && entries > vfs.f_favail)
		return msg_failx(ST_LOCAL,
		    "%s: no space: the image needs %llu inodes, %llu are free",
		    mk->opts->dir, entries, (unsigned long long)vfs.f_favail);
	return 0;
}

static int
copy_tree(struct making *mk)
{
	int dst, rc = -1, src;

	if (check_space(mk) != 0)
		return ST_LOCAL;
	src = openat(mk->imagefd, "root",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dst = openat(mk->root->fd, "root",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (src == -1 || dst == -1)
		fail(mk, "root");
	else
		rc = clone_tree(src, dst, mk->root->path);
	if (src != -1)
		close(src);
	if (dst != -1)
		close(dst);
	return rc == -1 ? ST_LOCAL : 0;
}

/* Appends key=path, escaped as overlayfs wants it. */
static int
add_option(struct buf *b, const char *key, const char *path)
{
	char escaped[2];

	if (buf_addstr(b, key) == -1)
		return -1;
	for (; *path != '\0'; path++) {
		escaped[0] = '\\';
		escaped[1] = *path;
		if (strchr("\\,:", *path) != NULL ? buf_add(b, escaped, 2) == -1
						  : buf_add(b, path, 1) == -1)
			return -1;
	}
	return 0;
}

/*
 * The image by its path, which chr-rm looks for in the list of mounts; upper
 * and work as BASE has them, whatever its name is by now.
 */
static int
add_paths(const struct making *mk, struct buf *b)
{
	char *lower;
	int rc = -1;

	lower = fdio_fmt("%s/images/%s/root", store_path(mk->opts->store),
	    ref_digest_hex(mk->digest));
	if (lower != NULL && add_option(b, "lowerdir=", lower) == 0 &&
	    buf_addstr(b, ",upperdir=upper,workdir=work") == 0)
		rc = 0;
	free(lower);
	return rc;
}

static int
make_directory(const struct making *mk, const char *name, mode_t mode)
{
	int fd;

	if ((fd = newdir_make(mk->root->fd, name, mode)) == -1)
		return -1;
	close(fd);
	return 0;
}

/* 0, or -1 and errno, silent: the caller may copy instead. */
static int
mount_tree(struct making *mk)
{
	struct buf b = {0};
	size_t len;
	int e, rc = -1;

	if (make_directory(mk, "upper", 0755) == -1 ||
	    make_directory(mk, "work", 0700) == -1 || add_paths(mk, &b) == -1)
		goto out;
	len = b.len;
	if (buf_addstr(&b, ",volatile") == -1)
		goto out;
	rc = FAULT("overlay_mount")
		 ? -1
		 : sys_mount_overlay(mk->root->fd, "root", b.data);
	if (rc == -1 && errno == EINVAL) {
		b.data[len] = '\0';
		rc = sys_mount_overlay(mk->root->fd, "root", b.data);
	}
out:
	e = errno;
	if (rc == -1) {
		unlinkat(mk->root->fd, "upper", AT_REMOVEDIR);
		unlinkat(mk->root->fd, "work", AT_REMOVEDIR);
	}
	buf_free(&b);
	errno = e;
	return rc;
}

/* Whether the path of the store leads there whatever other users do. */
static int
check_store(const struct making *mk, char **why)
{
	char *at;
	int rc;

	if ((rc = trust_path(store_path(mk->opts->store), &at)) != 0)
		return rc == 1 ? 0 : -1;
	*why = fdio_fmt("another user may rename in %s, above the store", at);
	free(at);
	return -1;
}

/* 0; 1 when the image is to be copied instead; -1 after a message. */
static int
overlay(struct making *mk)
{
	int must = mk->opts->method == MKROOT_OVERLAY, rc = -1;
	char *why = NULL;
	const char *text;

	/* the image is the one thing that can only be given by path */
	if (check_store(mk, &why) == 0)
		rc = mount_tree(mk);
	text = why != NULL ? why : strerror(errno);
	if (rc == -1 && must)
		msg_warnx("%s: overlay: %s", mk->root->path, text);
	else if (rc == -1 && mk->opts->verbose)
		msg_say("%s: no overlay: %s", mk->root->path, text);
	else if (rc == 0 && mk->opts->verbose)
		msg_say("%s: overlay", mk->root->path);
	free(why);
	return rc == -1 && !must ? 1 : rc;
}

static int
fill(struct making *mk)
{
	int rc = 1;

	if (mk->opts->method != MKROOT_COPY)
		rc = overlay(mk);
	if (rc != 1)
		return rc == 0 ? 0 : ST_LOCAL;
	if (mk->opts->verbose)
		msg_say("%s: copy", mk->root->path);
	return copy_tree(mk);
}

static int
furnish_root(struct making *mk)
{
	int fd, rc = 0;

	fd = openat(mk->root->fd, "root",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return fail(mk, "root");
	/* whatever the image says of it: users must be able to enter */
	if (fchmod(fd, 0755) == -1)
		rc = fail(mk, "mode");
	else if (!mk->opts->exact) {
		warn_nodev(mk);
		if (furnish(fd, mk->root->path, mk->opts->quiet) == -1)
			rc = ST_LOCAL;
	}
	close(fd);
	return rc;
}

static int
write_files(struct making *mk)
{
	const char *hex = ref_digest_hex(mk->digest);
	char *image[3] = {NULL, NULL, NULL};
	int rc = -1;

	image[0] = fdio_fmt("%s@%s", mk->name, mk->digest);
	image[1] = strdup(hex);
	if (image[0] != NULL && image[1] != NULL &&
	    config_copy(mk->imagefd, mk->root->fd) == 0 &&
	    config_write(mk->root->fd, "image", image) == 0 &&
	    boot_note_idle(mk->root->fd) == 0 && boot_mark(mk->root->fd) == 0)
		rc = 0;
	free(image[0]);
	free(image[1]);
	return rc == 0 ? 0
		       : msg_failx(ST_LOCAL, "%s: configuration: %s",
			     mk->root->path, fdio_why());
}

/* A path is printed as a line, and as a column by chr-ls. */
static int
check_dir(const char *dir)
{
	char *real = realpath(dir, NULL);
	int rc = 0;

	if (real != NULL && strpbrk(real, "\t\n") != NULL)
		rc = msg_failx(ST_USAGE,
		    "%s: no directory for roots: a tab or newline in its path",
		    real);
	free(real);
	return rc;
}

int
mkroot_make(const struct mkroot *opts, const char *operand,
    const char digest[DIGEST_MAX], struct root *r, int *lock)
{
	struct making mk = {opts, operand, digest, -1, NULL, r};
	int rc;

	*lock = -1;
	if ((rc = check_dir(opts->dir)) != 0 || (rc = open_image(&mk)) != 0 ||
	    (rc = find_name(&mk)) != 0)
		goto out;
	if (root_make(opts->dir, strrchr(mk.name, '/') + 1, r, lock) == -1) {
		rc = ST_LOCAL;
		goto out;
	}
	if ((rc = write_files(&mk)) != 0 || (rc = fill(&mk)) != 0 ||
	    (rc = furnish_root(&mk)) != 0 ||
	    (rc = root_publish(r) == -1 ? ST_LOCAL : 0) != 0) {
		root_discard(r);
		root_close(r);
		close(*lock);
		*lock = -1;
	}
out:
	free(mk.name);
	if (mk.imagefd != -1)
		close(mk.imagefd);
	return rc;
}
