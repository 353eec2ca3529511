/* See LICENSE. */
#include "store.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "fault.h"
#include "fdio.h"
#include "lock.h"
#include "msg.h"
#include "storeimpl.h"

#define HEX "0123456789abcdef"
#define PREFIX_MIN 12

/* The digest that a name's link stands for.  -1 and errno. */
static int
read_name(int dirfd, const char *path, char digest[DIGEST_MAX])
{
	char target[PATH_MAX], *hex;
	ssize_t n;

	n = readlinkat(dirfd, path, target, sizeof(target) - 1);
	if (n == -1)
		return -1;
	target[n] = '\0';
	hex = strrchr(target, '/');
	hex = hex != NULL ? hex + 1 : target;
	snprintf(digest, DIGEST_MAX, "%s:%.128s",
	    strlen(hex) == 128 ? "sha512" : "sha256", hex);
	if (ref_digest_ok(digest))
		return 0;
	errno = EINVAL;
	return -1;
}

struct walk {
	const struct store *store;
	int (*fn)(void *, const char *, const char *);
	void *arg;
	int failed; /* that is said */
};

/* Once: a failure below is one of what is above, too. */
static int
fail(struct walk *w, const char *path)
{
	if (!w->failed)
		msg_warn("%s/names%s%s", w->store->path,
		    *path != '\0' ? "/" : "", path);
	w->failed = 1;
	return -1;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int walk(struct walk *w, int dirfd, const char *prefix);

/* The name of an image, or the directory, at path below names/. */
static int
visit(struct walk *w, int dirfd, const char *name, const char *path)
{
	char digest[DIGEST_MAX];
	int fd, rc;

	if (read_name(dirfd, name, digest) == 0)
		return (rc = w->fn(w->arg, path, digest)) == -1 ? fail(w, path)
								: rc;
	/* EINVAL: not a link, or not one to an image */
	if (errno != EINVAL)
		return errno == ENOENT ? 0 : fail(w, path);
	fd = openat(
	    dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			   ? 0
			   : fail(w, path);
	rc = walk(w, fd, path);
	close(fd);
	return rc;
}

/* The depth is that of repository names: at most 128 components. */
static int
walk(struct walk *w, int dirfd, const char *prefix)
{
	struct dirent **list;
	int i, n, rc = 0;
	char *path;

	n = FAULT("names_read")
		? -1
		: scandirat(dirfd, ".", &list, not_hidden, by_name);
	if (n == -1)
		return errno == ENOENT ? 0 : fail(w, prefix);
	for (i = 0; i < n; i++) {
		if (rc == 0) {
			path = fdio_fmt("%s%s%s", prefix,
			    prefix[0] != '\0' ? "/" : "", list[i]->d_name);
			rc = path == NULL
				 ? fail(w, prefix)
				 : visit(w, dirfd, list[i]->d_name, path);
			free(path);
		}
		free(list[i]);
	}
	free(list);
	return rc;
}

int
store_names(
    struct store *st, int (*fn)(void *, const char *, const char *), void *arg)
{
	struct walk w = {st, fn, arg, 0};
	int fd, rc;

	fd = openat(st->fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : fail(&w, "");
	rc = walk(&w, fd, "");
	close(fd);
	return rc;
}

struct index {
	struct store *store;
	struct buf text;
};

/* An entry of index.json.  No byte of a name needs quoting in JSON. */
static int
add_to_index(void *arg, const char *name, const char *digest)
{
	char path[STORE_PATH_MAX], *entry, *type;
	struct index *ix = arg;
	const char *at = strchr(name, '@');
	struct stat sb;
	int fd, rc;

	if (at != NULL && strcmp(at + 1, digest) != 0)
		return 0;
	if (store_blob_path(digest, "", "", path) == -1)
		return 0;
	if (fstatat(ix->store->fd, path, &sb, AT_SYMLINK_NOFOLLOW) == -1 ||
	    (fd = store_image_open(ix->store, digest)) == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	type = config_read1(fd, "mediatype");
	close(fd);
	if (type == NULL)
		return -1;
	entry = fdio_fmt("%s\n  {\"mediaType\": \"%s\",\n"
			 "   \"digest\": \"%s\", \"size\": %lld,\n"
			 "   \"annotations\": "
			 "{\"org.opencontainers.image.ref.name\": \"%s\"}}",
	    ix->text.data[ix->text.len - 1] == '[' ? "" : ",", type, digest,
	    (long long)sb.st_size, name);
	rc = entry == NULL || buf_addstr(&ix->text, entry) == -1 ? -1 : 0;
	free(entry);
	free(type);
	return rc;
}

/* The OCI index of the store, made from names/ alone. */
static int
write_index(struct store *st)
{
	struct index ix = {.store = st};
	int rc = -1, written;

	if (buf_addstr(&ix.text,
		"{\"schemaVersion\": 2,\n \"mediaType\": "
		"\"application/vnd.oci.image.index.v1+json\",\n"
		" \"manifests\": [") == -1)
		msg_warn("%s/index.json", st->path);
	else if (store_names(st, add_to_index, &ix) == 0) {
		written = buf_addstr(&ix.text, "]}\n") == 0 &&
			  fdio_save(st->fd, "index.json", ix.text.data,
			      ix.text.len, 1) == 0;
		rc = written ? 0 : msg_fail(-1, "%s/index.json", st->path);
	}
	buf_free(&ix.text);
	return rc == -1 ? ST_LOCAL : 0;
}

/* Makes the directories above a path below dirfd. */
static int
make_parents(int dirfd, char *path)
{
	char *p;

	for (p = path; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (FAULT("names_mkdir") ||
		    (mkdirat(dirfd, path, 0700) == -1 && errno != EEXIST))
			return -1;
		*p = '/';
	}
	return 0;
}

/* Points a name (path below names/) at an image. */
static int
set_name(int namesfd, char *path, const char *digest)
{
	static const char tmp[] = ".new"; /* the lock is held */
	char target[PATH_MAX];
	size_t n = 0;
	char *p;

	for (p = path; (p = strchr(p, '/')) != NULL; p++)
		n += (size_t)snprintf(target + n, sizeof(target) - n, "../");
	snprintf(target + n, sizeof(target) - n, "../images/%s",
	    ref_digest_hex(digest));
	unlinkat(namesfd, tmp, 0);
	if (make_parents(namesfd, path) == -1 || FAULT("names_symlink") ||
	    symlinkat(target, namesfd, tmp) == -1)
		return -1;
	if (FAULT("names_rename") ||
	    renameat(namesfd, tmp, namesfd, path) == -1) {
		unlinkat(namesfd, tmp, 0);
		return -1;
	}
	return 0;
}

int
store_name(struct store *st, const struct ref *r, const char *digest,
    const char *const *digests)
{
	char *name = NULL, *path = NULL;
	int namesfd, rc = 0;

	if ((namesfd = store_lock(st, "names", LOCK_EX)) == -1)
		return msg_fail(ST_LOCAL, "%s/names: lock", st->path);
	st->renamed = 1;
	if ((name = ref_repository(r)) == NULL)
		goto fail;
	for (; *digests != NULL; digests++) {
		free(path);
		if ((path = fdio_fmt("%s@%s", name, *digests)) == NULL ||
		    set_name(namesfd, path, digest) == -1)
			goto fail;
	}
	if (r->tag != NULL) {
		free(path);
		if ((path = ref_name(r)) == NULL ||
		    set_name(namesfd, path, digest) == -1)
			goto fail;
	}
	goto out;
fail:
	rc = msg_fail(
	    ST_LOCAL, "%s/names/%s", st->path, path != NULL ? path : "");
out:
	close(namesfd);
	free(name);
	free(path);
	return rc;
}

int
store_unname(struct store *st, const char *name)
{
	char *path, *slash;
	int namesfd, rc;

	if ((namesfd = store_lock(st, "names", LOCK_EX)) == -1 ||
	    (path = strdup(name)) == NULL)
		return msg_fail(ST_LOCAL, "%s/names: lock", st->path);
	st->renamed = 1;
	if (FAULT("names_unlink") ||
	    (unlinkat(namesfd, name, 0) == -1 && errno != ENOENT))
		rc = msg_fail(ST_LOCAL, "%s/names/%s", st->path, name);
	else {
		while ((slash = strrchr(path, '/')) != NULL) {
			*slash = '\0';
			if (unlinkat(namesfd, path, AT_REMOVEDIR) == -1)
				break;
		}
		rc = 0;
	}
	close(namesfd);
	free(path);
	return rc;
}

int
store_index(struct store *st)
{
	int namesfd, rc;

	if (!st->renamed)
		return 0;
	if ((namesfd = store_lock(st, "names", LOCK_EX)) == -1)
		return msg_fail(ST_LOCAL, "%s/names: lock", st->path);
	if ((rc = write_index(st)) == 0)
		st->renamed = 0;
	close(namesfd);
	return rc;
}

/* By 12 or more digits of a digest.  0, ST_NOTFOUND (silent), or status. */
static int
find_prefix(struct store *st, const char *operand, const char *prefix,
    char out[DIGEST_MAX])
{
	struct dirent **list;
	size_t len = strlen(prefix);
	int found = 0, i, n;

	n = scandirat(st->fd, "images", &list, not_hidden, by_name);
	if (n == -1)
		return errno == ENOENT
			   ? ST_NOTFOUND
			   : msg_fail(ST_LOCAL, "%s/images", st->path);
	for (i = 0; i < n; i++) {
		if (strncmp(list[i]->d_name, prefix, len) == 0) {
			snprintf(out, DIGEST_MAX, "%s:%.128s",
			    strlen(list[i]->d_name) == 128 ? "sha512"
							   : "sha256",
			    list[i]->d_name);
			found += ref_digest_ok(out);
		}
		free(list[i]);
	}
	free(list);
	if (found > 1)
		return msg_failx(
		    ST_USAGE, "%s: names %d images", operand, found);
	return found == 1 ? 0 : ST_NOTFOUND;
}

static const char *
digest_prefix(const char *operand)
{
	const char *s = operand;
	size_t n;

	if (strncmp(s, "sha256:", 7) == 0 || strncmp(s, "sha512:", 7) == 0)
		s += 7;
	n = strspn(s, HEX);
	return n >= PREFIX_MIN && s[n] == '\0' ? s : NULL;
}

int
store_lookup(struct store *st, const char *operand, char out[DIGEST_MAX])
{
	const char *prefix = digest_prefix(operand);
	char *name, *path = NULL;
	struct ref r;
	int fd, rc;

	if (prefix != NULL &&
	    (rc = find_prefix(st, operand, prefix, out)) != ST_NOTFOUND)
		return rc;
	if (prefix != NULL && strlen(prefix) == 64)
		return ST_NOTFOUND;
	if ((rc = ref_parse(operand, &r)) != 0)
		return rc;
	name = r.digest[0] != '\0' ? ref_repository(&r) : ref_name(&r);
	if (name != NULL)
		path = fdio_fmt("names/%s%s%s", name,
		    r.digest[0] != '\0' ? "@" : "", r.digest);
	ref_free(&r);
	free(name);
	if (path == NULL)
		return msg_fail(ST_LOCAL, "%s", operand);
	rc = 0;
	if (read_name(st->fd, path, out) == 0 &&
	    (fd = store_image_open(st, out)) != -1)
		close(fd);
	/* EINVAL: no link to an image */
	else if (errno == ENOENT || errno == ENOTDIR || errno == EINVAL ||
		 errno == ELOOP || errno == ENAMETOOLONG)
		rc = ST_NOTFOUND;
	else
		rc = msg_fail(ST_LOCAL, "%s/%s", st->path, path);
	free(path);
	return rc;
}

int
store_find(struct store *st, const char *operand, char out[DIGEST_MAX])
{
	int rc;

	if ((rc = store_lookup(st, operand, out)) == ST_NOTFOUND)
		msg_warnx("%s: not in the store", operand);
	return rc;
}
