/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a layer's attributes may hold: the first byte chooses the reader, the rest is
 * the value. Beside not crashing, each reader keeps a promise that others rely on.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "unionfs/index.h"
#include "unionfs/metacopy.h"
#include "unionfs/origin.h"
#include "unionfs/override.h"
#include "unionfs/redirect.h"

static void read_origin(const uint8_t *data, size_t size)
{
	char name[2 * ORIGIN_MAX + 1];
	struct origin origin;
	uint64_t ino;

	if (!origin_parse(data, size, &origin)) {
		fuzz_assert(origin.length == 0);
		return;
	}
	fuzz_assert(origin.length == size);
	(void)origin_ino(&origin, &ino);
	origin_index_name(&origin, name);
	fuzz_assert(strlen(name) == 2 * size);
}

static void read_metacopy(const uint8_t *data, size_t size)
{
	struct metacopy m;

	if (metacopy_parse(data, size, &m) == 1)
		fuzz_assert(m.digest_length <= sizeof(m.digest));
}

/* No component of a valid redirect leads anywhere but down. */
static void read_redirect(const uint8_t *data, size_t size)
{
	char *value;

	if (!redirect_is_valid((const char *)data, size))
		return;
	fuzz_assert(size > 0 && size < REDIRECT_MAX);
	value = strndup((const char *)data, size);
	fuzz_assert(value && strlen(value) == size);
	for (char *name = strtok(value, "/"); name; name = strtok(NULL, "/"))
		fuzz_assert(strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
			    strlen(name) <= 255);
	free(value);
}

static void read_override(const uint8_t *data, size_t size)
{
	char text[OVERRIDE_TEXT_SIZE];
	struct override o, again;
	int n;

	if (override_parse((const char *)data, size, &o) < 0)
		return;
	n = override_format(&o, text);
	fuzz_assert(n > 0 && n < OVERRIDE_TEXT_SIZE);
	fuzz_assert(override_parse(text, n, &again) == 0);
	fuzz_assert(o.uid == again.uid && o.gid == again.gid && o.mode == again.mode &&
		    o.rdev == again.rdev);
}

static void read_nlink(const uint8_t *data, size_t size)
{
	int difference;
	char base;

	if (nlink_parse((const char *)data, size, &base, &difference))
		fuzz_assert(base == 'U' || base == 'L');
}

/* What a client sets it reads back under the same name, and it is never hidden. */
static void read_attribute(const uint8_t *data, size_t size)
{
	char disk[OVERLAY_ATTR_SIZE], client[OVERLAY_ATTR_SIZE];
	char name[OVERLAY_ATTR_SIZE] = "";
	const char *seen;

	memcpy(name, data, size < sizeof(name) ? size : sizeof(name) - 1);
	for (enum overlay_ns ns = OVERLAY_TRUSTED; ns <= OVERLAY_USER; ns++) {
		if (overlay_xattr_to_disk(ns, name, disk) < 0)
			continue;
		fuzz_assert(!overlay_xattr_is_private(ns, disk));
		seen = overlay_xattr_to_client(ns, disk, client);
		fuzz_assert(seen && strcmp(seen, name) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const uint8_t *data, size_t size) = {
		read_origin, read_metacopy, read_redirect,
		read_override, read_nlink, read_attribute,
	};

	if (size > 0)
		readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](data + 1, size - 1);
	return 0;
}
