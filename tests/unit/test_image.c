/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_manifest.h"
#include "launcher/image_overlay.h"
#include "launcher/image_store_impl.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define HEX64	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST64 "sha256:" HEX64

/* --- digests --------------------------------------------------------------------------- */

static const struct { const char *text; bool good; } digests[] = {
	{ DIGEST64, true },
	{ "sha512:" HEX64 HEX64, true },
	{ "", false },
	{ "sha256:", false },
	{ HEX64, false },			/* no algorithm */
	{ "sha256:" HEX64 "0", false },
	{ "sha512:" HEX64, false },		/* too short for it */
	{ "md5:0123456789abcdef0123456789abcdef", false },
	{ "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", false },
	{ "sha256:../../../../../../../../../../../../../../../../../../../../x/", false },
};

START_TEST(a_digest_is_safe_as_a_file_name)
{
	struct digest digest;

	ck_assert_int_eq(digest_parse(digests[_i].text, &digest), digests[_i].good);
}
END_TEST

START_TEST(a_digest_is_a_path_below_blobs)
{
	char path[DIGEST_SIZE];
	struct digest digest;

	ck_assert(digest_parse(DIGEST64, &digest));
	digest_path(&digest, path);
	ck_assert_str_eq(path, "sha256/" HEX64);
	ck_assert_str_eq(digest_hex(&digest), HEX64);
}
END_TEST

/* --- names ------------------------------------------------------------------------------- */

static const struct { const char *name; bool good; } names[] = {
	{ "busybox", true },
	{ "docker.io/library/busybox:1.36", true },
	{ "localhost:5000/a/b_c-d.e:tag", true },
	{ "app@" DIGEST64, true },
	{ "", false },
	{ ".", false },
	{ "..", false },
	{ "../up", false },
	{ "/absolute", false },
	{ "a//b", false },
	{ "a/.hidden", false },		/* also "a/../b" */
	{ "-option", false },
	{ "a b", false },
	{ "a%2Fb", false },		/* would be another name's file */
};

START_TEST(a_name_is_safe_as_a_file_name)
{
	ck_assert_int_eq(image_name_is_valid(names[_i].name), names[_i].good);
}
END_TEST

static const struct { const char *name, *whole; } completed[] = {
	{ "busybox", "busybox:latest" },
	{ "busybox:1", "busybox:1" },
	{ "localhost:5000/app", "localhost:5000/app:latest" },	/* a port is no tag */
	{ "localhost:5000/app:2", "localhost:5000/app:2" },
	{ "app@" DIGEST64, "app@" DIGEST64 },
};

START_TEST(a_name_without_a_tag_means_the_latest)
{
	char *whole = image_name_complete(completed[_i].name);

	ck_assert_str_eq(whole, completed[_i].whole);
	free(whole);
}
END_TEST

/* --- manifests ----------------------------------------------------------------------------- */

static struct buf text_of(const char *text)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, text);
	return b;
}

#define DESCRIPTOR(type) "{\"mediaType\":\"" type "\",\"digest\":\"" DIGEST64 "\",\"size\":5}"
#define CONFIG "\"config\":" DESCRIPTOR("application/vnd.oci.image.config.v1+json")

static const struct { const char *text, *message; } bad_manifests[] = {
	{ "", "not valid JSON" },
	{ "[]", "holds no JSON object" },
	{ "{}", "has no config" },
	{ "{\"fsLayers\":[]}", "first docker format" },
	{ "{" CONFIG "}", "no list of layers" },
	{ "{" CONFIG ",\"layers\":{}}", "no list of layers" },
	{ "{" CONFIG ",\"layers\":[1]}", "no descriptor" },
	{ "{" CONFIG ",\"layers\":[{}]}", "has no size" },
	{ "{" CONFIG ",\"layers\":[{\"size\":\"5\"}]}", "has no size" },
	{ "{" CONFIG ",\"layers\":[{\"size\":-5}]}", "has no size" },
	{ "{" CONFIG ",\"layers\":[{\"size\":5}]}", "has no digest" },
	{ "{" CONFIG ",\"layers\":[" DESCRIPTOR("text/html") "]}", "not a tar archive" },
	{ "{" CONFIG ",\"layers\":[" DESCRIPTOR("x.layer.v1.tar+gzip+encrypted") "]}", "encrypted" },
	{ "{\"config\":" DESCRIPTOR("application/vnd.cncf.helm.config.v1+json") ",\"layers\":[]}",
	  "no container image" },
};

START_TEST(a_manifest_that_is_none_says_why)
{
	struct buf text = text_of(bad_manifests[_i].text);
	struct image_manifest manifest;
	struct fault f = FAULT_INIT;

	ck_assert_int_lt(image_manifest_parse(&text, "it", &manifest, &f), 0);
	ck_assert_msg(strstr(f.text, bad_manifests[_i].message), "'%s' in '%s'",
		      bad_manifests[_i].message, f.text);
	buf_done(&text);
}
END_TEST

START_TEST(a_manifest_names_its_layers)
{
	struct buf text = text_of("{" CONFIG ",\"layers\":["
				  DESCRIPTOR("application/vnd.oci.image.layer.v1.tar+zstd") ","
				  DESCRIPTOR("application/vnd.docker.image.rootfs.diff.tar.gzip") "]}");
	struct image_manifest manifest;
	struct fault f = FAULT_INIT;

	ck_assert_msg(image_manifest_parse(&text, "it", &manifest, &f) == 0, "%s", f.text);
	ck_assert_uint_eq(manifest.count, 2);
	ck_assert_str_eq(manifest.items[1].digest.text, DIGEST64);
	ck_assert_int_eq(manifest.items[1].size_bytes, 5);
	image_manifest_done(&manifest);
	buf_done(&text);
}
END_TEST

START_TEST(more_layers_than_overlay_takes_are_refused)
{
	struct buf text = text_of("{" CONFIG ",\"layers\":[");
	struct image_manifest manifest;
	struct fault f = FAULT_INIT;

	for (int i = 0; i <= IMAGE_LAYERS_MAX; i++)
		buf_addf(&text, "%s%s", i ? "," : "", DESCRIPTOR("x.layer.tar"));
	buf_adds(&text, "]}");
	ck_assert_int_eq(image_manifest_parse(&text, "it", &manifest, &f), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(f.text, "501 layers"));
	buf_done(&text);
}
END_TEST

START_TEST(a_text_with_a_zero_or_without_an_end_is_refused)
{
	struct image_manifest manifest;
	struct fault f = FAULT_INIT;
	struct buf text = BUF_INIT;

	buf_add(&text, "{}\0{}", 5);
	ck_assert_int_lt(image_index_parse(&text, "it", &manifest, &f), 0);
	buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "[");
	ck_assert_int_lt(image_index_parse(&text, "it", &manifest, &f), 0);
	buf_done(&text);
}
END_TEST

START_TEST(a_config_says_how_to_run_the_image)
{
	struct buf text = text_of(
		"{\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"/e\"],\"Cmd\":null,"
		"\"Env\":[\"A=1\"],\"WorkingDir\":\"/w\",\"User\":\"\",\"Volumes\":{\"/v\":{}}},"
		"\"rootfs\":{\"diff_ids\":[\"" DIGEST64 "\"]}}");
	struct image_config config;
	struct fault f = FAULT_INIT;

	ck_assert_msg(image_config_parse(&text, "it", &config, &f) == 0, "%s", f.text);
	ck_assert_str_eq(config.entrypoint.items[0], "/e");
	ck_assert_uint_eq(config.cmd.count, 0);
	ck_assert_str_eq(config.env.items[0], "A=1");
	ck_assert_str_eq(config.workdir, "/w");
	ck_assert_ptr_null(config.user);	/* "" is how builders write "not given" */
	ck_assert_str_eq(config.volumes.items[0], "/v");
	ck_assert_uint_eq(config.diff_count, 1);
	image_config_done(&config);
	buf_done(&text);
}
END_TEST

static const char *const bad_configs[] = {
	"{}",
	"{\"rootfs\":{}}",
	"{\"rootfs\":{\"diff_ids\":[5]}}",
	"{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}",
	"{\"config\":{\"Cmd\":\"sh\"},\"rootfs\":{\"diff_ids\":[]}}",
	"{\"config\":{\"Env\":[1]},\"rootfs\":{\"diff_ids\":[]}}",
	"{\"config\":{\"Env\":[\"A\\u0000B\"]},\"rootfs\":{\"diff_ids\":[]}}",
};

START_TEST(a_config_that_is_none_is_refused)
{
	struct buf text = text_of(bad_configs[_i]);
	struct image_config config;
	struct fault f = FAULT_INIT;

	ck_assert_int_lt(image_config_parse(&text, "it", &config, &f), 0);
	ck_assert_str_ne(f.text, "");
	buf_done(&text);
}
END_TEST

/* --- the store ------------------------------------------------------------------------------ */

START_TEST(a_record_comes_back_as_it_was_written)
{
	struct image_layer layers[2] = { { { DIGEST64 }, { DIGEST64 }, 7 },
					 { { DIGEST64 }, { DIGEST64 }, INT64_MAX } };
	struct image_record record = { .name = (char[]){ "a/b:c" }, .id = { DIGEST64 },
				       .imported_s = 12, .layers = layers, .layer_count = 2 };
	struct image_record back;
	struct buf text = BUF_INIT;
	struct fault f = FAULT_INIT;
	char *file = record_file_name(record.name);

	ck_assert_int_eq(record_to_text(&record, &text), 0);
	ck_assert_msg(record_from_text(&text, "it", &back, &f) == 0, "%s", f.text);
	ck_assert_str_eq(back.name, "a/b:c");
	ck_assert_str_eq(back.id.text, DIGEST64);
	ck_assert(!digest_is_set(&back.manifest));
	ck_assert_int_eq(back.imported_s, 12);
	ck_assert_uint_eq(back.layer_count, 2);
	ck_assert(back.layers[1].size_bytes == INT64_MAX);
	ck_assert_str_eq(file, "a%2Fb:c");
	image_record_done(&back);
	buf_done(&text);
	free(file);
}
END_TEST

/* --- overlay's marks ------------------------------------------------------------------------- */

static const struct { const char *name, *stored; } escapes[] = {
	{ "user.x", "user.x" },
	{ "trusted.overlay.opaque", "trusted.overlay.overlay.opaque" },
	{ "trusted.overlay.overlay.x", "trusted.overlay.overlay.overlay.x" },
	{ "user.overlay.opaque", "user.overlay.opaque" },	/* not this union's */
	{ "trusted.overlayfs", "trusted.overlayfs" },
};

START_TEST(a_mark_inside_an_image_is_data)
{
	char stored[256], buffer[256];

	ck_assert_int_eq(overlay_escape(escapes[_i].name, "trusted.overlay.", stored), 0);
	ck_assert_str_eq(stored, escapes[_i].stored);
	ck_assert_str_eq(overlay_unescape(stored, "trusted.overlay.", buffer), escapes[_i].name);
}
END_TEST

START_TEST(a_mark_of_overlays_own_is_no_data)
{
	char buffer[256];

	ck_assert_ptr_null(overlay_unescape("trusted.overlay.origin", "trusted.overlay.", buffer));
}
END_TEST

UNIT_MAIN("image",
	tcase_add_loop_test(tc, a_digest_is_safe_as_a_file_name, 0, COUNT(digests));
	tcase_add_test(tc, a_digest_is_a_path_below_blobs);
	tcase_add_loop_test(tc, a_name_is_safe_as_a_file_name, 0, COUNT(names));
	tcase_add_loop_test(tc, a_name_without_a_tag_means_the_latest, 0, COUNT(completed));
	tcase_add_loop_test(tc, a_manifest_that_is_none_says_why, 0, COUNT(bad_manifests));
	tcase_add_test(tc, a_manifest_names_its_layers);
	tcase_add_test(tc, more_layers_than_overlay_takes_are_refused);
	tcase_add_test(tc, a_text_with_a_zero_or_without_an_end_is_refused);
	tcase_add_test(tc, a_config_says_how_to_run_the_image);
	tcase_add_loop_test(tc, a_config_that_is_none_is_refused, 0, COUNT(bad_configs));
	tcase_add_test(tc, a_record_comes_back_as_it_was_written);
	tcase_add_loop_test(tc, a_mark_inside_an_image_is_data, 0, COUNT(escapes));
	tcase_add_test(tc, a_mark_of_overlays_own_is_no_data);)
