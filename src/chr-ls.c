/* See LICENSE. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"
#include "config.h"
#include "du.h"
#include "fdio.h"
#include "lock.h"
#include "msg.h"
#include "root.h"
#include "start.h"
#include "store.h"
#include "sys.h"

#define COLUMNS 7

struct listing {
	struct store *store;
	int people; /* on a terminal */
	int verbose;
	int failed; /* and that is said; the rest is shown */
	time_t now;
	char *(*rows)[COLUMNS]; /* NULL: no such column */
	size_t n;
};

static void
usage(void)
{
	fprintf(stderr, "usage: chr-ls [-rv]\n");
	exit(ST_USAGE);
}

/* 1.2G for people, 1234567890 for programs. */
static const char *
size_text(const struct listing *l, unsigned long long size, char dst[32])
{
	static const char units[] = "BKMGTPE";
	double n = (double)size;
	size_t u = 0;

	if (!l->people)
		snprintf(dst, 32, "%llu", size);
	else {
		for (; n >= 1000 && u + 2 < sizeof(units); u++)
			n /= 1024;
		snprintf(dst, 32, u > 0 && n < 10 ? "%.1f%c" : "%.0f%c", n,
		    units[u]);
	}
	return dst;
}

/* 3d for people, seconds for programs. */
static const char *
age_text(const struct listing *l, time_t since, char dst[32])
{
	static const struct {
		long seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	long age = (long)difftime(l->now, since);
	size_t i = 0;

	if (age < 0)
		age = 0;
	if (!l->people)
		snprintf(dst, 32, "%ld", age);
	else {
		while (units[i].seconds > 1 && age < 2 * units[i].seconds)
			i++;
		snprintf(
		    dst, 32, "%ld%c", age / units[i].seconds, units[i].unit);
	}
	return dst;
}

/* --- rows --- */

/*
 * What would break a line, or a terminal, is shown as messages show it; a
 * program that reads this has names with a backslash as they are.
 */
static char *
column_text(const struct listing *l, const char *s)
{
	size_t size = 4 * strlen(s) + 6;
	char *text;

	if (!l->people && msg_plain(s))
		text = strdup(s);
	else if ((text = malloc(size)) != NULL)
		msg_escape(text, size, s);
	if (text == NULL) {
		msg_warn("rows");
		exit(ST_LOCAL);
	}
	return text;
}

/* Returns the new row; what is in it is copied. */
static char **
add_row(struct listing *l, const char *const columns[COLUMNS])
{
	char *(*rows)[COLUMNS];
	size_t i;

	if ((rows = realloc(l->rows, (l->n + 1) * sizeof(*rows))) == NULL) {
		msg_warn("rows");
		exit(ST_LOCAL);
	}
	l->rows = rows;
	for (i = 0; i < COLUMNS; i++)
		rows[l->n][i] = columns[i] != NULL ? column_text(l, columns[i])
						   : NULL;
	return rows[l->n++];
}

/* Cuts a digest, alone or at the end of a name, for people. */
static void
cut_digest(const struct listing *l, char *s)
{
	char *p = strrchr(s, '@');

	p = p != NULL ? p + 1 : s;
	if (l->people && strlen(p) > 19 &&
	    (strncmp(p, "sha256:", 7) == 0 || strncmp(p, "sha512:", 7) == 0))
		p[19] = '\0';
}

/* Characters, which are UTF-8 after column_text. */
static size_t
width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void
print_rows(const struct listing *l)
{
	size_t i, r, w, widths[COLUMNS] = {0};
	char **row;

	for (r = 0; r < l->n; r++)
		for (i = 0; i < COLUMNS && l->rows[r][i] != NULL; i++)
			if ((w = width(l->rows[r][i])) > widths[i])
				widths[i] = w;
	for (r = 0; r < l->n; r++) {
		row = l->rows[r];
		for (i = 0; i + 1 < COLUMNS && row[i + 1] != NULL; i++)
			if (l->people)
				printf("%s%*s", row[i],
				    (int)(widths[i] - width(row[i])) + 2, "");
			else
				printf("%s\t", row[i]);
		printf("%s\n", row[i]);
	}
}

static void
free_rows(struct listing *l)
{
	size_t i, r;

	for (r = 0; r < l->n; r++)
		for (i = 0; i < COLUMNS; i++)
			free(l->rows[r][i]);
	free(l->rows);
}

/* --- images --- */

static int
add_image(void *arg, const char *name, const char *digest)
{
	struct listing *l = arg;
	char age[32], *platform, **row, size[32], **v;
	struct stat st;
	int fd;

	if (!l->verbose && strchr(name, '@') != NULL)
		return 0;
	if ((fd = store_image_open(l->store, digest)) == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	platform = config_read1(fd, "platform");
	v = config_read(fd, "size");
	if (platform == NULL || (v == NULL && errno != ENOENT)) {
		msg_warnx("%s/images/%s: %s", store_path(l->store),
		    ref_digest_hex(digest), fdio_why());
		l->failed = 1;
	}
	if (fstatat(fd, "name", &st, 0) == -1)
		st.st_mtime = l->now;
	size_text(
	    l, v != NULL && v[0] != NULL ? strtoull(v[0], NULL, 10) : 0, size);
	age_text(l, st.st_mtime, age);
	row = add_row(l, (const char *[COLUMNS]){name, digest,
			     platform != NULL ? platform : "", size, age});
	cut_digest(l, row[0]);
	cut_digest(l, row[1]);
	free(platform);
	free(v);
	close(fd);
	return 0;
}

static int
list_images(struct listing *l)
{
	if (l->people)
		add_row(l, (const char *[COLUMNS]){
			       "NAME", "DIGEST", "PLATFORM", "SIZE", "AGE"});
	if (l->store != NULL && store_names(l->store, add_image, l) != 0)
		l->failed = 1;
	return l->failed ? ST_LOCAL : 0;
}

/* --- roots --- */

struct pids {
	struct buf text;
	size_t n;
};

static void
add_pid(void *arg, pid_t pid)
{
	struct pids *p = arg;
	char text[32];

	snprintf(text, sizeof(text), "%s%ld", p->n++ > 0 ? "," : "", (long)pid);
	buf_addstr(&p->text, text);
}

/*
 * Whether the lock is held: by chr-exec, its command, or what that left.  -1
 * after a message.
 */
static int
is_held(const struct root *r)
{
	int fd, rc;

	fd = root_open_lock(r, O_RDWR);
	if (fd == -1 && errno == EROFS)
		fd = root_open_lock(r, O_RDONLY);
	if (fd == -1)
		return errno == ENOENT ? 0 : msg_fail(-1, "%s: lock", r->path);
	if ((rc = lock_try(fd, LOCK_EX)) == -1)
		msg_warn("%s: lock", r->path);
	close(fd);
	return rc == -1 ? -1 : rc == 0;
}

/* 0; 1 when the root has vanished meanwhile; -1 after a message. */
static int
measure(const struct root *r, unsigned long long *size)
{
	int e, rc = du_tree(r->fd, size);
	struct stat st;

	e = errno;
	if (fstatat(r->parentfd, r->name, &st, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT)
		return 1;
	errno = e;
	return rc == 0 ? 0 : msg_fail(-1, "%s: size", r->path);
}

/* Whether all of it is on disk; chr-ls(1), -v. */
static const char *
boot_text(const struct listing *l, const struct root *r)
{
	static const char *const texts[] = {[BOOT_NONE] = "-",
	    [BOOT_THIS] = "this",
	    [BOOT_EARLIER] = "earlier"};

	return l->verbose ? texts[boot_of(r->fd)] : NULL;
}

static int
add_root(struct listing *l, const struct root *r)
{
	struct pids p = {{NULL, 0, 0}, 0};
	char age[32], *image, **row, size[32];
	unsigned long long bytes;
	struct stat st;
	int held, rc;

	if ((rc = measure(r, &bytes)) == 1)
		return 0;
	if ((image = config_read1(r->fd, "image")) == NULL)
		rc = msg_fail(-1, "%s: image", r->path);
	if (fstatat(r->fd, "image", &st, 0) == -1)
		st.st_mtime = l->now;
	if (sys_users_of(r->path, add_pid, &p) == -1 && errno != ENOENT)
		rc = msg_fail(-1, "%s: processes", r->path);
	held = p.n > 0 ? 1 : is_held(r);
	size_text(l, bytes, size);
	age_text(l, st.st_mtime, age);
	row = add_row(
	    l, (const char *[COLUMNS]){r->path, image != NULL ? image : "",
		   held != 0 ? "used" : "idle", p.n > 0 ? p.text.data : "-",
		   size, age, boot_text(l, r)});
	cut_digest(l, row[1]);
	buf_free(&p.text);
	free(image);
	return rc == 0 && held != -1 ? 0 : ST_LOCAL;
}

static int
list_directory(struct listing *l, const char *dir)
{
	struct dirent **list;
	const char *why;
	struct root r;
	char *path;
	int i, n, opened, rc = 0;

	if ((n = scandir(dir, &list, NULL, alphasort)) == -1)
		return errno == ENOENT ? 0 : msg_fail(ST_LOCAL, "%s", dir);
	for (i = 0; i < n; i++) {
		path = fdio_fmt("%s/%s/root", dir, list[i]->d_name);
		opened = path != NULL && list[i]->d_name[0] != '.'
			     ? root_open(path, &r, &why)
			     : 1;
		if (opened == 0) {
			if (add_root(l, &r) != 0)
				rc = ST_LOCAL;
			root_close(&r);
		} else if (path == NULL || (opened == -1 && errno != ENOENT &&
					       errno != ENOTDIR))
			rc = msg_fail(
			    ST_LOCAL, "%s", path != NULL ? path : dir);
		free(path);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int
list_roots(struct listing *l)
{
	const char *dir = getenv("CHR_ROOTS");
	char *roots;
	int rc = 0, rc1;

	if (l->people)
		add_row(
		    l, (const char *[COLUMNS]){"ROOT", "IMAGE", "STATE", "PIDS",
			   "SIZE", "AGE", l->verbose ? "BOOT" : NULL});
	if (dir != NULL && *dir != '\0')
		rc = list_directory(l, dir);
	if (l->store == NULL)
		return rc;
	if ((roots = fdio_fmt("%s/roots", store_path(l->store))) == NULL)
		return msg_fail(ST_LOCAL, "roots");
	if ((rc1 = list_directory(l, roots)) != 0)
		rc = rc1;
	free(roots);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct listing l = {0};
	int c, rc, roots = 0;

	if (start_program() == -1)
		return ST_LOCAL;
	while ((c = getopt(argc, argv, "+rv")) != -1)
		switch (c) {
		case 'r':
			roots = 1;
			break;
		case 'v':
			l.verbose = 1;
			break;
		default:
			usage();
		}
	if (optind != argc)
		usage();
	l.people = isatty(STDOUT_FILENO);
	l.now = time(NULL);
	l.store = store_open(0);
	if (l.store == NULL && errno != ENOENT)
		return ST_LOCAL;
	rc = roots ? list_roots(&l) : list_images(&l);
	print_rows(&l);
	free_rows(&l);
	if (fdio_flush_stdout() == -1)
		rc = ST_LOCAL;
	store_close(l.store);
	return rc;
}
