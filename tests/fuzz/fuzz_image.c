/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON of an image, and the store's own records: the first byte chooses the
 * reader. What is accepted can be used as a file name and as a size.
 */
#include "config.h"

#include <string.h>

#include "launcher/image_manifest.h"
#include "launcher/image_store_impl.h"
#include "tests/fuzz/fuzz.h"

static void check_digest(const struct digest *digest)
{
	struct digest again;

	fuzz_assert(digest_parse(digest->text, &again) && digest_equal(digest, &again));
	fuzz_assert(!strchr(digest_hex(digest), '/') && !strchr(digest_hex(digest), '.'));
}

static void check_manifest(struct image_manifest *m)
{
	for (size_t i = 0; i < m->count; i++) {
		fuzz_assert(m->items[i].media_type && m->items[i].size_bytes >= 0);
		check_digest(&m->items[i].digest);
	}
	image_manifest_done(m);
}

static void read_index(const struct buf *text)
{
	struct fault f = FAULT_INIT;
	struct image_manifest m;

	if (image_index_parse(text, "it", &m, &f) >= 0)
		check_manifest(&m);
	else
		fuzz_assert(f.text[0]);
}

static void read_manifest(const struct buf *text)
{
	struct fault f = FAULT_INIT;
	struct image_manifest m;

	if (image_manifest_parse(text, "it", &m, &f) < 0) {
		fuzz_assert(f.text[0]);
		return;
	}
	fuzz_assert(m.count <= IMAGE_LAYERS_MAX);
	check_digest(&m.config.digest);
	check_manifest(&m);
}

static void read_docker(const struct buf *text)
{
	struct fault f = FAULT_INIT;
	struct docker_images images;

	if (docker_images_parse(text, &images, &f) < 0) {
		fuzz_assert(f.text[0]);
		return;
	}
	for (size_t i = 0; i < images.count; i++)
		fuzz_assert(images.items[i].config);
	docker_images_done(&images);
}

static void read_config(const struct buf *text)
{
	struct fault f = FAULT_INIT;
	struct image_config c;

	if (image_config_parse(text, "it", &c, &f) < 0) {
		fuzz_assert(f.text[0]);
		return;
	}
	for (size_t i = 0; i < c.diff_count; i++)
		check_digest(&c.diffs[i]);
	image_config_done(&c);
}

/* What was read is written as it was. */
static void read_record(const struct buf *text)
{
	struct image_record record, again;
	struct fault f = FAULT_INIT;
	struct buf written = BUF_INIT;

	if (record_from_text(text, "it", &record, &f) < 0) {
		fuzz_assert(f.text[0]);
		return;
	}
	fuzz_assert(image_name_is_valid(record.name));
	fuzz_assert(record_to_text(&record, &written) == 0);
	fuzz_assert(record_from_text(&written, "it", &again, &f) == 0);
	fuzz_assert(again.layer_count == record.layer_count &&
		    strcmp(again.name, record.name) == 0);
	image_record_done(&again);
	image_record_done(&record);
	buf_done(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const struct buf *text) = {
		read_index, read_manifest, read_docker, read_config, read_record,
	};
	struct buf text = BUF_INIT;

	if (size == 0)
		return 0;
	buf_add(&text, data + 1, size - 1);
	readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](&text);
	buf_done(&text);
	return 0;
}
