/* See LICENSE. */
#include "boot.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "fault.h"
#include "fdio.h"
#include "sys.h"

int
boot_mark(int basefd)
{
	char id[SYS_BOOT_ID_MAX];

	if (FAULT("boot_shared") || sys_fs_is_shared(basefd) != 0 ||
	    sys_boot_id(id) == -1)
		return 0;
	return config_write1(basefd, "boot", id);
}

/* Whatever a power cut has left of the file, it is not this run's. */
enum boot
boot_of(int basefd)
{
	char **v, id[SYS_BOOT_ID_MAX];
	enum boot boot;

	if (sys_boot_id(id) == -1)
		return BOOT_NONE;
	v = config_read(basefd, "boot");
	if (v == NULL)
		return errno == ENOENT ? BOOT_NONE : BOOT_EARLIER;
	boot = v[0] != NULL && strcmp(v[0], id) == 0 ? BOOT_THIS : BOOT_EARLIER;
	free(v);
	return boot;
}

int
boot_unmark(int basefd)
{
	if (!FAULT("boot_unmark") &&
	    (unlinkat(basefd, "boot", 0) == 0 || errno == ENOENT))
		return 0;
	return -1;
}

int
boot_note_idle(int basefd)
{
	char id[SYS_BOOT_ID_MAX], *since, *v[3] = {id, NULL, NULL};
	time_t now;
	int rc;

	if (sys_boot_id(id) == -1 || sys_boot_time(&now) == -1)
		return config_write(basefd, "idle", NULL);
	if ((since = fdio_fmt("%lld", (long long)now)) == NULL)
		return -1;
	v[1] = since;
	rc = config_write(basefd, "idle", v);
	free(since);
	return rc;
}

/*
 * Seconds since BASE/idle was written, by a clock that nobody sets: 0, or -1
 * when it was not in this run.
 */
static int
idle_time(int basefd, double *seconds)
{
	char **v, id[SYS_BOOT_ID_MAX];
	time_t now;
	int rc = -1;

	if (sys_boot_id(id) == -1 || sys_boot_time(&now) == -1 ||
	    (v = config_read(basefd, "idle")) == NULL)
		return -1;
	if (v[0] != NULL && v[1] != NULL && strcmp(v[0], id) == 0) {
		*seconds = (double)now - (double)strtoll(v[1], NULL, 10);
		rc = 0;
	}
	free(v);
	return rc;
}

double
boot_age(int basefd, const char *name)
{
	double age, idle;
	struct stat st;

	if (fstatat(basefd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	age = difftime(time(NULL), st.st_mtim.tv_sec);
	if (idle_time(basefd, &idle) == 0 && idle < age)
		age = idle;
	return age > 0 ? age : 0;
}
