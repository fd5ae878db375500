/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/hash.h - SipHash-1-3: names chosen by a hostile image cannot collide
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hash_key {
	uint64_t k[2];		/* random, the same for all workers of a mount */
};

static inline uint64_t hash_rotl_(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static inline void hash_round_(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = hash_rotl_(v[1], 13) ^ v[0];
	v[0] = hash_rotl_(v[0], 32);
	v[2] += v[3];
	v[3] = hash_rotl_(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = hash_rotl_(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = hash_rotl_(v[1], 17) ^ v[2];
	v[2] = hash_rotl_(v[2], 32);
}

/** hash_bytes() - 64 bits that depend on every byte and on the key */
static inline uint64_t hash_bytes(const struct hash_key *key, const void *data,
				  size_t length)
{
	uint64_t v[4] = { key->k[0] ^ 0x736f6d6570736575ULL,
			  key->k[1] ^ 0x646f72616e646f6dULL,
			  key->k[0] ^ 0x6c7967656e657261ULL,
			  key->k[1] ^ 0x7465646279746573ULL };
	const unsigned char *p = data;
	uint64_t m, last = (uint64_t)length << 56;
	size_t i;

	for (i = 0; i + 8 <= length; i += 8) {
		memcpy(&m, p + i, 8);
		v[3] ^= m;
		hash_round_(v);
		v[0] ^= m;
	}
	for (size_t j = 0; i + j < length; j++)
		last |= (uint64_t)p[i + j] << (8 * j);
	v[3] ^= last;
	hash_round_(v);
	v[0] ^= last;

	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		hash_round_(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
