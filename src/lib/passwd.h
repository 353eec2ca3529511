/* See LICENSE. */
#ifndef PASSWD_H
#define PASSWD_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Who the command runs as. */
struct passwd_user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* includes gid; malloced */
	size_t ngroups;
	char *home; /* malloced; "/" when unknown */
};

#define PASSWD_FILE_MAX (10U << 20)
#define PASSWD_GROUPS_MAX 65536

/*
 * Resolves user, uid, user:group, uid:gid, uid:group, user:gid or "" (root) by
 * the text of /etc/passwd and /etc/group: to be called inside the root.  A
 * number is never a name.  NSS is never used.  0, or -1 after a message.
 */
int passwd_resolve(const char *spec, struct passwd_user *);
void passwd_free(struct passwd_user *);

/*
 * The same by open files, NULL for one that is not there.  Malformed lines are
 * skipped; the first that matches counts.
 */
int passwd_lookup(
    FILE *passwd, FILE *group, const char *spec, struct passwd_user *);

#endif
