/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What object_create() makes for somebody is compared with what that somebody gets
 * from the filesystem itself, in a directory like the upper one.
 */
#include "config.h"
#include "unionfs/object.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/unit/disk.h"
#include "tests/unit/unit.h"
#include "unionfs/marks.h"

#define SOMEBODY 1234
#define THEIR_GROUP 4321

static const char *const parents[] = {
	"chmod 0777 .",
	"chgrp 99 . && chmod 2777 .",			/* setgid */
	"chgrp 0 . && chmod 2777 .",			/* setgid, the daemon's own group */
	"chmod 0777 . && setfacl -d -m u::rwx,g::r-x,o::---,u:77:rw,m::rwx .",
	"chgrp 99 . && chmod 2777 . && setfacl -d -m u::rwx,g::rwx,o::r-x .",
};

static const struct { mode_t mode, mask; uid_t uid; gid_t gid; } creations[] = {
	{ S_IFREG | 0666, 022, SOMEBODY, THEIR_GROUP },
	{ S_IFREG | 0666, 077, SOMEBODY, THEIR_GROUP },
	{ S_IFREG | 0777, 0777, SOMEBODY, THEIR_GROUP },
	{ S_IFREG | 0666, 0, 0, 0 },
	{ S_IFREG | 06755, 022, SOMEBODY, THEIR_GROUP },	/* giving away keeps suid */
	{ S_IFREG | 04755, 027, 0, 0 },
	{ S_IFDIR | 0777, 022, SOMEBODY, THEIR_GROUP },
	{ S_IFDIR | 0750, 077, SOMEBODY, THEIR_GROUP },
	{ S_IFDIR | 01777, 0, 0, 0 },
	{ S_IFLNK | 0777, 022, SOMEBODY, THEIR_GROUP },
	{ S_IFIFO | 0666, 027, SOMEBODY, THEIR_GROUP },
	{ S_IFSOCK | 0777, 022, SOMEBODY, THEIR_GROUP },
};

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* The same by system calls, as the one who asks. */
static void create_natively(int dir_fd, const char *name, int i)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		mode_t mode = creations[i].mode;
		int r;

		umask(creations[i].mask);
		if (setgroups(0, NULL) < 0 || setgid(creations[i].gid) < 0 ||
		    setuid(creations[i].uid) < 0)
			_exit(1);
		if (S_ISDIR(mode))
			r = mkdirat(dir_fd, name, mode & 07777);
		else if (S_ISLNK(mode))
			r = symlinkat("target", dir_fd, name);
		else if (S_ISREG(mode))
			r = openat(dir_fd, name, O_CREAT | O_EXCL | O_RDWR, mode & 07777);
		else
			r = mknodat(dir_fd, name, mode, 0);
		_exit(r < 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

static size_t acl_of(int dir_fd, const char *name, const char *attr, char *value)
{
	ssize_t n = xattr_get_at(dir_fd, name, attr, value, 256);

	return n < 0 ? 0 : n;
}

static void check_same(int a_fd, int b_fd, const char *name)
{
	static const char *const acls[] = { "system.posix_acl_access", "system.posix_acl_default" };
	struct stat a, b;

	ck_assert_int_eq(fstatat(a_fd, name, &a, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(fstatat(b_fd, name, &b, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_msg(a.st_mode == b.st_mode, "mode %o, should be %o", a.st_mode, b.st_mode);
	ck_assert_uint_eq(a.st_uid, b.st_uid);
	ck_assert_uint_eq(a.st_gid, b.st_gid);
	for (int i = 0; i < 2; i++) {
		char x[256], y[256];
		size_t n = acl_of(a_fd, name, acls[i], x);

		ck_assert_uint_eq(n, acl_of(b_fd, name, acls[i], y));
		ck_assert_mem_eq(x, y, n);
	}
}

/* All kinds of parents, all creations; over a whiteout and not; each filesystem. */
START_TEST(an_object_is_as_if_the_caller_had_made_it)
{
	const char *fs = disk_fs[_i / 2];
	bool over_whiteout = _i % 2;
	struct disk d = disk_open(fs, (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);
	int native;
	char name[16];

	for (int p = 0; p < COUNT(parents); p++) {
		disk_run("rm -rf %s/upper/* %s/native; setfacl -b %s/upper; chmod 00755 %s/upper; mkdir %s/native",
			 d.path, d.path, d.path, d.path, d.path);
		disk_run("cd %s/upper && %s", d.path, parents[p]);
		disk_run("cd %s/native && %s", d.path, parents[p]);
		native = openat(d.fd, "native", O_RDONLY | O_DIRECTORY);

		for (int c = 0; c < COUNT(creations); c++) {
			struct object_spec spec = {
				.mode = creations[c].mode,
				.umask = creations[c].mask,
				.uid = creations[c].uid,
				.gid = creations[c].gid,
				.target = "target",
				.over_whiteout = over_whiteout,
				.open_flags = O_RDWR,
			};
			struct statx stx;
			struct stat st;
			int fd = -1;
			int r;

			/* Not a member of the directory's group: the VFS takes
			 * the bit before any filesystem is asked. */
			if (strstr(parents[p], "2777") && S_ISREG(spec.mode))
				spec.mode &= ~S_ISGID;
			snprintf(name, sizeof(name), "o%d", c);
			if (over_whiteout)
				ck_assert_int_eq(whiteout_make(d.work, up, name), 0);
			r = object_create(d.work, up, name, &spec, &fd, &stx);
			ck_assert_msg(r == 0, "parent %d, creation %d: %s", p, c, strerror(-r));
			create_natively(native, name, c);
			check_same(up, native, name);

			ck_assert_int_eq(fstatat(up, name, &st, AT_SYMLINK_NOFOLLOW), 0);
			ck_assert_uint_eq(stx.stx_ino, st.st_ino);
			ck_assert_uint_eq(stx.stx_mode, st.st_mode);
			ck_assert_int_eq(stx.stx_ctime.tv_nsec, st.st_ctim.tv_nsec);
			ck_assert((fd >= 0) == S_ISREG(spec.mode));
			if (fd >= 0) {
				ck_assert_int_eq(write(fd, "x", 1), 1);
				close(fd);
			}
		}
		close(native);
		ck_assert_int_eq(disk_leftovers(&d), 0);
	}
	disk_close(&d);
}
END_TEST

START_TEST(an_object_over_a_whiteout_replaces_nothing_else)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);
	struct object_spec spec = { .mode = S_IFDIR | 0755 };

	ck_assert_int_eq(object_create(d.work, up, "d", &spec, NULL, NULL), 0);
	ck_assert_int_eq(object_create(d.work, up, "d", &spec, NULL, NULL), -EEXIST);
	spec.mode = S_IFREG | 0644;
	ck_assert_int_eq(object_create(d.work, up, "d", &spec, NULL, NULL), -EEXIST);
	disk_close(&d);
}
END_TEST

START_TEST(an_opaque_directory_is_marked_before_it_is_seen)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);
	struct object_spec spec = { .mode = S_IFDIR | 0755, .opaque = true, .over_whiteout = true };
	enum opacity o;

	ck_assert_int_eq(whiteout_make(d.work, up, "d"), 0);
	ck_assert_int_eq(object_create(d.work, up, "d", &spec, NULL, NULL), 0);
	ck_assert_int_eq(opacity_of(OVERLAY_TRUSTED, up, "d", &o), 0);
	ck_assert_int_eq(o, OPACITY_OPAQUE);
	disk_close(&d);
}
END_TEST

START_TEST(with_file_marks_creation_removes_the_mark)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ .aufs_whiteouts = true });
	int up = layer_root_fd(d.upper);
	struct object_spec spec = { .mode = S_IFDIR | 0755, .opaque = true, .over_whiteout = true };

	ck_assert_int_eq(whiteout_make(d.work, up, "d"), 0);
	ck_assert_int_eq(whiteout_make(d.work, up, "f"), 0);
	ck_assert_int_eq(object_create(d.work, up, "d", &spec, NULL, NULL), 0);
	spec = (struct object_spec){ .mode = S_IFREG | 0644, .over_whiteout = true };
	ck_assert_int_eq(object_create(d.work, up, "f", &spec, NULL, NULL), 0);
	ck_assert_int_eq(disk_try("test -e %s/upper/.wh.d -o -e %s/upper/.wh.f", d.path, d.path), 1);
	disk_run("test -f %s/upper/d/.wh..wh..opq", d.path);
	ck_assert_int_eq(object_create(d.work, up, ".wh.g", &spec, NULL, NULL), -EINVAL);
	disk_close(&d);
}
END_TEST

START_TEST(nobody_makes_a_whiteout_by_mknod)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);
	struct object_spec spec = { .mode = S_IFCHR | 0666 };
	struct statx stx;

	ck_assert_int_eq(object_create(d.work, up, "w", &spec, NULL, NULL), -EPERM);
	spec.rdev = makedev(1, 3);
	ck_assert_int_eq(object_create(d.work, up, "null", &spec, NULL, &stx), 0);
	ck_assert_uint_eq(stx.stx_rdev_minor, 3);
	disk_close(&d);
}
END_TEST

START_TEST(a_name_like_a_mark_is_kept_a_name)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	int up = layer_root_fd(d.upper);
	struct object_spec spec = { .mode = S_IFREG | 0644 };

	ck_assert_int_eq(object_create(d.work, up, ".wh.x", &spec, NULL, NULL), 0);
	ck_assert_int_eq(aufs_is_mark(OVERLAY_TRUSTED, up, ".wh.x", NULL), 0);
	disk_close(&d);
}
END_TEST

START_TEST(a_full_disk_leaves_nothing)
{
	struct object_spec spec = { .mode = S_IFDIR | 0755, .opaque = true, .over_whiteout = true };
	struct statx stx;
	struct disk d;
	int up, r;

	disk_small("full", "nr_inodes=14");
	d = disk_open("full", (struct workdir_options){ 0 });
	up = layer_root_fd(d.upper);
	ck_assert_int_eq(whiteout_make(d.work, up, "d"), 0);
	disk_run("setfacl -d -m u:5:rwx %s/upper", d.path);
	for (int i = 0; (r = object_create(d.work, up, "d", &spec, NULL, NULL)) == 0; i++) {
		ck_assert_int_eq(whiteout_replace(d.work, up, "d", true), 0);
		disk_run("touch %s/lower/%d", d.path, i);
	}
	ck_assert_int_eq(r, -ENOSPC);
	ck_assert_int_eq(disk_leftovers(&d), 0);
	ck_assert_int_eq(statx(up, "d", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx), 0);
	ck_assert(is_whiteout_device(&stx));
	disk_close(&d);
}
END_TEST

/* Threads with different umasks must not see each other's. */
struct race {
	struct disk *d;
	int id;
	mode_t mask;
};

static void *create_many(void *arg)
{
	struct race *race = arg;
	int up = layer_root_fd(race->d->upper);
	char name[32];

	for (int i = 0; i < 300; i++) {
		struct object_spec spec = { .mode = S_IFREG | 0777, .umask = race->mask };
		struct statx stx;

		snprintf(name, sizeof(name), "%d.%d", race->id, i);
		if (object_create(race->d->work, up, name, &spec, NULL, &stx) != 0 ||
		    (stx.stx_mode & 0777) != (0777 & ~race->mask))
			return race;
	}
	return NULL;
}

START_TEST(each_thread_has_the_umask_of_its_own_caller)
{
	struct disk d = disk_open("tmpfs", (struct workdir_options){ 0 });
	struct race races[4];
	pthread_t threads[4];
	void *verdict;

	for (int i = 0; i < 4; i++) {
		races[i] = (struct race){ &d, i, i * 011 };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, create_many, &races[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &verdict), 0);
		ck_assert_ptr_null(verdict);
	}
	disk_close(&d);
}
END_TEST

UNIT_MAIN("object",
	disk_begin("tmpfs ext4");
	tcase_add_loop_test(tc, an_object_is_as_if_the_caller_had_made_it, 0,
			    2 * disk_fs_count);
	tcase_add_test(tc, an_object_over_a_whiteout_replaces_nothing_else);
	tcase_add_test(tc, an_opaque_directory_is_marked_before_it_is_seen);
	tcase_add_test(tc, with_file_marks_creation_removes_the_mark);
	tcase_add_test(tc, nobody_makes_a_whiteout_by_mknod);
	tcase_add_test(tc, a_name_like_a_mark_is_kept_a_name);
	tcase_add_test(tc, a_full_disk_leaves_nothing);
	tcase_add_test(tc, each_thread_has_the_umask_of_its_own_caller);)
