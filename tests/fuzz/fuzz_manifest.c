/* See LICENSE. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_config *c;
	struct platform p;
	struct manifest *m;
	size_t i;

	platform_set(&p, "linux", "amd64", "");
	if (manifest_parse("x", (const char *)data, size, NULL, &m) == 0) {
		if (m->is_index)
			manifest_choose(m, &p);
		for (i = 0; i < m->nlayers; i++)
			if (!ref_digest_ok(m->layers[i].digest))
				abort();
		manifest_free(m);
	}
	if (image_config_parse("x", (const char *)data, size, &c) == 0)
		image_config_free(c);
	return 0;
}
