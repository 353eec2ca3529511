/* See LICENSE. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "passwd.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A stream of n bytes; NULL for none, as for a file that is not there. */
static FILE *
stream(char *text, size_t n)
{
	return n > 0 ? fmemopen(text, n, "r") : NULL;
}

/*
 * The input is spec, NUL, passwd, NUL, group.  Who was resolved has a home from
 * /, the primary group among the groups, and no id that means "none".
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct passwd_user user;
	char *copy, *group, *passwd;
	FILE *gp, *pp;
	size_t len, plen;

	if ((copy = calloc(1, size + 3)) == NULL)
		return 0;
	memcpy(copy, data, size);
	passwd = copy + strlen(copy) + 1;
	if (passwd > copy + size)
		passwd = copy + size;
	plen = strlen(passwd);
	group = passwd + plen + 1;
	len = group < copy + size ? (size_t)(copy + size - group) : 0;
	pp = stream(passwd, plen);
	gp = stream(group, len);
	if (passwd_lookup(pp, gp, copy, &user) == 0) {
		if (user.ngroups == 0 || user.groups[0] != user.gid ||
		    user.home[0] != '/' || user.uid == (uid_t)-1 ||
		    user.gid == (gid_t)-1)
			abort();
		passwd_free(&user);
	}
	if (pp != NULL)
		fclose(pp);
	if (gp != NULL)
		fclose(gp);
	free(copy);
	return 0;
}
