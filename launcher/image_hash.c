/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

struct hash {
	EVP_MD_CTX *context;
	const char *algorithm;
	bool failed;
};

struct hash *hash_new(const struct digest *like)
{
	bool is_512 = strncmp(like->text, "sha512:", 7) == 0;
	struct hash *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->algorithm = is_512 ? "sha512" : "sha256";
	h->context = EVP_MD_CTX_new();
	if (!h->context ||
	    !EVP_DigestInit_ex(h->context, is_512 ? EVP_sha512() : EVP_sha256(), NULL))
		return hash_free(h);
	return h;
}

struct hash *hash_free(struct hash *h)
{
	if (h)
		EVP_MD_CTX_free(h->context);
	free(h);
	return NULL;
}

void hash_add(struct hash *h, const void *data, size_t size)
{
	if (!EVP_DigestUpdate(h->context, data, size))
		h->failed = true;
}

int hash_end(struct hash *h, struct digest *ret_digest)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned size;
	int n;

	if (h->failed || !EVP_DigestFinal_ex(h->context, bytes, &size))
		return -EIO;
	n = snprintf(ret_digest->text, sizeof(ret_digest->text), "%s:", h->algorithm);
	for (unsigned i = 0; i < size; i++)
		n += snprintf(ret_digest->text + n, sizeof(ret_digest->text) - n, "%02x",
			      bytes[i]);
	return 0;
}

int digest_of(const void *data, size_t size, struct digest *ret_digest)
{
	cleanup_hash struct hash *h = hash_new(&(struct digest){ "" });

	if (!h)
		return -ENOMEM;
	hash_add(h, data, size);
	return hash_end(h, ret_digest);
}

int digest_chain(const struct digest *parent, const struct digest *diff,
		 struct digest *ret_chain)
{
	char text[2 * DIGEST_SIZE + 2];

	if (!digest_is_set(parent) && strncmp(diff->text, "sha256:", 7) == 0) {
		*ret_chain = *diff;
		return 0;
	}
	snprintf(text, sizeof(text), "%s%s%s", parent->text,
		 digest_is_set(parent) ? " " : "", diff->text);
	return digest_of(text, strlen(text), ret_chain);
}
