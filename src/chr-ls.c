/* See LICENSE. */
#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "du.h"
#include "fdio.h"
#include "msg.h"
#include "root.h"
#include "store.h"
#include "sys.h"

struct listing {
	struct store *store;
	int people; /* on a terminal */
	int verbose;
	time_t now;
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

/* --- images --- */

static int
print_image(void *arg, const char *name, const char *digest)
{
	const struct listing *l = arg;
	char age[32], *platform, size[32], **v;
	struct stat st;
	int fd;

	if (!l->verbose && strchr(name, '@') != NULL)
		return 0;
	if ((fd = store_image_open(l->store, digest)) == -1)
		return 0;
	platform = config_read1(fd, "platform");
	v = config_read(fd, "size");
	if (fstatat(fd, "name", &st, 0) == -1)
		st.st_mtime = l->now;
	printf("%s\t%.*s\t%s\t%s\t%s\n", name, l->people ? 19 : DIGEST_MAX,
	    digest, platform != NULL ? platform : "",
	    size_text(l,
		v != NULL && v[0] != NULL ? strtoull(v[0], NULL, 10) : 0, size),
	    age_text(l, st.st_mtime, age));
	free(platform);
	free(v);
	close(fd);
	return 0;
}

static int
list_images(struct listing *l)
{
	if (l->people)
		printf("NAME\tDIGEST\tPLATFORM\tSIZE\tAGE\n");
	if (l->store != NULL)
		store_names(l->store, print_image, l);
	return 0;
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

/* Somebody holds the lock: chr-exec, its command, or what that left. */
static int
is_held(const struct root *r)
{
	int fd, held;

	fd = openat(r->fd, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return 0;
	held = flock(fd, LOCK_EX | LOCK_NB) == -1;
	close(fd);
	return held;
}

static void
print_root(const struct listing *l, const struct root *r)
{
	struct pids p = {{NULL, 0, 0}, 0};
	char age[32], *image, size[32];
	struct stat st;

	image = config_read1(r->fd, "image");
	if (fstatat(r->fd, "image", &st, 0) == -1)
		st.st_mtime = l->now;
	sys_users_of(r->path, add_pid, &p);
	printf("%s\t%s\t%s\t%s\t%s\t%s\n", r->path, image != NULL ? image : "",
	    p.n > 0 || is_held(r) ? "used" : "idle",
	    p.n > 0 ? p.text.data : "-", size_text(l, du_tree(r->fd), size),
	    age_text(l, st.st_mtime, age));
	buf_free(&p.text);
	free(image);
}

static int
list_directory(const struct listing *l, const char *dir)
{
	struct dirent **list;
	const char *why;
	struct root r;
	char *path;
	int i, n;

	if ((n = scandir(dir, &list, NULL, alphasort)) == -1)
		return errno == ENOENT ? 0 : msg_fail(ST_LOCAL, "%s", dir);
	for (i = 0; i < n; i++) {
		path = fdio_fmt("%s/%s/root", dir, list[i]->d_name);
		if (path != NULL && list[i]->d_name[0] != '.' &&
		    root_open(path, &r, &why) == 0) {
			print_root(l, &r);
			root_close(&r);
		}
		free(path);
		free(list[i]);
	}
	free(list);
	return 0;
}

static int
list_roots(const struct listing *l)
{
	const char *dir = getenv("CHR_ROOTS");
	char *roots;
	int rc = 0, rc1;

	if (l->people)
		printf("ROOT\tIMAGE\tSTATE\tPIDS\tSIZE\tAGE\n");
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
	struct listing l = {.people = isatty(STDOUT_FILENO)};
	int c, rc, roots = 0;

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
	l.now = time(NULL);
	l.store = store_open(0);
	if (l.store == NULL && errno != ENOENT)
		return ST_LOCAL;
	rc = roots ? list_roots(&l) : list_images(&l);
	if (fdio_flush_stdout() == -1)
		rc = ST_LOCAL;
	store_close(l.store);
	return rc;
}
