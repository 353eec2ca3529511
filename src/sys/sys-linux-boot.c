/* See LICENSE. */
#include "sys.h"

#include <sys/vfs.h>

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ID_LEN (SYS_BOOT_ID_MAX - 1)

int
sys_boot_id(char id[SYS_BOOT_ID_MAX])
{
	ssize_t n;
	int fd;

	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, id, ID_LEN);
	close(fd);
	if (n != ID_LEN || memchr(id, '\n', ID_LEN) != NULL) {
		errno = ENOSYS;
		return -1;
	}
	id[ID_LEN] = '\0';
	return 0;
}

int
sys_boot_time(time_t *seconds)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) == -1)
		return -1;
	*seconds = ts.tv_sec;
	return 0;
}

/* By the f_type of statfs(2). */
int
sys_fs_is_shared(int fd)
{
	static const unsigned types[] = {
	    0x6969,	/* nfs */
	    0x517b,	/* smb */
	    0xfe534d42, /* smb2 */
	    0xff534d42, /* cifs */
	    0x65735546, /* fuse, virtiofs */
	    0x0bd00bd0, /* lustre */
	    0x00c36400, /* ceph */
	    0x5346414f, /* afs of OpenAFS */
	    0x6b414653, /* afs */
	    0x73757245, /* coda */
	    0x01021997, /* 9p */
	    0x01161970, /* gfs2 */
	    0x7461636f, /* ocfs2 */
	    0x47504653, /* gpfs */
	    0x19830326, /* beegfs */
	    0xaad7aaea, /* panfs */
	    0x20030528, /* orangefs */
	    0xbacbacbc, /* vmhgfs */
	    0x786f4256, /* vboxsf */
	};
	struct statfs sf;
	size_t i;

	if (fstatfs(fd, &sf) == -1)
		return -1;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((unsigned)sf.f_type == types[i])
			return 1;
	return 0;
}
