/* See LICENSE. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A name goes with a password, and nothing is found in what is malformed. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const domains[] = {"docker.io", "r.example"};
	char helper[AUTH_HELPER_MAX];
	const char *why;
	struct auth a;
	int i, rc;

	for (i = 0; i < 4; i++) {
		why = NULL;
		rc = auth_lookup((const char *)data, size, i & 1,
		    domains[i >> 1], "a/b", &a, helper, &why);
		if (rc == -1 && (why == NULL || !auth_none(&a)))
			abort();
		if ((a.user == NULL) != (a.password == NULL))
			abort();
		auth_clear(&a);
	}
	return 0;
}
