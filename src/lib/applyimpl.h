/* See LICENSE. */
#ifndef APPLYIMPL_H
#define APPLYIMPL_H

#include <time.h>

#include "apply.h"
#include "own.h"

/* What apply.c and prune.c share; for nobody else. */

struct apply {
	int rootfd;
	uint64_t rootino;
	const char *name;   /* of the image */
	const char *digest; /* of the layer */
	struct own *own;
	struct own *warned;
	unsigned nwarned;
	uint64_t seen, implied; /* entries; directories made for them */
	uint64_t walked;	/* names on the way to them (struct sys_way) */
	uint64_t taken;		/* bytes of data, holes and all */
	struct apply_limits limits;
	unsigned layer; /* 1 is the lowest */
	uid_t uid;	/* what new files get */
	gid_t gid;
	struct apply_stats stats;
	/* the directory of the last entry */
	char *parent;
	int parentfd;
	uint64_t parentino;
	struct timespec parenttime; /* to be set again when it is left */
	int entered;
	int time_error; /* errno */
	int inherits;	/* what is made in it gets another group or mode */
	int acl;	/* and rights beside the mode */
	int marked;
	int stale; /* something was removed that may have led there */
	struct links *links;
	/* the file that is being written */
	int filefd;
	uint64_t filesize, fileend;
	struct timespec filetimes[2];
	char filepath[256]; /* for messages */
	void *caps;	    /* security.capability that it is to have */
	size_t capsize;
};

/* Removes name in dirfd, whatever it is.  -1 after a message. */
int apply_clear(struct apply *, int dirfd, const char *name, const char *path);
void apply_forget_parent(struct apply *);

/*
 * A whiteout and an opaque marker (image-spec layer.md): remove what lower
 * layers have, keep what this one has set.  -1 and errno.
 */
int prune_name(struct apply *, int dirfd, uint64_t ino, const char *name);
int prune_opaque(struct apply *, int dirfd);

#endif
