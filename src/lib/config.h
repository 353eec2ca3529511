/* See LICENSE. */
#ifndef CONFIG_H
#define CONFIG_H

/*
 * Files of NUL-terminated strings (chr-store(5)): entrypoint, cmd, env, user,
 * workdir, stopsignal ... of images and roots.
 */

#define CONFIG_FILE_MAX (4U << 20)

/*
 * The strings of a file below dirfd as a vector ending in NULL, in one
 * allocation: free(3) frees all.  NULL and errno; a missing file is ENOENT.  A
 * last string without its NUL is taken as it is.  Silent.
 */
char **config_read(int dirfd, const char *name);
/* The first string, malloced; "" when the file is empty or missing.  Silent. */
char *config_read1(int dirfd, const char *name);
/*
 * Replaces the file, not synced; an empty vector or NULL makes an empty file.
 * Silent.
 */
int config_write(int dirfd, const char *name, char *const *);
int config_write1(int dirfd, const char *name, const char *);

/* Copies the files that describe how to run, those that are there.  Silent.
 */
int config_copy(int fromfd, int tofd);

#endif
