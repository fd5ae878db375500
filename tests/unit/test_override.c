/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/override.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "tests/unit/disk.h"
#include "tests/unit/unit.h"
#include "unionfs/copy_up.h"
#include "unionfs/object.h"

#define NS   OVERLAY_USER
#define ATTR "user.containers.override_stat"

static const struct { const char *text; uint32_t uid, gid; mode_t mode; unsigned major_no, minor_no; } values[] = {
	{ "0:0:0755:dir", 0, 0, S_IFDIR | 0755, 0, 0 },
	{ "1000:100:4711:file", 1000, 100, S_IFREG | 04711, 0, 0 },
	{ "4294967294:1:0000", 4294967294u, 1, 0, 0, 0 },
	{ "0:5:0620:char-136-1", 0, 5, S_IFCHR | 0620, 136, 1 },
	{ "0:6:0660:block-7-300-more", 0, 6, S_IFBLK | 0660, 7, 300 },	/* for other readers */
	{ "0:0:644:pipe", 0, 0, S_IFIFO | 0644, 0, 0 },
	{ "0:0:0777:socket", 0, 0, S_IFSOCK | 0777, 0, 0 },
	{ "0:0:0777:symlink", 0, 0, S_IFLNK | 0777, 0, 0 },
};

START_TEST(the_value_is_read_as_containers_storage_writes_it)
{
	struct override o = { 0 };

	ck_assert_int_eq(override_parse(values[_i].text, strlen(values[_i].text), &o), 0);
	ck_assert_uint_eq(o.uid, values[_i].uid);
	ck_assert_uint_eq(o.gid, values[_i].gid);
	ck_assert_uint_eq(o.mode, values[_i].mode);
	ck_assert_uint_eq(o.rdev, makedev(values[_i].major_no, values[_i].minor_no));
}
END_TEST

static const char *const written[] = {
	"0:0:0755:dir", "1000:100:4711:file", "4294967294:1:0000", "0:5:0620:char-136-1",
};

START_TEST(what_is_written_can_be_read_by_others)
{
	char text[OVERRIDE_TEXT_SIZE];
	struct override o;

	ck_assert_int_eq(override_parse(written[_i], strlen(written[_i]), &o), 0);
	ck_assert_uint_eq(override_format(&o, text), strlen(written[_i]));
	ck_assert_str_eq(text, written[_i]);
}
END_TEST

static const char *const malformed[] = {
	"", ":", "0", "0:0", "0:0:", "a:0:0755", "0:-1:0755", "0:0:0955", "0:0:10000",
	"4294967296:0:0755", "0:0:0755:door", "0:0:0755:char", "0:0:0755:char-1",
	"0:0:0755:charx1-3", "0:0:0755:char-a-b", " 0:0:0755", "0 :0:0755",
};

START_TEST(a_malformed_value_is_refused)
{
	struct override o;

	ck_assert_int_eq(override_parse(malformed[_i], strlen(malformed[_i]), &o), -EINVAL);
}
END_TEST

static void use_override(struct layer *layer)
{
	struct layer_traits traits = *layer_traits(layer);

	traits.override_attr = override_attr(XATTR_PERMISSIONS_USER);
	layer_set_traits(layer, &traits);
}

static struct disk open_overridden(void)
{
	struct disk d = disk_open(disk_fs[0], (struct workdir_options){ .ns = NS });

	use_override(d.lower);
	use_override(d.upper);
	return d;
}

START_TEST(a_lower_object_is_what_the_attribute_says)
{
	struct disk d = open_overridden();
	int low = layer_root_fd(d.lower);
	struct statx stx;

	disk_run("cd %s/lower && touch f && mkdir d && touch dev && ln -s x l && touch bad"
		 " && setfattr -n " ATTR " -v 7:8:4750:file f"
		 " && setfattr -n " ATTR " -v 9:9:0700:file d"
		 " && setfattr -n " ATTR " -v 0:0:0666:char-1-3 dev"
		 " && setfattr -n " ATTR " -v nonsense bad", d.path);

	ck_assert_int_eq(layer_statx(d.lower, low, "f", STATX_BASIC_STATS, &stx), 0);
	ck_assert_uint_eq(stx.stx_mode, S_IFREG | 04750);
	ck_assert_uint_eq(stx.stx_uid, 7);
	ck_assert_uint_eq(stx.stx_gid, 8);
	/* A directory is one, whatever is said. */
	ck_assert_int_eq(layer_statx(d.lower, low, "d", STATX_BASIC_STATS, &stx), 0);
	ck_assert_uint_eq(stx.stx_mode, S_IFDIR | 0700);
	ck_assert_int_eq(layer_statx(d.lower, low, "dev", STATX_BASIC_STATS, &stx), 0);
	ck_assert_uint_eq(stx.stx_mode, S_IFCHR | 0666);
	ck_assert_uint_eq(stx.stx_rdev_minor, 3);
	ck_assert_int_eq(layer_statx(d.lower, low, "l", STATX_BASIC_STATS, &stx), 0);
	ck_assert(S_ISLNK(stx.stx_mode));
	ck_assert_int_eq(layer_statx(d.lower, low, "bad", STATX_BASIC_STATS, &stx), -EIO);
	disk_close(&d);
}
END_TEST

static const struct { mode_t mode, mask, expect, on_disk; } creations[] = {
	{ S_IFREG | 0666, 027, S_IFREG | 0640, S_IFREG | 0755 },
	{ S_IFREG | 04700, 0, S_IFREG | 04700, S_IFREG | 0755 },	/* no suid on disk */
	{ S_IFDIR | 0700, 022, S_IFDIR | 02700, S_IFDIR | 0755 },	/* setgid is passed on */
	{ S_IFIFO | 0666, 022, S_IFIFO | 0644, S_IFREG | 0755 },
	{ S_IFSOCK | 0777, 077, S_IFSOCK | 0700, S_IFREG | 0755 },
	{ S_IFCHR | 0600, 022, S_IFCHR | 0600, S_IFREG | 0755 },
};

START_TEST(a_new_object_is_kept_in_the_attribute)
{
	struct disk d = open_overridden();
	int up = layer_root_fd(d.upper);
	struct object_spec spec = {
		.mode = creations[_i].mode,
		.umask = creations[_i].mask,
		.uid = 1234,
		.gid = 4321,
		.rdev = S_ISCHR(creations[_i].mode) ? makedev(1, 5) : 0,
		.open_flags = O_RDWR,
	};
	struct statx stx;
	struct stat st;
	int fd;

	disk_run("setfattr -n " ATTR " -v 0:77:2755:dir %s/upper", d.path);
	for (int over = 0; over < 2; over++) {
		const char *name = over ? "b" : "a";

		spec.over_whiteout = over;
		if (over)
			disk_run("mknod %s/upper/b c 0 0", d.path);
		ck_assert_int_eq(object_create(d.work, up, name, &spec, &fd, &stx), 0);
		ck_assert_uint_eq(stx.stx_mode, creations[_i].expect);
		ck_assert_uint_eq(stx.stx_uid, 1234);
		ck_assert_uint_eq(stx.stx_gid, 77);	/* the setgid directory's */
		ck_assert_int_eq(fstatat(up, name, &st, 0), 0);
		ck_assert_uint_eq(st.st_mode, creations[_i].on_disk);
		ck_assert_uint_eq(st.st_uid, 0);
		ck_assert((fd >= 0) == S_ISREG(spec.mode));
		if (fd >= 0)
			close(fd);
	}
	disk_close(&d);
}
END_TEST

START_TEST(changes_are_kept_in_the_attribute)
{
	struct disk d = open_overridden();
	int up = layer_root_fd(d.upper);
	struct statx stx;

	disk_run("touch %s/upper/f && setfattr -n " ATTR " -v 1:2:6755:file %s/upper/f", d.path, d.path);
	ck_assert_int_eq(layer_chown(d.upper, up, "f", 5, -1), 0);
	ck_assert_int_eq(layer_statx(d.upper, up, "f", STATX_BASIC_STATS, &stx), 0);
	ck_assert_uint_eq(stx.stx_uid, 5);
	ck_assert_uint_eq(stx.stx_gid, 2);
	ck_assert_uint_eq(stx.stx_mode, S_IFREG | 0755);	/* as chown(2) does */
	ck_assert_int_eq(layer_chmod(d.upper, up, "f", 0400), 0);
	ck_assert_int_eq(layer_statx(d.upper, up, "f", STATX_BASIC_STATS, &stx), 0);
	ck_assert_uint_eq(stx.stx_mode, S_IFREG | 0400);
	disk_close(&d);
}
END_TEST

START_TEST(copying_up_moves_owners_into_the_attribute)
{
	struct disk d = disk_open(disk_fs[0], (struct workdir_options){ .ns = NS });
	struct copy_up c = {
		.work = d.work,
		.from = d.lower,
		.from_dir_fd = layer_root_fd(d.lower),
		.data_fd = -1,
	};
	static const char *const names[] = { "f", "d", "p", "n" };
	struct staged staged;
	struct statx stx, shown;
	char value[64];

	use_override(d.upper);
	disk_run("cd %s/lower && cp /bin/true f && chown 7:8 f && chmod 4711 f && setcap cap_net_raw+ep f"
		 " && mkdir -m 1777 d && chown 9:9 d && mkfifo p && mknod n c 1 3", d.path);
	for (size_t i = 0; i < 4; i++) {
		c.from_name = names[i];
		ck_assert_int_eq(statx(c.from_dir_fd, names[i], 0, STATX_BASIC_STATS, &stx), 0);
		ck_assert_int_eq(copy_up_stage(&c, &staged), 0);
		ck_assert_uint_eq(staged.stx.stx_mode, stx.stx_mode);
		ck_assert_uint_eq(staged.stx.stx_uid, stx.stx_uid);
		ck_assert_uint_eq(staged.stx.stx_rdev_minor, stx.stx_rdev_minor);
		ck_assert_int_eq(copy_up_publish(d.work, &staged, layer_root_fd(d.upper), names[i], false, NULL, NULL), 0);
		ck_assert_int_eq(layer_statx(d.upper, layer_root_fd(d.upper), names[i],
					     STATX_BASIC_STATS, &shown), 0);
		ck_assert_uint_eq(shown.stx_mode, stx.stx_mode);
	}
	/* Capabilities would need rights on disk: they are kept beside. */
	ck_assert_int_gt(xattr_get_at(layer_root_fd(d.upper), "f",
				      "user.containers.override_security.capability", value, 64), 0);
	disk_run("test $(stat -c %%u%%a %s/upper/f) = 0755", d.path);
	disk_close(&d);
}
END_TEST

static const struct { const char *client, *disk; } names[] = {
	{ "security.capability", "user.containers.override_security.capability" },
	{ "user.mine", "user.mine" },
	{ "user.overlay.x", "user.overlay.overlay.x" },
	{ NULL, ATTR },				/* hidden */
	{ NULL, "user.overlay.origin" },
	{ NULL, "user.containers.override_other" },
};

START_TEST(clients_see_their_own_names)
{
	struct disk d = open_overridden();
	char disk[OVERLAY_ATTR_SIZE], client[OVERLAY_ATTR_SIZE];

	if (names[_i].client) {
		ck_assert_int_eq(layer_xattr_to_disk(d.upper, NS, names[_i].client, disk), 0);
		ck_assert_str_eq(disk, names[_i].disk);
	}
	ck_assert_pstr_eq(layer_xattr_to_client(d.upper, NS, names[_i].disk, client),
			  names[_i].client);
	ck_assert_int_eq(layer_xattr_to_disk(d.upper, NS, ATTR, disk), -EPERM);
	disk_close(&d);
}
END_TEST

START_TEST(a_layer_says_by_its_root_how_it_keeps_owners)
{
	struct disk d = disk_open(disk_fs[0], (struct workdir_options){ .ns = NS });

	ck_assert_ptr_null(override_detect(layer_root_fd(d.upper)));
	use_override(d.upper);
	ck_assert_int_eq(override_init_root(d.upper), 0);
	ck_assert_str_eq(override_detect(layer_root_fd(d.upper)), ATTR);
	disk_run("test \"$(getfattr --only-values -n " ATTR " %s/upper 2>/dev/null)\" = 0:0:0755:dir", d.path);
	disk_close(&d);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

UNIT_MAIN("override",
	disk_begin("ext4");
	tcase_add_loop_test(tc, the_value_is_read_as_containers_storage_writes_it, 0, COUNT(values));
	tcase_add_loop_test(tc, what_is_written_can_be_read_by_others, 0, COUNT(written));
	tcase_add_loop_test(tc, a_malformed_value_is_refused, 0, COUNT(malformed));
	if (disk_fs_count > 0) {
		tcase_add_test(tc, a_lower_object_is_what_the_attribute_says);
		tcase_add_loop_test(tc, a_new_object_is_kept_in_the_attribute, 0, COUNT(creations));
		tcase_add_test(tc, changes_are_kept_in_the_attribute);
		tcase_add_test(tc, copying_up_moves_owners_into_the_attribute);
		tcase_add_loop_test(tc, clients_see_their_own_names, 0, COUNT(names));
		tcase_add_test(tc, a_layer_says_by_its_root_how_it_keeps_owners);
	})
