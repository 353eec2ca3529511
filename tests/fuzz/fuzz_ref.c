/* See LICENSE. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "platform.h"
#include "ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What is accepted has a normal form that is accepted as itself. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name, *text;
	struct platform p;
	struct ref again, r;

	if ((text = malloc(size + 1)) == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (ref_parse(text, &r) == 0) {
		name = ref_name(&r);
		if (name == NULL || ref_parse(name, &again) != 0 ||
		    strcmp(r.domain, again.domain) != 0 ||
		    strcmp(r.path, again.path) != 0 ||
		    strstr(r.path, "..") != NULL)
			abort();
		ref_free(&again);
		ref_free(&r);
		free(name);
	}
	platform_parse(text, &p);
	free(text);
	return 0;
}
