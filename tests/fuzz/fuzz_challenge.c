/* See LICENSE. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "challenge.h"
#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Two headers; what a Bearer challenge names is never empty. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_origin registry = {
	    "https", "r.example", "443"};
	struct challenge c = {0};
	char *second, *text;
	const char *why;

	if ((text = malloc(size + 1)) == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if ((second = strchr(text, '\n')) != NULL)
		*second++ = '\0';
	challenge_add(&c, text);
	if (second != NULL)
		challenge_add(&c, second);
	if (c.scheme == CHALLENGE_BEARER) {
		if (c.realm == NULL || c.realm[0] == '\0')
			abort();
		if (token_realm_ok(&registry, c.realm, &why) == 0 &&
		    strncasecmp(c.realm, "https:", 6) != 0)
			abort();
	}
	challenge_clear(&c);
	free(text);
	return 0;
}
