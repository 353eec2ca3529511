/* See LICENSE. */
#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "apply.h"
#include "fuzz.h"
#include "layer.h"
#include "msg.h"
#include "rmtree.h"

static const struct apply_limits limits = {1000000, 10000000};

static char top[] = "/tmp/fuzz_layer.XXXXXX";
static int topfd = -1;
static FILE *quiet;
static struct stat canary, outside;

static void
leave(void)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1)
		rmtree(fd, top + strlen("/tmp/"), top);
}

/* root, where layers go, beside a file and a directory that nothing may reach
 */
static void
begin(void)
{
	int fd;

	if (topfd != -1)
		return;
	must(mkdtemp(top) != NULL);
	atexit(leave);
	must((topfd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) != -1);
	must(mkdirat(topfd, "outside", 0700) == 0);
	fd = openat(topfd, "v", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	must(fd != -1 && write(fd, "alive", 5) == 5 && close(fd) == 0);
	must(fstatat(topfd, "v", &canary, 0) == 0);
	must(fstatat(topfd, "outside", &outside, 0) == 0);
	must((quiet = fopen("/dev/null", "w")) != NULL);
}

static void
same(const char *name, const struct stat *old)
{
	struct stat st;

	must(fstatat(topfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	must(st.st_ino == old->st_ino && st.st_mode == old->st_mode &&
	     st.st_uid == old->st_uid && st.st_gid == old->st_gid &&
	     st.st_nlink == old->st_nlink && st.st_size == old->st_size &&
	     st.st_mtim.tv_sec == old->st_mtim.tv_sec &&
	     st.st_mtim.tv_nsec == old->st_mtim.tv_nsec &&
	     st.st_ctim.tv_nsec == old->st_ctim.tv_nsec);
}

static int
put(struct apply *a, struct layer *l)
{
	char diffid[DIGEST_MAX];
	struct layer_entry e;
	const void *data;
	uint64_t offset;
	size_t len;
	int more, rc;

	while ((rc = layer_next(l, &e)) == 1) {
		if (apply_entry(a, &e) != 0)
			return -1;
		while ((more = layer_data(l, &data, &len, &offset)) == 1) {
			must(len > 0 && offset + len <= e.size);
			if (apply_data(a, data, len, offset) != 0)
				return -1;
		}
		if (more == -1)
			break;
	}
	must((layer_status(l) == ST_OK) == (rc == 0));
	return rc != 0 || apply_close(a) != 0 || layer_end(l, diffid) != 0;
}

static int
put_bytes(struct apply *a, const uint8_t *data, size_t size)
{
	uint8_t *copy;
	struct layer *l;
	int fd, rc;

	must((copy = malloc(size + 1)) != NULL);
	memcpy(copy, data, size);
	mend_tar(copy, size);
	must((fd = memfd_create("layer", MFD_CLOEXEC)) != -1);
	must(write(fd, copy, size) == (ssize_t)size && lseek(fd, 0, 0) == 0);
	free(copy);
	must((l = layer_open(fd, UINT64_MAX, 1)) != NULL);
	layer_limit(l, 0, limits.bytes);
	apply_layer(a, "sha256:x");
	rc = put(a, l);
	layer_close(l);
	close(fd);
	return rc;
}

/* Blobs become a tree, whatever they are, and nothing beside it changes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct apply_stats stats;
	struct apply *a;
	size_t first;
	FILE *loud = stderr;
	int rootfd;

	begin();
	if (size == 0)
		return 0;
	/* the first byte says how many blocks the first of two layers has */
	first = (size_t)data[0] * BLOCK;
	data++;
	size--;
	if (first > size)
		first = size;
	stderr = quiet;
	must(mkdirat(topfd, "root", 0755) == 0);
	must((rootfd = openat(
		  topfd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) != -1);
	must((a = apply_new(rootfd, "fuzz", &limits)) != NULL);
	if (put_bytes(a, data, first) == 0 &&
	    put_bytes(a, data + first, size - first) == 0)
		apply_finish(a, &stats);
	apply_free(a);
	close(rootfd);
	same("v", &canary);
	same("outside", &outside);
	must(rmtree(topfd, "root", "root") == 0);
	stderr = loud;
	return 0;
}
