/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/tree.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static char scratch[] = "/tmp/nacre-test-resolve-XXXXXX";
static char root_path[64];
static int root_fd;

/* scratch/root is the root; scratch/outside must never be touched. */
static void make_scratch(void)
{
	strcpy(scratch + strlen(scratch) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(scratch));
	snprintf(root_path, sizeof(root_path), "%s/root", scratch);
	ck_assert_int_eq(mkdir(root_path, 0755), 0);
	ck_assert_int_eq(chdir(root_path), 0);
	ck_assert_int_eq(mkdir("../outside", 0755), 0);
	ck_assert_int_eq(mkdir("etc", 0755), 0);
	ck_assert_int_eq(symlink("../../../../../../etc", "up"), 0);
	ck_assert_int_eq(symlink("/etc", "absolute"), 0);
	ck_assert_int_eq(symlink("../outside", "beside"), 0);
	ck_assert_int_eq(symlink("/nowhere", "dangling"), 0);
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(symlink("/proc/self/root", "magic"), 0);
	root_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root_fd, 0);
}

static void remove_scratch(void)
{
	close(root_fd);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(tree_remove_path(scratch), 0);
}

/* Where a target is made; what is not below the root would be an escape. */
static const struct { const char *path; bool directory; int r; const char *made; } targets[] = {
	{ "/new", true, 0, "/new" },
	{ "new/deep/er", true, 0, "/new/deep/er" },
	{ "/new//deep/./er/", true, 0, "/new/deep/er" },
	{ "/up/x", true, 0, "/etc/x" },		/* ".." stops at the root */
	{ "/absolute/x/y", true, 0, "/etc/x/y" },	/* "/" is the root */
	{ "/absolute/file", false, 0, "/etc/file" },
	{ "/../../x", true, 0, "/x" },
	{ "/beside", true, -EEXIST, NULL },	/* to a place that is not there */
	{ "/dangling", true, -EEXIST, NULL },
	{ "/dangling", false, 0, "/nowhere" },	/* as the link says, in the root */
	{ "/beside", false, 0, "/outside" },
	{ "/dangling/x", true, -EEXIST, NULL },
	{ "/loop", true, -ELOOP, NULL },
	{ "/loop/x", false, -ELOOP, NULL },
};

START_TEST(mount_targets_stay_inside_the_root)
{
	char link[64], path[PATH_MAX], wanted[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	fd = resolve_make_target(root_fd, targets[_i].path, targets[_i].directory, false);
	if (targets[_i].r < 0) {
		ck_assert_int_eq(fd, targets[_i].r);
		ck_assert_int_eq(stat("../outside/x", &st), -1);
		return;
	}
	ck_assert_int_ge(fd, 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	snprintf(wanted, sizeof(wanted), "%s%s", root_path, targets[_i].made);
	ck_assert_str_eq(path, wanted);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(S_ISDIR(st.st_mode), targets[_i].directory);
	close(fd);
}
END_TEST

START_TEST(a_parent_has_a_last_name)
{
	char *name = NULL;
	int fd = resolve_make_parent(root_fd, "/a/b/c/", &name);

	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(name, "c");
	free(name);
	close(fd);
	ck_assert_int_eq(resolve_make_parent(root_fd, "/", &name), -EINVAL);
	ck_assert_int_eq(resolve_make_parent(root_fd, "/a/..", &name), -EINVAL);
}
END_TEST

START_TEST(magic_links_are_not_followed)
{
	ck_assert_int_eq(resolve_open(root_fd, "magic/etc", false), -ENOENT);
}
END_TEST

/* Deeper than any path can be long, and than descriptors may be open. */
START_TEST(a_tree_of_any_depth_is_removed)
{
	int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	for (int i = 0; i < 3000; i++) {
		int next;

		ck_assert_int_eq(mkdirat(fd, "deep", 0755), 0);
		ck_assert_int_eq(mkdirat(fd, "side", 0), 0);
		next = openat(fd, "deep", O_PATH | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(next, 0);
		close(fd);
		fd = next;
	}
	close(fd);
	ck_assert_int_eq(tree_remove(root_fd, "deep"), 0);
	ck_assert_int_eq(stat("deep", &st), -1);
	ck_assert_int_eq(tree_remove(root_fd, "deep"), 0);	/* gone is fine */
}
END_TEST

START_TEST(removing_follows_no_symlink)
{
	struct stat st;

	ck_assert_int_eq(mkdir("../outside/kept", 0755), 0);
	ck_assert_int_eq(mkdir("d", 0755), 0);
	ck_assert_int_eq(symlink("../../outside", "d/link"), 0);
	ck_assert_int_eq(tree_remove(root_fd, "d"), 0);
	ck_assert_int_eq(stat("../outside/kept", &st), 0);
}
END_TEST

UNIT_MAIN("resolve",
	tcase_add_checked_fixture(tc, make_scratch, remove_scratch);
	tcase_add_loop_test(tc, mount_targets_stay_inside_the_root, 0, COUNT(targets));
	tcase_add_test(tc, a_parent_has_a_last_name);
	tcase_add_test(tc, magic_links_are_not_followed);
	tcase_add_test(tc, a_tree_of_any_depth_is_removed);
	tcase_add_test(tc, removing_follows_no_symlink);)
