/* See LICENSE. */
#ifndef SYS_H
#define SYS_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A descriptor that stands for a place only; nearly so elsewhere. */
#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

/*
 * The operating system beyond POSIX.  sys-linux*.c or sys-posix.c, chosen by
 * the Makefile, implement all of it; nothing else names an operating system.
 * All functions are silent: -1 and errno.  ENOSYS: not on this system.
 */

/*
 * Opens path with rootfd as "/": links, absolute or with "..", stay inside.
 * Never creates.  O_CLOEXEC is added.  With O_NOFOLLOW the last component is
 * not followed.  The names of rootfd's tree may be hostile, its owner is not.
 */
int sys_open_in_root(int rootfd, const char *path, int flags);

/* The same where no link is on the way: else ELOOP. */
int sys_open_plain(int rootfd, const char *path, int flags);

/* What a walk has come through. */
struct sys_way {
	/* in links and behind them, more for long links; in long paths */
	uint64_t names;
	int fd;	    /* where the last link in the path leads, or -1 */
	size_t len; /* of the path up to there */
};

/*
 * As sys_open_in_root, name by name in user space.  With `missing', what the
 * path names is to be a directory, and so is each name before it: missing(arg,
 * dirfd, name) makes one that is not there or is something else; 0, or -1 and
 * errno.  The way may be NULL; else its names are added to, and its fd, which
 * is to be -1, is the caller's, even after a failure.
 */
typedef int sys_missing(void *, int dirfd, const char *name);
int sys_walk_in_root(int rootfd, const char *path, int flags, sys_missing *,
    void *, struct sys_way *);

/*
 * Opens the directory `name' (one component) below dirfd for reading, to empty
 * it: ELOOP or ENOTDIR for a link or file, EXDEV for a mount point.
 */
int sys_open_subdir(int dirfd, const char *name);

/* Whether the directory fd is the root of a mount: 1, 0, -1. */
int sys_is_mount(int fd);

/*
 * Extended attributes of name below dirfd, or of dirfd itself when name is "".
 * The last component is not followed.  list and get return sizes, as
 * llistxattr(2) and lgetxattr(2) do.
 */
ssize_t sys_xattr_list(int dirfd, const char *name, char *, size_t);
ssize_t sys_xattr_get(
    int dirfd, const char *name, const char *attr, void *, size_t);
int sys_xattr_set(
    int dirfd, const char *name, const char *attr, const void *, size_t);
int sys_xattr_remove(int dirfd, const char *name, const char *attr);

/* Whether the directory fd hands an ACL down to what is made in it. */
int sys_has_default_acl(int fd);
/* Takes away the ACLs of name below dirfd, or of dirfd itself, as above. */
int sys_clear_acl(int dirfd, const char *name);

/*
 * Copies the file in, whose status is given, to the empty file out: shares the
 * blocks where the file system can, keeps holes.
 */
int sys_copy_data(int in, int out, const struct stat *);
/* Only shares the blocks. */
int sys_share_data(int in, int out);

/* Whether name below dirfd is marked immutable or append-only: 1 or 0. */
int sys_is_immutable(int dirfd, const char *name);

/* The number of the device that /dev/name should be. */
int sys_device(const char *name, dev_t *);

/* Writes the file system of fd to its disk. */
int sys_sync_fs(int fd);

/* The kernel's name for the time since the machine was started. */
#define SYS_BOOT_ID_MAX 37
int sys_boot_id(char id[SYS_BOOT_ID_MAX]);
/* Seconds since then, asleep or not, by a clock that nobody sets. */
int sys_boot_time(time_t *seconds);
/* Whether other hosts may have the file system of fd, too: 1, 0, -1. */
int sys_fs_is_shared(int fd);

/* Processors that this process may use, at least 1. */
unsigned sys_ncpu(void);

/* Closes every descriptor from first to last; INT_MAX is all that follow. */
int sys_close_range(int first, int last);

/* Lets a pipe hold so many bytes, if it may. */
void sys_widen_pipe(int fd, int size);

/* Closes every descriptor from lowest on that is a directory. */
int sys_close_dirs(int lowest);

/* Orphaned descendants become children of this process.  0; 1 where the system
 * cannot. */
int sys_adopt_orphans(void);

/*
 * Calls fn(arg, parent, pid) for each process that descends from this one, and
 * not for who descends from it where that returns 1.  Who is stopped by fn, or
 * was before, cannot have a child that is missed.  0; 1 where the system cannot
 * tell; -1.
 */
int sys_descendants(int (*fn)(void *, pid_t parent, pid_t), void *);

/*
 * Sends the signal to a process of the above, and never to another that has got
 * its number since.  ESRCH: it has ended, or is not a child of parent any more.
 */
int sys_signal_descendant(pid_t parent, pid_t, int sig);

/* How the file system of path is mounted, or -1. */
#define SYS_FS_NOEXEC 1
#define SYS_FS_NODEV 2
int sys_fs_flags(const char *path);

/* Whether sys_confine will confine: 1 or 0. */
int sys_can_confine(void);

/*
 * From here on this process, with its threads, may only read, write, allocate
 * and exit.  0; 1 where the system cannot.
 */
int sys_confine(void);

/* This process, and what it executes, has no capabilities from now on.  0; 1
 * where the system cannot; -1. */
int sys_drop_capabilities(void);

/* Exec gains no privilege from now on.  0; 1 where the system cannot. */
int sys_no_new_privs(void);

/* Ends this process by SIGKILL when its parent ends.  0; 1 where the system
 * cannot. */
int sys_die_with_parent(void);

/*
 * Calls fn(arg, pid) for each process whose root or current directory is at or
 * below the directory whose path (absolute, canonical) is given, or inside the
 * file system mounted there.  0; 1 where the system cannot tell; -1.
 */
int sys_users_of(const char *path, void (*fn)(void *, pid_t), void *);
/* Whether the process is one of them, as far as can be told. */
int sys_is_user(const char *path, pid_t);

/*
 * Calls fn(arg, pid) for each process but this one that has a lock of flock(2)
 * on the file fd, by a descriptor of its own or one that it inherited.  0; 1
 * where the system cannot tell; -1.
 */
int sys_lockers_of(int fd, void (*fn)(void *, pid_t), void *);

/*
 * Calls fn(arg, mount point, file system type, options of the super block) for
 * each mount at or below path.  Returns fn's first non-zero value, or 0.
 */
int sys_mounts_below(const char *path,
    int (*fn)(void *, const char *, const char *, const char *), void *);

/*
 * Mounts an overlay at name below dirfd; options as mount(8) would give them,
 * paths in them relative to dirfd.  Changes the current directory meanwhile.
 */
int sys_mount_overlay(int dirfd, const char *name, const char *options);
/*
 * Unmounts name below dirfd; never follows a link.  Who has a file open in it
 * keeps that.
 */
int sys_umount(int dirfd, const char *name);

/* A private mount namespace: nothing mounted here is seen outside. */
int sys_mount_private(void);
/* Mounts proc, sys (read-only) or a minimal dev on the directory fd. */
int sys_mount_proc(int fd);
int sys_mount_sys(int fd);
int sys_mount_dev(int fd);
/* Binds what srcfd is, with all below it, at dstfd; ro is read-only all the
 * way down. */
int sys_mount_bind(int srcfd, int dstfd, int ro);

/* Columns of the terminal fd. */
int sys_term_width(int fd);

#endif
