/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_digest.h"

#include <string.h>

static const struct {
	const char *prefix;
	size_t digits;
} algorithms[] = {
	{ "sha256:", 64 },
	{ "sha512:", 128 },
};

bool digest_parse(const char *text, struct digest *ret_digest)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		size_t prefix = strlen(algorithms[i].prefix);

		if (strncmp(text, algorithms[i].prefix, prefix) != 0)
			continue;
		if (strlen(text) != prefix + algorithms[i].digits ||
		    strspn(text + prefix, "0123456789abcdef") != algorithms[i].digits)
			return false;
		strcpy(ret_digest->text, text);
		return true;
	}
	return false;
}

bool digest_is_set(const struct digest *digest)
{
	return digest->text[0];
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

const char *digest_hex(const struct digest *digest)
{
	const char *colon = strchr(digest->text, ':');

	return colon ? colon + 1 : "";
}

void digest_path(const struct digest *digest, char ret_path[static DIGEST_SIZE])
{
	strcpy(ret_path, digest->text);
	if (strchr(ret_path, ':'))
		*strchr(ret_path, ':') = '/';
}
