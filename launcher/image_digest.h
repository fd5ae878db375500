/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_digest.h - the name of a content: "sha256:" and 64 hex digits */
#pragma once

#include <stdbool.h>

#define DIGEST_SIZE 136		/* "sha512:", 128 digits, NUL */

struct digest {
	char text[DIGEST_SIZE];	/* "" while there is none */
};

/**
 * digest_parse() - read a digest that someone else wrote
 *
 * Only sha256 and sha512, only lower-case digits, as many as the algorithm has:
 * what passes is safe as a file name.
 */
bool digest_parse(const char *text, struct digest *ret_digest);

/** digest_is_set() - whether there is one */
bool digest_is_set(const struct digest *digest);

/** digest_equal() - the same algorithm and digits */
bool digest_equal(const struct digest *a, const struct digest *b);

/** digest_hex() - the digits alone */
const char *digest_hex(const struct digest *digest);

/** digest_path() - "sha256/DIGITS", a path below blobs/ or layers/ */
void digest_path(const struct digest *digest, char ret_path[static DIGEST_SIZE]);
