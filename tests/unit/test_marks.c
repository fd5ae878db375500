/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/marks.h"

#include <errno.h>
#include <fcntl.h>

#include "tests/unit/disk.h"
#include "tests/unit/unit.h"
#include "unionfs/dirlist.h"

#define NS OVERLAY_TRUSTED

static struct statx stat_of(int dir_fd, const char *name)
{
	struct statx stx = { 0 };

	ck_assert_int_eq(statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx), 0);
	return stx;
}

static bool is_there(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

START_TEST(whiteouts_are_links_to_one_inode)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);
	struct statx a, b;

	ck_assert_int_eq(whiteout_make(d.work, up, "a"), 0);
	ck_assert_int_eq(whiteout_make(d.work, up, "b"), 0);
	a = stat_of(up, "a");
	b = stat_of(up, "b");
	ck_assert(is_whiteout_device(&a));
	ck_assert_uint_eq(a.stx_ino, b.stx_ino);
	ck_assert_uint_eq(a.stx_mode & 07777, 0);
	ck_assert_int_eq(whiteout_make(d.work, up, "a"), -EEXIST);
	disk_close(&d);
}
END_TEST

START_TEST(at_the_link_limit_there_is_another_inode)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);
	char name[16];

	workdir_set_link_limit(d.work, 3);
	for (int i = 0; i < 10; i++) {
		struct statx stx;

		snprintf(name, sizeof(name), "w%d", i);
		ck_assert_int_eq(whiteout_make(d.work, up, name), 0);
		stx = stat_of(up, name);
		ck_assert(is_whiteout_device(&stx));
		ck_assert_uint_le(stx.stx_nlink, 3);
	}
	disk_close(&d);
}
END_TEST

START_TEST(a_cleaned_work_directory_costs_no_whiteout)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);

	ck_assert_int_eq(whiteout_make(d.work, up, "a"), 0);
	disk_run("rm -f %s/work/work/*", d.path);
	ck_assert_int_eq(whiteout_make(d.work, up, "b"), 0);
	disk_close(&d);
}
END_TEST

START_TEST(a_whiteout_takes_the_place_of_anything)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);
	static const char *const names[] = { "file", "link", "dir", "fifo" };

	disk_run("cd %s/upper && echo x >file && ln -s file link && mkfifo fifo && mkdir -p dir/a/b && touch dir/a/f && mknod dir/w c 0 0",
		 d.path);
	for (size_t i = 0; i < 4; i++) {
		struct statx stx;

		ck_assert_int_eq(whiteout_replace(d.work, up, names[i], i == 2), 0);
		stx = stat_of(up, names[i]);
		ck_assert(is_whiteout_device(&stx));
	}
	ck_assert_int_eq(disk_leftovers(&d), 0);
	ck_assert_int_eq(whiteout_replace(d.work, up, "nothing", true), -ENOENT);

	ck_assert_int_eq(whiteout_clear(d.work, up, "dir"), 0);
	ck_assert(!is_there(up, "dir"));
	ck_assert_int_eq(whiteout_clear(d.work, up, "dir"), 0);
	disk_close(&d);
}
END_TEST

START_TEST(marks_may_be_files)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ .aufs_whiteouts = true });
	int up = layer_root_fd(d.upper);

	disk_run("mkdir -p %s/upper/dir/sub", d.path);
	ck_assert_int_eq(whiteout_make(d.work, up, "a"), 0);
	ck_assert(is_there(up, ".wh.a"));
	ck_assert_int_eq(aufs_hides(NS, up, "a"), 1);
	ck_assert_int_eq(aufs_hides(NS, up, "b"), 0);

	ck_assert_int_eq(whiteout_replace(d.work, up, "dir", true), 0);
	ck_assert(is_there(up, ".wh.dir"));
	ck_assert(!is_there(up, "dir"));
	ck_assert_int_eq(disk_leftovers(&d), 0);

	ck_assert_int_eq(whiteout_clear(d.work, up, "dir"), 0);
	ck_assert(!is_there(up, ".wh.dir"));
	disk_close(&d);
}
END_TEST

static const struct { const char *value; enum opacity expect; } opacities[] = {
	{ "y", OPACITY_OPAQUE },
	{ "x", OPACITY_XATTR_WHITEOUTS },
	{ "", OPACITY_NONE },
	{ "n", OPACITY_NONE },
	{ "yes", OPACITY_NONE },	/* only the one byte counts */
};

START_TEST(opaque_has_two_values_that_count)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	enum opacity o = 99;

	ck_assert_int_eq(opacity_of(NS, d.fd, "lower", &o), 0);
	ck_assert_int_eq(o, OPACITY_NONE);
	ck_assert_int_eq(overlay_xattr_set(NS, d.fd, "lower", OVERLAY_OPAQUE,
					   opacities[_i].value, strlen(opacities[_i].value)), 0);
	ck_assert_int_eq(opacity_of(NS, d.fd, "lower", &o), 0);
	ck_assert_int_eq(o, opacities[_i].expect);
	disk_close(&d);
}
END_TEST

/* What a directory with every kind of mark looks like, by the layer's reading. */
struct seen {
	char entries[512];
	char whiteouts[512];
};

static int collect(void *arg, enum dirlist_kind kind, const char *name,
		   unsigned char d_type, uint64_t ino)
{
	struct seen *s = arg;
	char *list = kind == DIRLIST_WHITEOUT ? s->whiteouts : s->entries;

	ck_assert_uint_ne(ino, 0);
	ck_assert_uint_ne(d_type, 0);
	strcat(list, " ");
	strcat(list, name);
	strcat(list, " ");
	return 0;
}

static struct seen list(const struct disk *d, bool aufs, bool opacity_x, bool *opaque)
{
	struct layer_traits traits = *layer_traits(d->lower);
	struct seen s = { "", "" };

	traits.has_aufs_marks = aufs;
	layer_set_traits(d->lower, &traits);
	ck_assert_int_eq(dirlist_read(d->lower, NS, layer_root_fd(d->lower), opacity_x,
				      collect, &s, opaque), 0);
	return s;
}

static void fill(const struct disk *d)
{
	disk_run("cd %s/lower && touch file xattrwh plainempty .wh.gone .wh..wh..opq .wh..wh.aufs .wh. .wh... .wh.literal"
		 " && echo text >.wh.text && mkdir .wh.dir .wh..wh.dir dir .wh..wh.plnk && mknod dev c 0 0 && mknod null c 1 3 && ln -s x link && mkfifo .wh.fifo"
		 " && setfattr -n trusted.overlay.whiteout -v y xattrwh",
		 d->path);
	disk_run("setfattr -n trusted.overlay.literal -v y %s/lower/.wh.literal", d->path);
}

#define CK_HAS(list, name)	ck_assert_ptr_nonnull(strstr((list), " " name " "))
#define CK_HAS_NOT(list, name)	ck_assert_ptr_null(strstr((list), " " name " "))

START_TEST(a_layer_without_file_marks_lists_their_names)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	bool opaque = true;
	struct seen s;

	fill(&d);
	s = list(&d, false, false, &opaque);
	ck_assert(!opaque);
	CK_HAS(s.whiteouts, "dev");
	CK_HAS(s.entries, ".wh.gone");
	CK_HAS(s.entries, ".wh..wh..opq");
	CK_HAS(s.entries, "xattrwh");	/* the directory is not marked "x" */
	CK_HAS(s.entries, "null");	/* a device, but not 0:0 */
	CK_HAS_NOT(s.entries, "dev");
	CK_HAS_NOT(s.entries, "..");

	s = list(&d, false, true, &opaque);
	CK_HAS(s.whiteouts, "xattrwh");
	CK_HAS_NOT(s.entries, "xattrwh");
	CK_HAS(s.entries, "plainempty");
	disk_close(&d);
}
END_TEST

START_TEST(a_layer_with_file_marks_hides_them_and_what_they_name)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	bool opaque = false;
	struct seen s;

	fill(&d);
	s = list(&d, true, false, &opaque);
	ck_assert(opaque);
	CK_HAS(s.whiteouts, "gone");
	CK_HAS(s.whiteouts, "dev");
	CK_HAS_NOT(s.entries, ".wh.gone");
	CK_HAS_NOT(s.entries, ".wh..wh..opq");
	CK_HAS_NOT(s.entries, ".wh..wh.aufs");
	CK_HAS_NOT(s.entries, ".wh..wh.plnk");
	/* Not empty regular files, or said to be none: names like others. */
	CK_HAS(s.entries, ".wh.text");
	CK_HAS(s.entries, ".wh.dir");
	CK_HAS(s.entries, ".wh..wh.dir");
	CK_HAS(s.entries, ".wh.fifo");
	CK_HAS(s.entries, ".wh.literal");
	CK_HAS_NOT(s.whiteouts, "literal");
	/* Hides nothing, or the directory's parent: no marks at all. */
	CK_HAS(s.entries, ".wh.");
	CK_HAS(s.entries, ".wh...");
	CK_HAS_NOT(s.whiteouts, "..");
	disk_close(&d);
}
END_TEST

static int stop_at_once(void *arg, enum dirlist_kind kind, const char *name,
			unsigned char d_type, uint64_t ino)
{
	return -ENOENT;
}

START_TEST(whoever_lists_may_stop)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });

	disk_run("touch %s/lower/a", d.path);
	ck_assert_int_eq(dirlist_read(d.lower, NS, layer_root_fd(d.lower), false,
				      stop_at_once, NULL, NULL), -ENOENT);
	disk_close(&d);
}
END_TEST

START_TEST(a_name_that_looks_like_a_mark_can_be_kept_as_one)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);

	disk_run("cd %s/upper && touch .wh.x plain && ln -s a .wh.link", d.path);
	ck_assert_int_eq(aufs_is_mark(NS, up, ".wh.x", NULL), 1);
	ck_assert_int_eq(aufs_set_literal(NS, up, ".wh.x"), 0);
	ck_assert_int_eq(aufs_set_literal(NS, up, ".wh.x"), 0);
	ck_assert_int_eq(aufs_is_mark(NS, up, ".wh.x", NULL), 0);
	ck_assert_int_eq(aufs_set_literal(NS, up, "plain"), 0);
	ck_assert_int_eq(aufs_set_literal(OVERLAY_USER, up, ".wh.link"), 0);
	disk_close(&d);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

UNIT_MAIN("marks",
	disk_begin("tmpfs ext4");
	tcase_add_loop_test(tc, whiteouts_are_links_to_one_inode, 0, disk_fs_count);
	tcase_add_test(tc, at_the_link_limit_there_is_another_inode);
	tcase_add_test(tc, a_cleaned_work_directory_costs_no_whiteout);
	tcase_add_loop_test(tc, a_whiteout_takes_the_place_of_anything, 0, disk_fs_count);
	tcase_add_test(tc, marks_may_be_files);
	tcase_add_loop_test(tc, opaque_has_two_values_that_count, 0, COUNT(opacities));
	tcase_add_loop_test(tc, a_layer_without_file_marks_lists_their_names, 0,
			    disk_fs_count);
	tcase_add_loop_test(tc, a_layer_with_file_marks_hides_them_and_what_they_name, 0,
			    disk_fs_count);
	tcase_add_test(tc, whoever_lists_may_stop);
	tcase_add_test(tc, a_name_that_looks_like_a_mark_can_be_kept_as_one);)
