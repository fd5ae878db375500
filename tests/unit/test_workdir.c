/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/workdir.h"

#include <errno.h>
#include <fcntl.h>

#include "tests/unit/disk.h"
#include "tests/unit/unit.h"
#include "unionfs/layers.h"
#include "unionfs/remove_tree.h"

/* An upper layer and a work directory, opened again: what does that say? */
static int open_again(struct disk *d, struct workdir_options options)
{
	char path[128];
	struct layer *upper;
	struct workdir *work;
	int r;

	snprintf(path, sizeof(path), "%s/upper", d->path);
	ck_assert_int_eq(layer_open(path, LAYER_UPPER, &upper), 0);
	snprintf(path, sizeof(path), "%s/work", d->path);
	r = workdir_open(path, upper, NULL, &options, &work);
	if (r == 0)
		workdir_close(work);
	layer_close(upper);
	return r;
}

START_TEST(two_unions_do_not_write_in_one_place)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });

	ck_assert_int_eq(open_again(&d, (struct workdir_options){ 0 }), -EBUSY);
	d.work = workdir_close(d.work);
	ck_assert_int_eq(open_again(&d, (struct workdir_options){ 0 }), 0);
	disk_close(&d);
}
END_TEST

START_TEST(leftovers_of_an_earlier_mount_are_removed)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });

	d.work = workdir_close(d.work);
	disk_run("cd %s/work/work && mkdir -p '#1/a/b' && touch '#1/a/b/c' '#2' && ln -s / '#3' && mknod '#4' c 0 0 && mkdir -m 000 '#5' && touch ../precious && ln -s ../precious '#6'",
		 d.path);
	ck_assert_int_eq(open_again(&d, (struct workdir_options){ 0 }), 0);
	ck_assert_int_eq(disk_leftovers(&d), 0);
	disk_run("test -f %s/work/precious && test $(stat -c %%a %s/work/work) = 0", d.path, d.path);
	disk_close(&d);
}
END_TEST

START_TEST(a_volatile_mount_leaves_a_mark_that_forbids_the_next)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ .is_volatile = true });

	/* Not before it serves. */
	disk_run("test -z \"$(find %s -name incompat)\"", d.path);
	ck_assert_int_eq(workdir_mark_volatile(d.work), 0);
	d.work = workdir_close(d.work);
	disk_run("test -f %s/work/work/incompat/volatile/dirty", d.path);
	ck_assert_int_eq(open_again(&d, (struct workdir_options){ 0 }), -ENOTRECOVERABLE);
	/* What an engine does that knows the upper is good. */
	disk_run("rm -r %s/work/work/incompat/volatile", d.path);
	ck_assert_int_eq(open_again(&d, (struct workdir_options){ 0 }), 0);
	disk_close(&d);
}
END_TEST

START_TEST(an_unknown_feature_forbids_use)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });

	d.work = workdir_close(d.work);
	disk_run("mkdir -p %s/work/work/incompat/teleport", d.path);
	ck_assert_int_eq(open_again(&d, (struct workdir_options){ 0 }), -ENOTRECOVERABLE);
	disk_run("test -d %s/work/work/incompat/teleport", d.path);
	disk_close(&d);
}
END_TEST

START_TEST(the_index_is_made_on_request_and_kept)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ .index = true });

	ck_assert_int_ge(workdir_index_fd(d.work), 0);
	disk_run("test $(stat -c %%a %s/work/index) = 0 && touch %s/work/index/00fb", d.path, d.path);
	d.work = workdir_close(d.work);
	ck_assert_int_eq(open_again(&d, (struct workdir_options){ .index = true }), 0);
	disk_run("test -f %s/work/index/00fb", d.path);
	disk_close(&d);
}
END_TEST

START_TEST(what_the_upper_can_do_is_found_out)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	const struct layer_traits *t = layer_traits(d.upper);

	ck_assert(t->has_whiteout_dev && t->has_rename_whiteout && t->has_tmpfile);
	ck_assert(t->has_xattrs && t->has_d_type && t->has_handles && t->has_ino_handles);
	ck_assert_int_eq(disk_leftovers(&d), 0);
	disk_close(&d);
}
END_TEST

START_TEST(temporary_names_do_not_repeat)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	char a[TEMP_NAME_SIZE], b[TEMP_NAME_SIZE];

	workdir_temp_name(d.work, a);
	workdir_temp_name(d.work, b);
	ck_assert_int_eq(a[0], '#');
	ck_assert_str_ne(a, b);
	disk_close(&d);
}
END_TEST

/* Deeper than a path can be long, wider than a buffer, with doors shut. */
START_TEST(a_tree_of_any_shape_is_removed)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int fd = openat(d.fd, "lower", O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(mkdirat(fd, "tree", 0700), 0);
	fd = openat(fd, "tree", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 3000; i++) {
		int below;

		ck_assert_int_eq(mkdirat(fd, "d", 0700), 0);
		ck_assert_int_eq(mknodat(fd, "f", S_IFREG | 0600, 0), 0);
		below = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = below;
	}
	close(fd);
	disk_run("cd %s/lower/tree && mkdir wide && seq 5000 | sed s,^,wide/, | xargs touch && chmod 000 wide", d.path);

	fd = openat(d.fd, "lower", O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(remove_tree(fd, "tree"), 0);
	ck_assert_int_eq(remove_tree(fd, "tree"), 0);
	disk_run("test -z \"$(ls -A %s/lower)\"", d.path);
	close(fd);
	disk_close(&d);
}
END_TEST

START_TEST(a_mount_inside_a_tree_is_left_alone)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int fd = openat(d.fd, "lower", O_RDONLY | O_DIRECTORY);

	disk_run("cd %s/lower && mkdir -p tree/mnt tree/other && mount -t tmpfs x tree/mnt && touch tree/mnt/precious",
		 d.path);
	ck_assert_int_eq(remove_tree(fd, "tree"), -EBUSY);
	disk_run("cd %s/lower && test -f tree/mnt/precious && test ! -e tree/other && umount tree/mnt", d.path);
	ck_assert_int_eq(remove_tree(fd, "tree"), 0);
	close(fd);
	disk_close(&d);
}
END_TEST

/* Mistakes in naming the layers. %s is the directory with lower, upper and work. */
static const struct {
	const char *prepare, *lowerdir, *upperdir, *workdir;
	int expect;
	const char *says;
} mistakes[] = {
	{ "true", "none", "upper", "work", -ENOENT, "lowerdir" },
	{ "touch file", "file", "upper", "work", -ENOTDIR, "not a directory" },
	{ "true", "lower", "none", "work", -ENOENT, "upperdir" },
	{ "true", "lower", "upper", "none", -ENOENT, "workdir" },
	{ "true", "lower", "lower", "work", -ELOOP, "same as or inside" },
	{ "mkdir lower/up", "lower", "lower/up", "work", -ELOOP, "same as or inside" },
	{ "mkdir upper/low", "upper/low", "upper", "work", -ELOOP, "is inside upperdir" },
	{ "mkdir lower/work", "lower", "upper", "lower/work", -ELOOP, "workdir" },
	{ "mkdir upper/work", "lower", "upper", "upper/work", -EINVAL, "one inside the other" },
	{ "mkdir work/up", "lower", "work/up", "work", -EINVAL, "one inside the other" },
	{ "true", "lower", "upper", "upper", -EINVAL, "one inside the other" },
	{ "mkdir far && mount -t tmpfs x far", "lower", "upper", "far", -EXDEV, "different filesystems" },
	{ "mkdir far && mount --bind work far", "lower", "upper", "far", -EXDEV, "different filesystems" },
	{ "mkdir -p work/work/incompat/volatile", "lower", "upper", "work", -ENOTRECOVERABLE, "volatile" },
};

static struct options options_for(const struct disk *d, const char *lower,
				  const char *upper, const char *work)
{
	char text[512];
	char option[] = "-o", mountpoint[] = "/m";
	char *words[] = { option, text, mountpoint };
	struct opt_error e = { "" };
	struct options o;

	snprintf(text, sizeof(text), "lowerdir=%s/%s,upperdir=%s/%s,workdir=%s/%s",
		 d->path, lower, d->path, upper, d->path, work);
	options_init(&o);
	ck_assert_int_eq(options_parse(&o, 3, words, NULL, &e), 0);
	return o;
}

START_TEST(layers_that_do_not_fit_are_refused_with_the_way_out)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct opt_error e = { "" };
	struct layers layers;
	struct options o;

	d.work = workdir_close(d.work);
	disk_run("cd %s && %s", d.path, mistakes[_i].prepare);
	o = options_for(&d, mistakes[_i].lowerdir, mistakes[_i].upperdir, mistakes[_i].workdir);
	ck_assert_int_eq(layers_open(&o, &layers, &e), mistakes[_i].expect);
	ck_assert_msg(strstr(e.text, mistakes[_i].says), "%s", e.text);
	ck_assert_ptr_nonnull(strchr(e.text, '\n'));
	options_done(&o);
	disk_try("umount %s/far 2>/dev/null", d.path);
	disk_close(&d);
}
END_TEST

START_TEST(a_read_only_upper_joins_the_lower_layers)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct opt_error e = { "" };
	struct layers layers;
	struct options o;

	d.work = workdir_close(d.work);
	disk_run("mount --bind %s %s && mount -o remount,bind,ro %s", d.path, d.path, d.path);
	o = options_for(&d, "lower", "upper", "work");
	ck_assert_msg(layers_open(&o, &layers, &e) == 0, "%s", e.text);
	ck_assert_ptr_null(layers.upper);
	ck_assert_uint_eq(layers.lower_count, 2);
	layers_close(&layers);
	options_done(&o);
	disk_run("umount %s", d.path);
	disk_close(&d);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

UNIT_MAIN("workdir",
	disk_begin("tmpfs ext4");
	tcase_add_loop_test(tc, two_unions_do_not_write_in_one_place, 0, disk_fs_count);
	tcase_add_loop_test(tc, leftovers_of_an_earlier_mount_are_removed, 0, disk_fs_count);
	tcase_add_test(tc, a_volatile_mount_leaves_a_mark_that_forbids_the_next);
	tcase_add_test(tc, an_unknown_feature_forbids_use);
	tcase_add_test(tc, the_index_is_made_on_request_and_kept);
	tcase_add_loop_test(tc, what_the_upper_can_do_is_found_out, 0, disk_fs_count);
	tcase_add_test(tc, temporary_names_do_not_repeat);
	tcase_add_test(tc, a_tree_of_any_shape_is_removed);
	tcase_add_test(tc, a_mount_inside_a_tree_is_left_alone);
	tcase_add_loop_test(tc, layers_that_do_not_fit_are_refused_with_the_way_out, 0,
			    COUNT(mistakes));
	tcase_add_test(tc, a_read_only_upper_joins_the_lower_layers);)
