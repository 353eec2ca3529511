/* See LICENSE. */
#include "digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct digest {
	EVP_MD_CTX *ctx;
	const char *name;
};

struct digest *
digest_new(const char *like)
{
	struct digest *d;
	const EVP_MD *md;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	if (strncmp(like, "sha512:", 7) == 0) {
		d->name = "sha512";
		md = EVP_sha512();
	} else {
		d->name = "sha256";
		md = EVP_sha256();
	}
	if ((d->ctx = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(d->ctx, md, NULL) != 1) {
		digest_free(d);
		errno = ENOMEM;
		return NULL;
	}
	return d;
}

void
digest_add(struct digest *d, const void *data, size_t len)
{
	EVP_DigestUpdate(d->ctx, data, len);
}

void
digest_end(struct digest *d, char out[DIGEST_MAX])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int i, len = 0;
	int n;

	EVP_DigestFinal_ex(d->ctx, md, &len);
	n = snprintf(out, DIGEST_MAX, "%s:", d->name);
	for (i = 0; i < len; i++)
		n += snprintf(out + n, DIGEST_MAX - (size_t)n, "%02x", md[i]);
	digest_free(d);
}

void
digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

int
digest_of(const char *like, const void *data, size_t len, char out[DIGEST_MAX])
{
	struct digest *d;

	if ((d = digest_new(like)) == NULL)
		return -1;
	digest_add(d, data, len);
	digest_end(d, out);
	return 0;
}
