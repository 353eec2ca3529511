/* See LICENSE. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "command.h"
#include "enter.h"
#include "environ.h"
#include "fault.h"
#include "fdio.h"
#include "launch.h"
#include "leftovers.h"
#include "mounts.h"
#include "msg.h"
#include "passwd.h"
#include "root.h"
#include "start.h"
#include "supervise.h"
#include "sys.h"

#define FAILED 125 /* this program, not the command */

struct options {
	int append, keepenv, keep, kernel, remove, verbose;
	struct mounts_bind *binds;
	size_t nbinds;
	char **env; /* of -e, ends in NULL */
	size_t nenv;
	const char *user, *dir; /* NULL: the image's */
};

struct target {
	const char *path; /* as given */
	int fd;
	int made; /* by chr-mkroot: then base is open */
	struct root base;
};

static void
usage(void)
{
	msg_say(
	    "usage: chr-exec [-AEkprv] [-b src:dst[:ro]] [-e name[=value]]");
	msg_say("                [-u user[:group]] [-w dir] root "
		"[command [arg ...]]");
}

static int
parse_value(struct options *o, int c, char *arg)
{
	switch (c) {
	case 'b':
		if (mounts_parse(arg, &o->binds[o->nbinds++]) == -1)
			return msg_failx(-1,
			    "-b %s: expected src:dst[:ro], "
			    "dst from /",
			    arg);
		return 0;
	case 'e':
		if (*arg == '\0' || *arg == '=')
			return msg_failx(
			    -1, "-e %s: expected name[=value]", arg);
		o->env[o->nenv++] = arg;
		return 0;
	case 'u':
		if (*arg == '\0' || strcmp(arg, ":") == 0)
			return msg_failx(-1, "-u: empty user");
		o->user = arg;
		return 0;
	case 'w':
		if (*arg == '\0')
			return msg_failx(-1, "-w: empty directory");
		o->dir = arg;
		return 0;
	default:
		return -1;
	}
}

static int
check_operands(int argc, char *argv[], const struct options *o)
{
	if (optind >= argc)
		return -1;
	if (*argv[optind] == '\0')
		return msg_failx(-1, "empty root operand");
	if (o->keep && !o->remove)
		return msg_failx(-1, "-k needs -r");
	return 0;
}

/*
 * The first mistake is told, and all the rest read: there may be a root to
 * remove.
 */
static int
parse_options(int argc, char *argv[], struct options *o)
{
	int bad = 0, c;

	o->binds = calloc((size_t)argc, sizeof(*o->binds));
	o->env = calloc((size_t)argc + 1, sizeof(*o->env));
	if (o->binds == NULL || o->env == NULL)
		return msg_fail(-1, "options");
	while ((c = getopt(argc, argv, "+AEb:e:kpru:vw:")) != -1) {
		switch (c) {
		case 'A':
			o->append = 1;
			break;
		case 'E':
			o->keepenv = 1;
			break;
		case 'k':
			o->keep = 1;
			break;
		case 'p':
			o->kernel = 1;
			break;
		case 'r':
			o->remove = 1;
			break;
		case 'v':
			o->verbose = 1;
			break;
		default:
			if (!bad && parse_value(o, c, optarg) == -1) {
				bad = 1;
				opterr = 0;
			}
		}
	}
	if (bad || check_operands(argc, argv, o) == -1) {
		usage();
		return -1;
	}
	return 0;
}

/* --- the root --- */

static int
open_plain(struct target *t)
{
	struct stat st;

	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd == -1 || fstat(t->fd, &st) == -1)
		return msg_fail(-1, "%s", t->path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return msg_failx(-1, "%s: belongs to uid %lu", t->path,
		    (unsigned long)st.st_uid);
	if ((st.st_mode & S_IWOTH) != 0)
		msg_warnx("%s: warning: all may write to it", t->path);
	return 0;
}

/* By whatever path: it is the directory that counts. */
static int
open_target(const char *path, int must_be_made, struct target *t)
{
	const char *why = "";
	char *real;
	int rc;

	t->path = path;
	if ((real = realpath(path, NULL)) == NULL)
		return msg_fail(-1, "%s", path);
	rc = root_open(real, &t->base, &why);
	free(real);
	switch (rc) {
	case 0:
		t->made = 1;
		t->fd = openat(t->base.fd, "root",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return t->fd == -1 ? msg_fail(-1, "%s", path) : 0;
	case 1:
		if (must_be_made)
			return msg_failx(
			    -1, "%s: not made by chr-mkroot: %s", path, why);
		return open_plain(t);
	default:
		return msg_fail(-1, "%s", path);
	}
}

/* --- the command --- */

static void
warn_nodev(const struct options *o, const struct target *t)
{
	struct stat st;
	int flags;

	if (o->kernel || lstat("/dev/null", &st) == -1 ||
	    !S_ISCHR(st.st_mode) || (flags = sys_fs_flags("/dev")) == -1)
		return;
	if ((flags & SYS_FS_NODEV) != 0)
		msg_warnx("%s: warning: mounted nodev: its devices do not work",
		    t->path);
}

static void
warn_boot(const struct target *t)
{
	if (t->made && boot_of(t->base.fd) == BOOT_EARLIER)
		msg_warnx("%s: warning: made before the machine restarted: "
			  "what was not on disk yet is missing",
		    t->path);
}

/* t->fd becomes the root with all that is mounted in it. */
static int
mount_all(const struct options *o, struct target *t)
{
	int fd;

	fd = mounts_make(t->path, t->fd, o->kernel, o->binds, o->nbinds);
	close(t->fd);
	t->fd = fd;
	return fd == -1 ? -1 : 0;
}

/* Enters the root as the user and runs the command; returns why not. */
static int
run(const struct options *o, struct target *t, char **operands)
{
	/* static: a failed start is not worth freeing for */
	static struct launch l;
	static struct passwd_user user;
	static char **env;
	extern char **environ;
	int later;

	warn_boot(t);
	if (launch_read(t->made ? t->base.fd : -1, t->path, o->append, operands,
		o->user, o->dir, &l) == -1)
		return FAILED;
	if ((o->kernel || o->nbinds > 0) && mount_all(o, t) == -1)
		return FAILED;
	if (enter_root(t->fd, t->path) == -1)
		return FAILED;
	/* nothing of the outside must be open for /proc/self/fd to name */
	close(t->fd);
	root_close(&t->base);
	if (passwd_resolve(l.user, &user) == -1)
		return FAILED;
	env = environ_build(environ, o->keepenv, l.env, o->env, user.home);
	if (env == NULL)
		return FAILED;
	warn_nodev(o, t);
	if (o->verbose)
		msg_say("%s: uid %lu, gid %lu, directory %s, command %s",
		    t->path, (unsigned long)user.uid, (unsigned long)user.gid,
		    *l.dir != '\0' ? l.dir : "/", l.argv[0]);
	if ((later = enter_workdir(l.dir, &user)) == -1 ||
	    enter_user(&user) == -1 ||
	    (later && enter_workdir(l.dir, &user) != 0) ||
	    (o->remove && supervise_bind() == -1))
		return FAILED;
	return command_exec(l.argv, env);
}

/* --- with -r --- */

/* From here on chr-rm -g removes it as soon as nobody is in it. */
static int
mark(const struct target *t)
{
	int fd;

	fd = FAULT("exec_mark") ? -1
				: fdio_open_file(t->base.fd, "remove",
				      O_WRONLY | O_CREAT | O_NOFOLLOW);
	if (fd == -1)
		return msg_failx(
		    -1, "%s: mark to remove it: %s", t->path, fdio_why());
	close(fd);
	return 0;
}

/* held: as of root_remove. */
static void
clean_up(const struct options *o, struct target *t, int held, int failed)
{
	if (!o->keep || !failed) {
		root_remove(&t->base, held);
		return;
	}
	if (unlinkat(t->base.fd, "remove", 0) == -1)
		msg_warn("%s: mark to remove it", t->path);
	msg_warnx("%s: kept; to enter it: chr-exec %s sh", t->base.path,
	    t->base.path);
}

/* With -r, the root of a command that is not even tried goes all the same. */
static int
give_up(const struct options *o, const char *path)
{
	struct target t = {.path = path};
	const char *why;

	if (o->remove && path != NULL && root_open(path, &t.base, &why) == 0) {
		mark(&t);
		clean_up(o, &t, -1, 1);
	}
	return FAILED;
}

static int
run_and_remove(const struct options *o, struct target *t, char **operands)
{
	int failed, held, status;
	pid_t pid;

	if ((held = root_hold(&t->base, O_RDWR)) < 0)
		return held == ROOT_LOCKED ? FAILED : give_up(o, t->path);
	if (mark(t) == -1 || leftovers_adopt() == -1 ||
	    (pid = supervise_fork(launch_stop_signal(t->base.fd, t->path))) ==
		-1) {
		clean_up(o, t, held, 1);
		return FAILED;
	}
	if (pid == 0)
		/* a lock of its own: the other tells who else has one */
		return close(held) == -1 || root_hold(&t->base, O_RDONLY) < 0
			   ? FAILED
			   : run(o, t, operands);
	/* this process must not be what keeps the root in use */
	close(t->fd);
	if (chdir("/") == -1)
		msg_warn("/");
	status = supervise_wait();
	failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	if (leftovers_end(t->base.path) == 0 || (o->keep && failed))
		clean_up(o, t, held, failed);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	supervise_die(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int
main(int argc, char *argv[])
{
	static struct options o;
	static struct target t;
	const char *path;
	int bad;

	if (FAULT("exec_begin"))
		return FAILED;
	/* a signal that ended this process here would leave a root behind */
	supervise_block();
	/* before anything is opened, which would become 0, 1 or 2 */
	bad = start_descriptors(1) == -1;
	bad |= parse_options(argc, argv, &o) == -1;
	if (!o.remove)
		supervise_unblock();
	path = optind < argc ? argv[optind] : NULL;
	if (bad || enter_descriptors() == -1 ||
	    open_target(path, o.remove, &t) == -1)
		return give_up(&o, path);
	argv += optind + 1;
	if (o.remove)
		return run_and_remove(&o, &t, argv);
	if (t.made && root_hold(&t.base, O_RDONLY) < 0)
		return FAILED;
	return run(&o, &t, argv);
}
