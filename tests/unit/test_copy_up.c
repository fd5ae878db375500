/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/copy_up.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

#include "tests/unit/disk.h"
#include "tests/unit/unit.h"
#include "unionfs/metacopy.h"
#include "unionfs/redirect.h"

#define NS OVERLAY_TRUSTED

/* Each line makes "it" in the lower layer; everything about it must be kept. */
static const char *const objects[] = {
	"echo data >it",
	"truncate -s 0 it",
	"truncate -s 9M it && echo a | dd of=it conv=notrunc bs=1 seek=5M status=none",	/* holes around data */
	"truncate -s 3M it",						/* nothing but a hole */
	"head -c 20M /dev/urandom >it",					/* more than one chunk */
	"echo x >it && chmod 06711 it",
	"echo x >it && chown 1234:4321 it && chmod 04755 it",
	"echo x >it && chmod 000 it && chown 7:8 it",
	"cp /bin/true it && setcap cap_net_raw+ep it && chown -h 0:0 it && setcap cap_net_raw+ep it",
	"echo x >it && setfacl -m u:99:rw,g:98:r,m::rwx it",
	"echo x >it && setfattr -n user.u -v 1 it && setfattr -n trusted.t -v 2 it && setfattr -n security.s -v 3 it",
	"echo x >it && setfattr -n trusted.overlay.overlay.opaque -v y it",	/* escaped: somebody's own */
	"mkdir it && chmod 3775 it && setfacl -d -m u:99:rwx it && touch it/inside",
	"mkdir -m 000 it",
	"ln -s /some/where it && chown -h 5:6 it && setfattr -h -n trusted.t -v link it",
	"ln -s \"$(printf %01000d 7)\" it",
	"mkfifo -m 640 it",
	"mknod it c 1 3 && chmod 0606 it",
	"mknod it b 7 200",
};

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct copy_up job(const struct disk *d)
{
	return (struct copy_up){
		.work = d->work,
		.from = d->lower,
		.from_dir_fd = layer_root_fd(d->lower),
		.from_name = "it",
		.data_fd = -1,
		.with_origin = true,
	};
}

/* What tools print of an object, without what must differ. */
static void check_same(const struct disk *d)
{
	disk_run("cd %s/lower && f() { stat -c '%%f %%u %%g %%t %%T %%Y.%%y %%X.%%x %%N' it; "
		 "[ -d it ] || stat -c %%s it; "
		 "getfattr -h -d -m - it 2>/dev/null | grep = | grep -v -e 'trusted.overlay.origin' -e 'trusted.overlay.impure'; "
		 "[ ! -f it ] || sha256sum <it; }; "
		 "f >../a; cd ../upper && f >../b; cd .. && diff a b >&2", d->path);
}

START_TEST(a_copy_is_like_its_original)
{
	const char *fs = disk_fs[_i / COUNT(objects)];
	const char *make = objects[_i % COUNT(objects)];
	struct disk d = disk_open(fs, (struct workdir_options){ 0 });
	struct copy_up c = job(&d);
	struct staged staged;
	struct stat before, after;
	struct origin origin, expected;
	int up = layer_root_fd(d.upper);
	int r;

	disk_run("cd %s/lower && %s && touch -h -d '2001-02-03 04:05:06.123456789' it && touch -d '1999-01-01 00:00:00.5' ../upper",
		 d.path, make);
	ck_assert_int_eq(fstat(up, &before), 0);
	r = copy_up_stage(&c, &staged);
	ck_assert_msg(r == 0, "%s: %s", make, strerror(-r));
	ck_assert_int_eq(copy_up_publish(d.work, &staged, up, "it", false, NULL, NULL), 0);
	check_same(&d);
	ck_assert_int_eq(disk_leftovers(&d), 0);

	/* The directory's times are as they were, and it knows what it holds. */
	ck_assert_int_eq(fstat(up, &after), 0);
	ck_assert_int_eq(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	ck_assert_int_eq(overlay_xattr_get(NS, up, "", OVERLAY_IMPURE, NULL, 0), 1);

	ck_assert_int_eq(origin_of(d.lower, c.from_dir_fd, "it", &expected), 0);
	ck_assert_int_eq(origin_read(NS, up, "it", &origin), 0);
	ck_assert_uint_eq(origin.length, expected.length);
	ck_assert_mem_eq(origin.bytes, expected.bytes, origin.length);
	disk_close(&d);
}
END_TEST

START_TEST(holes_take_no_room_in_the_copy)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	struct copy_up c = job(&d);
	struct staged staged;

	disk_run("cd %s/lower && truncate -s 64M it && for at in 5 33 63; do echo a | dd of=it conv=notrunc bs=1 seek=${at}M status=none; done",
		 d.path);
	ck_assert_int_eq(copy_up_stage(&c, &staged), 0);
	ck_assert_uint_eq(staged.stx.stx_size, 64 << 20);
	ck_assert_uint_le(staged.stx.stx_blocks * 512, 1 << 20);
	copy_up_abandon(d.work, &staged);
	copy_up_abandon(d.work, &staged);
	ck_assert_int_eq(disk_leftovers(&d), 0);
	disk_close(&d);
}
END_TEST

START_TEST(a_metacopy_has_the_size_and_no_data)
{
	struct disk d = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	struct copy_up c = job(&d);
	struct staged staged;
	struct metacopy m;
	char redirect[REDIRECT_MAX];
	struct stat st;
	int up = layer_root_fd(d.upper);
	int fd, data_fd;

	disk_run("cd %s/lower && head -c 3M /dev/urandom >it && chmod 06755 it && setcap cap_net_raw+ep it && touch -d 2001-02-03 it",
		 d.path);
	c.data = COPY_UP_METACOPY;
	c.redirect = "/else/where";
	ck_assert_int_eq(copy_up_stage(&c, &staged), 0);
	ck_assert_uint_eq(staged.stx.stx_size, 3 << 20);
	ck_assert_uint_le(staged.stx.stx_blocks, 16);
	ck_assert_int_eq(copy_up_publish(d.work, &staged, up, "it", false, NULL, NULL), 0);
	ck_assert_int_eq(metacopy_read(NS, up, "it", &m), 1);
	ck_assert_int_gt(redirect_read(NS, up, "it", redirect), 0);
	ck_assert_str_eq(redirect, "/else/where");

	/* Filling it later changes nothing but the data. */
	fd = openat(up, "it", O_RDWR);
	data_fd = copy_up_open_source(c.from_dir_fd, "it");
	ck_assert_int_eq(copy_up_fill(NS, fd, data_fd, NULL, NULL), 0);
	ck_assert_int_eq(metacopy_read(NS, up, "it", &m), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 06755);
	ck_assert_int_eq(overlay_xattr_remove(NS, up, "it", OVERLAY_REDIRECT), 0);
	check_same(&d);
	close(fd);
	close(data_fd);
	disk_close(&d);
}
END_TEST

START_TEST(a_file_about_to_be_truncated_is_copied_without_data)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct copy_up c = job(&d);
	struct staged staged;

	disk_run("cd %s/lower && echo data >it && chmod 640 it", d.path);
	c.data = COPY_UP_NO_DATA;
	ck_assert_int_eq(copy_up_stage(&c, &staged), 0);
	ck_assert_uint_eq(staged.stx.stx_size, 0);
	ck_assert_uint_eq(staged.stx.stx_mode, S_IFREG | 0640);
	copy_up_abandon(d.work, &staged);
	disk_close(&d);
}
END_TEST

START_TEST(nothing_is_put_over_what_is_there)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct copy_up c = job(&d);
	struct staged staged;

	disk_run("cd %s/lower && echo lower >it && echo upper >../upper/it", d.path);
	ck_assert_int_eq(copy_up_stage(&c, &staged), 0);
	ck_assert_int_eq(copy_up_publish(d.work, &staged, layer_root_fd(d.upper), "it", false, NULL, NULL), -EEXIST);
	ck_assert_str_ne(staged.name, "");
	copy_up_abandon(d.work, &staged);
	ck_assert_int_eq(disk_leftovers(&d), 0);
	disk_run("grep -q upper %s/upper/it", d.path);
	disk_close(&d);
}
END_TEST

/* True from the given time it is asked on. */
static bool cancel_at(void *arg)
{
	return --*(int *)arg < 0;
}

START_TEST(a_cancelled_copy_leaves_nothing)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct copy_up c = job(&d);
	struct staged staged = { 0 };
	int countdown = _i;

	/* Over filesystems, or tmpfs would be asked for each of several chunks. */
	disk_run("cd %s/lower && head -c 30M /dev/zero | tr '\\0' x >it", d.path);
	c.is_cancelled = cancel_at;
	c.cancel_arg = &countdown;
	ck_assert_int_eq(copy_up_stage(&c, &staged), -EINTR);
	ck_assert_int_eq(disk_leftovers(&d), 0);
	copy_up_abandon(d.work, &staged);
	disk_close(&d);
}
END_TEST

START_TEST(a_full_disk_leaves_nothing)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct disk full;
	struct copy_up c = job(&d);
	struct staged staged = { 0 };

	disk_run("cd %s/lower && head -c 6M /dev/urandom >it", d.path);
	disk_small("full", "size=5M");
	full = disk_open("full", (struct workdir_options){ 0 });
	c.work = full.work;
	ck_assert_int_eq(copy_up_stage(&c, &staged), -ENOSPC);
	ck_assert_int_eq(disk_leftovers(&full), 0);
	disk_run("test $(stat -f -c '%%f' %s) -gt 1000", full.path);	/* and took no room */
	disk_close(&full);

	/* Neither does one that has no inode left. */
	disk_small("few", "nr_inodes=9");
	full = disk_open("few", (struct workdir_options){ 0 });
	c.work = full.work;
	disk_try("cd %s/lower && touch 1 2 3 4 5 6 7 8 9 2>/dev/null", full.path);
	ck_assert_int_eq(copy_up_stage(&c, &staged), -ENOSPC);
	disk_close(&full);
	disk_close(&d);
}
END_TEST

START_TEST(filling_that_fails_leaves_the_mark)
{
	struct disk d;
	struct copy_up c;
	struct staged staged;
	struct metacopy m;
	int up, fd, data_fd;

	disk_small("full", "size=5M");
	d = disk_open("full", (struct workdir_options){ 0 });
	c = job(&d);
	up = layer_root_fd(d.upper);
	disk_run("cd %s/lower && head -c 4M /dev/urandom >it && touch -d 2001-02-03 it", d.path);
	c.data = COPY_UP_METACOPY;
	ck_assert_int_eq(copy_up_stage(&c, &staged), 0);
	ck_assert_int_eq(copy_up_publish(d.work, &staged, up, "it", false, NULL, NULL), 0);

	fd = openat(up, "it", O_RDWR);
	data_fd = copy_up_open_source(c.from_dir_fd, "it");
	ck_assert_int_eq(copy_up_fill(NS, fd, data_fd, NULL, NULL), -ENOSPC);
	ck_assert_int_eq(metacopy_read(NS, up, "it", &m), 1);
	disk_run("test $(stat -c '%%s %%b %%Y' %s/upper/it | tr ' ' _) = 4194304_0_$(date -d 2001-02-03 +%%s)",
		 d.path);
	close(fd);
	close(data_fd);
	disk_close(&d);
}
END_TEST

/* Another filesystem below: no reflink, and copy_file_range(2) may refuse. */
START_TEST(data_crosses_filesystems)
{
	struct disk low = disk_open(disk_fs[_i], (struct workdir_options){ 0 });
	struct disk d = disk_open(disk_fs[(_i + 1) % disk_fs_count], (struct workdir_options){ 0 });
	struct copy_up c = job(&low);
	struct staged staged;

	disk_run("cd %s/lower && truncate -s 40M it && head -c 10M /dev/urandom | dd of=it conv=notrunc bs=1M seek=7 status=none",
		 low.path);
	c.work = d.work;
	ck_assert_int_eq(copy_up_stage(&c, &staged), 0);
	ck_assert_uint_le(staged.stx.stx_blocks * 512, 11 << 20);
	disk_run("cmp %s/lower/it '%s/work/work/%s'", low.path, d.path, staged.name);
	copy_up_abandon(d.work, &staged);
	disk_close(&d);
	disk_close(&low);
}
END_TEST

START_TEST(a_lower_layer_cannot_be_written_through_its_descriptor)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });

	disk_run("touch %s/lower/it", d.path);
	ck_assert_int_lt(openat(layer_root_fd(d.lower), "it", O_WRONLY), 0);
	ck_assert_int_eq(errno, EROFS);
	/* Nor does it show what is mounted inside. */
	disk_run("mkdir %s/lower/mnt && mount -t tmpfs x %s/lower/mnt && touch %s/lower/mnt/there",
		 d.path, d.path, d.path);
	ck_assert_int_lt(openat(layer_root_fd(d.lower), "mnt/there", O_PATH), 0);
	disk_run("umount %s/lower/mnt", d.path);
	disk_close(&d);
}
END_TEST

UNIT_MAIN("copy_up",
	disk_begin("tmpfs ext4 xfs btrfs");
	tcase_add_loop_test(tc, a_copy_is_like_its_original, 0,
			    disk_fs_count * COUNT(objects));
	tcase_add_loop_test(tc, holes_take_no_room_in_the_copy, 0, disk_fs_count);
	tcase_add_loop_test(tc, a_metacopy_has_the_size_and_no_data, 0, disk_fs_count);
	tcase_add_test(tc, a_file_about_to_be_truncated_is_copied_without_data);
	tcase_add_test(tc, nothing_is_put_over_what_is_there);
	tcase_add_loop_test(tc, a_cancelled_copy_leaves_nothing, 0, 4);
	tcase_add_test(tc, a_full_disk_leaves_nothing);
	tcase_add_test(tc, filling_that_fails_leaves_the_mark);
	tcase_add_loop_test(tc, data_crosses_filesystems, 0, disk_fs_count);
	tcase_add_test(tc, a_lower_layer_cannot_be_written_through_its_descriptor);)
