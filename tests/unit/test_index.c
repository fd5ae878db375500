/* SPDX-License-Identifier: Apache-2.0 */
/* Hard links over copy-up: what the kernel's index says we read, and the reverse. */
#include "config.h"
#include "unionfs/index.h"

#include <errno.h>
#include <fcntl.h>

#include "tests/unit/disk.h"
#include "tests/unit/unit.h"

#define NS OVERLAY_TRUSTED
#define WITH_INDEX ((struct workdir_options){ .index = true })

static bool mount_kernel(const struct disk *d)
{
	if (disk_try("mkdir -p %s/m && mount -t overlay overlay -o lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work,index=on %s/m 2>/dev/null",
		     d->path, d->path, d->path, d->path, d->path) == 0)
		return true;
	fprintf(stderr, "no kernel overlay with an index here: case left out\n");
	return false;
}

static struct origin origin_in_lower(const struct disk *d, const char *name)
{
	struct origin origin;

	ck_assert_int_eq(origin_of(d->lower, layer_root_fd(d->lower), name, &origin), 0);
	return origin;
}

static void make_links(const struct disk *d)
{
	disk_run("cd %s/lower && echo lower >a && ln a b && ln a c", d->path);
}

/* Copies up "a" of three names, as the union does. */
static void copy_up_a(const struct disk *d)
{
	struct copy_up c = {
		.work = d->work,
		.from = d->lower,
		.from_dir_fd = layer_root_fd(d->lower),
		.from_name = "a",
		.data_fd = -1,
		.with_origin = true,
	};
	struct origin origin = origin_in_lower(d, "a");
	struct staged staged;

	ck_assert_int_eq(copy_up_stage(&c, &staged), 0);
	ck_assert_int_eq(index_add(d->work, &staged, &origin, 3), 0);
	ck_assert_int_eq(copy_up_publish(d->work, &staged, layer_root_fd(d->upper), "a", false, NULL, NULL), 0);
}

START_TEST(every_name_leads_to_the_copy)
{
	struct disk d = disk_open(disk_fs[_i], WITH_INDEX);
	char entry[2 * ORIGIN_MAX + 1];
	struct origin origin;
	struct statx stx;

	make_links(&d);
	ck_assert_int_eq(index_prepare(d.work, &d.lower, 1), 0);
	ck_assert(!index_is_used(d.work));
	copy_up_a(&d);
	ck_assert(index_is_used(d.work));

	origin = origin_in_lower(&d, "b");
	ck_assert_int_eq(index_find(d.work, &origin, S_IFREG, entry, &stx), 1);
	ck_assert_int_eq(index_find(d.work, &origin, S_IFDIR, entry, &stx), -EIO);
	ck_assert_uint_eq(index_nlink(NS, workdir_index_fd(d.work), entry, &stx, 0), 3);

	/* A second name goes up by a link. */
	ck_assert_int_eq(index_link(d.work, &origin, layer_root_fd(d.upper), "b"), 0);
	ck_assert_int_eq(index_find(d.work, &origin, S_IFREG, entry, &stx), 1);
	ck_assert_uint_eq(stx.stx_nlink, 3);
	ck_assert_uint_eq(index_nlink(NS, workdir_index_fd(d.work), entry, &stx, 0), 3);
	disk_run("test %s/upper/a -ef %s/upper/b", d.path, d.path);
	ck_assert_int_eq(index_link(d.work, &origin, layer_root_fd(d.upper), "b"), -EEXIST);
	ck_assert_uint_eq(index_nlink(NS, workdir_index_fd(d.work), entry, &stx, 0), 3);

	ck_assert_int_eq(index_remove(d.work, &origin), 0);
	ck_assert_int_eq(index_remove(d.work, &origin), 0);
	ck_assert_int_eq(index_find(d.work, &origin, S_IFREG, entry, &stx), 0);
	disk_close(&d);
}
END_TEST

START_TEST(the_kernel_continues_our_index)
{
	struct disk d = disk_open(disk_fs[_i], WITH_INDEX);

	make_links(&d);
	ck_assert_int_eq(index_prepare(d.work, &d.lower, 1), 0);
	copy_up_a(&d);
	d.work = workdir_close(d.work);
	if (mount_kernel(&d)) {
		disk_run("cd %s/m && test a -ef b && test $(stat -c %%h b) = 3 && echo upper >>c && test \"$(cat a)\" = \"$(printf 'lower\\nupper')\""
			 " && rm b && test $(stat -c %%h a) = 2", d.path);
		disk_run("umount %s/m && test \"$(cat %s/lower/a)\" = lower", d.path, d.path);
	}
	disk_close(&d);
}
END_TEST

START_TEST(we_continue_the_kernels_index)
{
	struct disk d = disk_open(disk_fs[_i], WITH_INDEX);
	char entry[2 * ORIGIN_MAX + 1];
	char path[128];
	struct origin origin;
	struct statx stx;

	make_links(&d);
	d.work = workdir_close(d.work);
	if (mount_kernel(&d)) {
		disk_run("cd %s/m && echo upper >>a && ln a d && rm c && cd / && umount %s/m",
			 d.path, d.path);
		snprintf(path, sizeof(path), "%s/work", d.path);
		ck_assert_int_eq(workdir_open(path, d.upper, NULL, &WITH_INDEX, &d.work), 0);
		ck_assert_int_eq(index_prepare(d.work, &d.lower, 1), 0);
		ck_assert(index_is_used(d.work));
		origin = origin_in_lower(&d, "b");
		ck_assert_int_eq(index_find(d.work, &origin, S_IFREG, entry, &stx), 1);
		/* Whatever form the kernel left it in, the lower file is not needed. */
		ck_assert_uint_eq(index_nlink(NS, workdir_index_fd(d.work), entry, &stx, 0), 3);	/* a b d */
	}
	disk_close(&d);
}
END_TEST

START_TEST(an_index_of_other_layers_is_not_used)
{
	struct disk d = disk_open("tmpfs", WITH_INDEX);
	struct disk other = disk_open("tmpfs", (struct workdir_options){ 0 });

	ck_assert_int_eq(index_prepare(d.work, &d.lower, 1), 0);
	ck_assert_int_eq(index_prepare(d.work, &d.lower, 1), 0);
	ck_assert_int_eq(index_prepare(d.work, &other.lower, 1), -ESTALE);
	disk_close(&other);
	disk_close(&d);
}
END_TEST

START_TEST(what_nobody_needs_is_removed_at_the_next_mount)
{
	struct disk d = disk_open("tmpfs", WITH_INDEX);
	char entry[2 * ORIGIN_MAX + 1];
	struct origin origin;
	struct statx stx;

	make_links(&d);
	ck_assert_int_eq(index_prepare(d.work, &d.lower, 1), 0);
	copy_up_a(&d);
	origin = origin_in_lower(&d, "a");
	disk_run("cd %s/work/index && touch '#1' unrelated 00fb", d.path);
	ck_assert_int_eq(index_prepare(d.work, &d.lower, 1), 0);
	disk_run("cd %s/work/index && test ! -e '#1' && test -e unrelated", d.path);
	ck_assert_int_eq(index_find(d.work, &origin, S_IFREG, entry, &stx), 1);

	/* All three names whited out, and the crash came before the entry went. */
	disk_run("rm %s/upper/a", d.path);
	ck_assert_int_eq(index_nlink_set(NS, workdir_index_fd(d.work), entry, 0, 1), 0);
	ck_assert_int_eq(index_prepare(d.work, &d.lower, 1), 0);
	ck_assert_int_eq(index_find(d.work, &origin, S_IFREG, entry, &stx), 0);
	disk_close(&d);
}
END_TEST

static const struct { const char *text; bool usable; char base; int difference; } nlinks[] = {
	{ "U+0", true, 'U', 0 },
	{ "U-1", true, 'U', -1 },
	{ "L+12", true, 'L', 12 },
	{ "U1", false },
	{ "X+1", false },
	{ "U+", false },
	{ "U+1x", false },
	{ "U--1", false },
	{ "", false },
	{ "U+99999999999", false },
};

START_TEST(a_link_count_is_understood_or_ignored)
{
	int difference = 0;
	char base = 0;

	ck_assert(nlink_parse(nlinks[_i].text, strlen(nlinks[_i].text), &base, &difference) ==
		  nlinks[_i].usable);
	ck_assert_int_eq(base, nlinks[_i].base);
	ck_assert_int_eq(difference, nlinks[_i].difference);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

UNIT_MAIN("index",
	disk_begin("tmpfs ext4 xfs btrfs");
	tcase_add_loop_test(tc, every_name_leads_to_the_copy, 0, disk_fs_count);
	tcase_add_loop_test(tc, the_kernel_continues_our_index, 0, disk_fs_count);
	tcase_add_loop_test(tc, we_continue_the_kernels_index, 0, disk_fs_count);
	tcase_add_test(tc, an_index_of_other_layers_is_not_used);
	tcase_add_test(tc, what_nobody_needs_is_removed_at_the_next_mount);
	tcase_add_loop_test(tc, a_link_count_is_understood_or_ignored, 0, COUNT(nlinks));)
