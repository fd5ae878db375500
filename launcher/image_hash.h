/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_hash.h - computing digests */
#pragma once

#include <stddef.h>

#include "launcher/image_digest.h"

struct hash;

/**
 * hash_new() - begin
 * @like:	the algorithm of this digest; sha256 if it is not set
 *
 * Return: NULL without memory.
 */
struct hash *hash_new(const struct digest *like);

/** hash_free() - accepts NULL, returns NULL */
struct hash *hash_free(struct hash *hash);

/** hash_add() - append bytes; a failure sticks and shows in hash_end() */
void hash_add(struct hash *hash, const void *data, size_t size);

/** hash_end() - the digest of all that was added; 0 or -EIO */
int hash_end(struct hash *hash, struct digest *ret_digest);

/** digest_of() - the sha256 of some bytes; 0 or negative errno */
int digest_of(const void *data, size_t size, struct digest *ret_digest);

/**
 * digest_chain() - the name of a layer on top of others
 * @parent:	the chain below; not set for the lowest layer
 * @diff:	digest of the layer's uncompressed tar
 *
 * Source: OCI image-spec, config.md, "Layer ChainID". Always a sha256.
 */
int digest_chain(const struct digest *parent, const struct digest *diff,
		 struct digest *ret_chain);

static inline void cleanup_hash_(struct hash **hash)
{
	hash_free(*hash);
}

#define cleanup_hash __attribute__((cleanup(cleanup_hash_)))
