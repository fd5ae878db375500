/* SPDX-License-Identifier: Apache-2.0 */
/* What the overlay keeps in attributes: origin, redirect, metacopy, escapes. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tests/unit/disk.h"
#include "tests/unit/unit.h"
#include "unionfs/metacopy.h"
#include "unionfs/origin.h"
#include "unionfs/redirect.h"

/* A file that kernel overlay copies up, on each filesystem that is there. */
static bool kernel_copies_up(const struct disk *d)
{
	disk_run("echo x >%s/lower/f; mkdir %s/kupper %s/kwork %s/m", d->path, d->path,
		 d->path, d->path);
	if (disk_try("mount -t overlay overlay -o lowerdir=%s/lower,upperdir=%s/kupper,workdir=%s/kwork %s/m 2>/dev/null",
		     d->path, d->path, d->path, d->path) != 0) {
		fprintf(stderr, "no kernel overlay on this filesystem: case left out\n");
		return false;
	}
	disk_run("touch %s/m/f && umount %s/m", d->path, d->path);
	return true;
}

START_TEST(an_origin_has_the_bytes_that_the_kernel_writes)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	struct origin ours, theirs;
	uint64_t ino;
	struct stat st;
	int fd;

	if (kernel_copies_up(&d)) {
		ck_assert_int_eq(origin_of(d.lower, layer_root_fd(d.lower), "f", &ours), 0);
		ck_assert_int_eq(origin_read(OVERLAY_TRUSTED, d.fd, "kupper", &theirs), 0);
		fd = openat(d.fd, "kupper", O_RDONLY | O_DIRECTORY);
		ck_assert_int_eq(origin_read(OVERLAY_TRUSTED, fd, "f", &theirs), 0);
		close(fd);
		ck_assert_uint_gt(theirs.length, 0);
		ck_assert_uint_eq(ours.length, theirs.length);
		ck_assert_mem_eq(ours.bytes, theirs.bytes, ours.length);

		ck_assert(origin_is_of(&theirs, d.lower));
		ck_assert_int_eq(fstatat(layer_root_fd(d.lower), "f", &st, 0), 0);
		ck_assert(origin_ino(&theirs, &ino));
		ck_assert_uint_eq(ino, st.st_ino);
		fd = origin_open(d.lower, &theirs);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_uint_eq(ino, st.st_ino);
		close(fd);
	}
	disk_close(&d);
}
END_TEST

#define BYTES(...)                                                             \
	(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define NO_UUID 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

static const struct { const uint8_t *bytes; size_t length; bool usable; } origins[] = {
	{ BYTES(0, 0xfb, 29, 0, 1, NO_UUID, 1, 2, 3, 4, 5, 6, 7, 8), true },
	{ BYTES(0, 0xfb, 29, 2, 1, NO_UUID, 1, 2, 3, 4, 5, 6, 7, 8), true },	/* any endian */
	{ BYTES(0, 0xfb, 29, 4, 1, NO_UUID, 1, 2, 3, 4, 5, 6, 7, 8), true },	/* of an upper */
	{ BYTES(1, 0xfb, 29, 0, 1, NO_UUID, 1, 2, 3, 4, 5, 6, 7, 8), false },	/* newer version */
	{ BYTES(0, 0xfa, 29, 0, 1, NO_UUID, 1, 2, 3, 4, 5, 6, 7, 8), false },	/* not a record */
	{ BYTES(0, 0xfb, 28, 0, 1, NO_UUID, 1, 2, 3, 4, 5, 6, 7, 8), false },	/* length lies */
	{ BYTES(0, 0xfb, 29, 8, 1, NO_UUID, 1, 2, 3, 4, 5, 6, 7, 8), false },	/* unknown flag */
	{ BYTES(0, 0xfb, 29, 1, 1, NO_UUID, 1, 2, 3, 4, 5, 6, 7, 8),
	  __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ },
	{ BYTES(0, 0xfb, 21, 0, 1, NO_UUID), false },	/* no handle */
	{ BYTES(0), false },
	{ NULL, 0, false },
};

START_TEST(an_origin_that_cannot_be_understood_is_unknown)
{
	struct origin o = { .length = 99 };

	ck_assert(origin_parse(origins[_i].bytes, origins[_i].length, &o) ==
		  origins[_i].usable);
	ck_assert_uint_eq(o.length, origins[_i].usable ? origins[_i].length : 0);
}
END_TEST

static const struct { const char *value; size_t length; bool valid; } redirects[] = {
	{ "d", 1, true },
	{ "/d", 2, true },
	{ "/a/b/c", 6, true },
	{ "a b\n\xff", 5, true },	/* any bytes but NUL and slash */
	{ "...", 3, true },
	{ ".a", 2, true },
	{ "", 0, false },
	{ "/", 1, false },
	{ ".", 1, false },
	{ "..", 2, false },
	{ "/..", 3, false },
	{ "/a/../b", 7, false },
	{ "/a/..", 5, false },
	{ "/./a", 4, false },
	{ "/a/.", 4, false },
	{ "//a", 3, false },
	{ "/a//b", 5, false },
	{ "/a/", 3, false },
	{ "a/b", 3, false },		/* relative, with more than a name */
	{ "a/", 2, false },
	{ "../a", 4, false },
	{ "a\0b", 3, false },
	{ "/a\0", 3, false },
};

START_TEST(a_redirect_cannot_lead_out_of_its_layer)
{
	ck_assert(redirect_is_valid(redirects[_i].value, redirects[_i].length) ==
		  redirects[_i].valid);
}
END_TEST

START_TEST(a_component_is_no_longer_than_a_name_can_be)
{
	char path[600] = "/";

	memset(path + 1, 'x', 255);
	ck_assert(redirect_is_valid(path, 256));
	path[256] = 'x';
	ck_assert(!redirect_is_valid(path, 257));
	path[256] = '/';
	memset(path + 257, 'y', 256);
	ck_assert(redirect_is_valid(path, 257 + 255));
	ck_assert(!redirect_is_valid(path, 257 + 256));
}
END_TEST

START_TEST(a_redirect_is_read_as_it_was_written)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	char value[REDIRECT_MAX];

	ck_assert_int_eq(redirect_read(OVERLAY_TRUSTED, d.fd, "upper", value), 0);
	ck_assert_int_eq(redirect_write(OVERLAY_TRUSTED, d.fd, "upper", "/a/b"), 0);
	ck_assert_int_eq(redirect_read(OVERLAY_TRUSTED, d.fd, "upper", value), 4);
	ck_assert_str_eq(value, "/a/b");
	ck_assert_int_eq(redirect_write(OVERLAY_TRUSTED, d.fd, "upper", "/a/.."), -EINVAL);
	ck_assert_int_eq(overlay_xattr_set(OVERLAY_TRUSTED, d.fd, "upper", OVERLAY_REDIRECT,
					   "../x", 4), 0);
	ck_assert_int_eq(redirect_read(OVERLAY_TRUSTED, d.fd, "upper", value), -EINVAL);
	disk_close(&d);
}
END_TEST

static const struct { const uint8_t *bytes; size_t length; int expect; unsigned digest; } metacopies[] = {
	{ NULL, 0, 1, 0 },			/* as written without digest */
	{ BYTES(0), -EIO, 0 },
	{ BYTES(0, 2), -EIO, 0 },
	{ BYTES(0, 3, 0), -EIO, 0 },		/* shorter than the header */
	{ BYTES(0, 4, 0, 0), 1, 0 },
	{ BYTES(0, 6, 0, 1, 0xaa, 0xbb), 1, 2 },
	{ BYTES(1, 4, 0, 0), -EIO, 0 },		/* newer version */
	{ BYTES(0, 5, 0, 0), -EIO, 0 },		/* length lies */
	{ BYTES(0, 4, 0, 1, 0xaa), -EIO, 0 },
	{ BYTES(0, 4, 1, 0), -EIO, 0 },		/* unknown flag */
};

START_TEST(a_metacopy_mark_is_understood_or_an_error)
{
	struct metacopy m;
	int r = metacopy_parse(metacopies[_i].bytes, metacopies[_i].length, &m);

	ck_assert_int_eq(r, metacopies[_i].expect);
	if (r > 0)
		ck_assert_uint_eq(m.digest_length, metacopies[_i].digest);
}
END_TEST

START_TEST(a_metacopy_mark_is_read_as_it_was_written)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct metacopy m = { 1, 32, { 1, 2, 3 } };
	struct metacopy back;

	disk_run("touch %s/f", d.path);
	ck_assert_int_eq(metacopy_read(OVERLAY_TRUSTED, d.fd, "f", &back), 0);
	ck_assert_int_eq(metacopy_write(OVERLAY_TRUSTED, d.fd, "f", NULL), 0);
	ck_assert_int_eq(metacopy_read(OVERLAY_TRUSTED, d.fd, "f", &back), 1);
	ck_assert_uint_eq(back.digest_length, 0);
	ck_assert_int_eq(metacopy_write(OVERLAY_TRUSTED, d.fd, "f", &m), 0);
	ck_assert_int_eq(metacopy_read(OVERLAY_TRUSTED, d.fd, "f", &back), 1);
	ck_assert_mem_eq(&m, &back, sizeof(m));
	disk_close(&d);
}
END_TEST

START_TEST(a_promised_digest_that_is_not_there_is_an_error)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct metacopy without = { 0 };
	struct metacopy with = { 1, 32, { 1 } };
	int fd;

	disk_run("echo data >%s/f", d.path);
	fd = openat(d.fd, "f", O_RDONLY);
	ck_assert_int_eq(metacopy_verify(&without, fd, false), 0);
	ck_assert_int_eq(metacopy_verify(&without, fd, true), -EIO);
	ck_assert_int_eq(metacopy_verify(&with, fd, false), -EIO);
	close(fd);
	disk_close(&d);
}
END_TEST

static const struct { enum overlay_ns ns; const char *client, *disk; } names[] = {
	{ OVERLAY_TRUSTED, "user.x", "user.x" },
	{ OVERLAY_TRUSTED, "trusted.x", "trusted.x" },
	{ OVERLAY_TRUSTED, "trusted.overlay.opaque", "trusted.overlay.overlay.opaque" },
	{ OVERLAY_TRUSTED, "trusted.overlay.overlay.opaque", "trusted.overlay.overlay.overlay.opaque" },
	{ OVERLAY_TRUSTED, "user.overlay.opaque", "user.overlay.opaque" },	/* not the active one */
	{ OVERLAY_USER, "user.overlay.opaque", "user.overlay.overlay.opaque" },
	{ OVERLAY_USER, "trusted.overlay.opaque", "trusted.overlay.opaque" },
};

START_TEST(a_client_gets_back_the_attribute_it_set)
{
	char disk[OVERLAY_ATTR_SIZE], client[OVERLAY_ATTR_SIZE];

	ck_assert_int_eq(overlay_xattr_to_disk(names[_i].ns, names[_i].client, disk), 0);
	ck_assert_str_eq(disk, names[_i].disk);
	ck_assert(!overlay_xattr_is_private(names[_i].ns, disk));
	ck_assert_str_eq(overlay_xattr_to_client(names[_i].ns, disk, client),
			 names[_i].client);
}
END_TEST

START_TEST(the_overlays_own_attributes_are_hidden)
{
	char client[OVERLAY_ATTR_SIZE];

	ck_assert(overlay_xattr_is_private(OVERLAY_TRUSTED, "trusted.overlay.origin"));
	ck_assert(overlay_xattr_is_private(OVERLAY_TRUSTED, "trusted.overlay.anything"));
	ck_assert_ptr_null(overlay_xattr_to_client(OVERLAY_TRUSTED, "trusted.overlay.origin",
						   client));
	ck_assert(!overlay_xattr_is_private(OVERLAY_TRUSTED, "user.overlay.origin"));
	ck_assert(!overlay_xattr_is_private(OVERLAY_TRUSTED, "trusted.overlayfs"));
}
END_TEST

START_TEST(an_escaped_name_that_no_longer_fits_is_refused)
{
	char client[OVERLAY_ATTR_SIZE] = "trusted.overlay.";
	char disk[OVERLAY_ATTR_SIZE];

	memset(client + 16, 'x', 255 - 16 - 8);
	ck_assert_int_eq(overlay_xattr_to_disk(OVERLAY_TRUSTED, client, disk), 0);
	ck_assert_uint_eq(strlen(disk), 255);
	client[255 - 8] = 'x';
	ck_assert_int_eq(overlay_xattr_to_disk(OVERLAY_TRUSTED, client, disk), -EOPNOTSUPP);
}
END_TEST

/* With the name in the call, with the descriptor alone, and through O_PATH. */
START_TEST(attributes_of_links_are_their_own)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	char list[256];
	char value[8];
	int fd;

	disk_run("touch %s/target && ln -s target %s/link", d.path, d.path);
	ck_assert_int_eq(xattr_set_at(d.fd, "link", "trusted.t", "link", 4, 0), 0);
	ck_assert_int_eq(xattr_get_at(d.fd, "link", "trusted.t", value, 8), 4);
	ck_assert_int_eq(xattr_get_at(d.fd, "target", "trusted.t", value, 8), -ENODATA);

	fd = openat(d.fd, "link", O_PATH | O_NOFOLLOW);
	ck_assert_int_eq(xattr_get_at(fd, "", "trusted.t", value, 8), 4);
	ck_assert_int_eq(xattr_list_at(fd, "", list, sizeof(list)), 10);
	ck_assert_str_eq(list, "trusted.t");
	ck_assert_int_eq(xattr_remove_at(fd, "", "trusted.t"), 0);
	ck_assert_int_eq(xattr_list_at(d.fd, "link", list, sizeof(list)), 0);
	ck_assert_int_eq(xattr_remove_at(d.fd, "link", "trusted.t"), -ENODATA);
	close(fd);
	disk_close(&d);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

UNIT_MAIN("records",
	disk_begin("tmpfs ext4 xfs btrfs");
	tcase_add_loop_test(tc, an_origin_has_the_bytes_that_the_kernel_writes, 0,
			    disk_fs_count);
	tcase_add_loop_test(tc, an_origin_that_cannot_be_understood_is_unknown, 0,
			    COUNT(origins));
	tcase_add_loop_test(tc, a_redirect_cannot_lead_out_of_its_layer, 0,
			    COUNT(redirects));
	tcase_add_test(tc, a_component_is_no_longer_than_a_name_can_be);
	tcase_add_test(tc, a_redirect_is_read_as_it_was_written);
	tcase_add_loop_test(tc, a_metacopy_mark_is_understood_or_an_error, 0,
			    COUNT(metacopies));
	tcase_add_test(tc, a_metacopy_mark_is_read_as_it_was_written);
	tcase_add_test(tc, a_promised_digest_that_is_not_there_is_an_error);
	tcase_add_loop_test(tc, a_client_gets_back_the_attribute_it_set, 0, COUNT(names));
	tcase_add_test(tc, the_overlays_own_attributes_are_hidden);
	tcase_add_test(tc, an_escaped_name_that_no_longer_fits_is_refused);
	tcase_add_test(tc, attributes_of_links_are_their_own);)
