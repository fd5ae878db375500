/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/cgroup.h"
#include "common/cgroup_discover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cgroup_tree.h"
#include "common/cleanup.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct cgroup_layout *open_host(const char *name, char **ret_root)
{
	struct cgroup_layout *layout = NULL;

	*ret_root = fixture_unpack(name);
	ck_assert_int_eq(cgroup_layout_open(*ret_root, &layout), 0);
	return layout;
}

static const struct {
	const char *host;
	enum cgroup_controller controller;
	enum cgroup_version version;
} served[] = {
	{ "layout-v1.host", CGROUP_CPU, CGROUP_V1 },
	{ "layout-v1.host", CGROUP_CPUACCT, CGROUP_V1 },
	{ "layout-v1.host", CGROUP_MEMORY, CGROUP_V1 },
	{ "layout-v1.host", CGROUP_CPUSET, CGROUP_V1 },	/* a blank in the mountpoint */
	{ "layout-v1.host", CGROUP_IO, CGROUP_V1 },	/* called blkio */
	{ "layout-v1.host", CGROUP_PIDS, CGROUP_ABSENT },
	{ "layout-v1.host", CGROUP_DEVICES, CGROUP_ABSENT },
	{ "layout-v2.host", CGROUP_CPU, CGROUP_V2 },
	{ "layout-v2.host", CGROUP_CPUACCT, CGROUP_V2 },
	{ "layout-v2.host", CGROUP_IO, CGROUP_V2 },
	{ "layout-v2.host", CGROUP_PIDS, CGROUP_ABSENT },	/* not in cgroup.controllers */
	{ "layout-v2.host", CGROUP_FREEZER, CGROUP_V2 },	/* needs no controller */
	{ "layout-hybrid.host", CGROUP_CPU, CGROUP_V1 },
	{ "layout-hybrid.host", CGROUP_MEMORY, CGROUP_V1 },
	{ "layout-hybrid.host", CGROUP_PIDS, CGROUP_V2 },
	{ "layout-hybrid.host", CGROUP_CPUACCT, CGROUP_V2 },	/* cpu.stat is always there */
	{ "layout-hybrid.host", CGROUP_CPUSET, CGROUP_ABSENT },	/* its mount is gone */
};

START_TEST(each_controller_is_found_in_the_hierarchy_that_serves_it)
{
	char *root;
	struct cgroup_layout *layout = open_host(served[_i].host, &root);

	ck_assert_int_eq(cgroup_layout_version(layout, served[_i].controller),
			 served[_i].version);
	ck_assert_int_eq(cgroup_layout_root_fd(layout, served[_i].controller) < 0,
			 served[_i].version == CGROUP_ABSENT);
	cgroup_layout_close(layout);
	fixture_remove(root);
}
END_TEST

static const struct {
	const char *host;
	enum cgroup_controller controller;
	pid_t pid;
	int expect;
	const char *path;
} paths[] = {
	{ "layout-v1.host", CGROUP_MEMORY, 77, 0, "/a/b:with:colons" },
	{ "layout-v1.host", CGROUP_CPUACCT, 77, 0, "/a" },
	{ "layout-v1.host", CGROUP_CPUSET, 77, 0, "/" },
	{ "layout-v1.host", CGROUP_PIDS, 77, -ENODEV, NULL },
	{ "layout-v1.host", CGROUP_MEMORY, 79, -ESRCH, NULL },
	{ "layout-v2.host", CGROUP_MEMORY, 77, 0, "/system.slice/a.service" },
	{ "layout-v2.host", CGROUP_MEMORY, 78, -EXDEV, NULL },	/* above our namespace */
	{ "layout-hybrid.host", CGROUP_MEMORY, 77, 0, "/docker/abc" },	/* the whole one wins */
	{ "layout-hybrid.host", CGROUP_FREEZER, 77, 0, "/init" },	/* relative to the part shown */
	{ "layout-hybrid.host", CGROUP_FREEZER, 78, -EXDEV, NULL },	/* abcd is not below abc */
	{ "layout-hybrid.host", CGROUP_PIDS, 77, 0, "/app" },
};

START_TEST(a_process_is_found_by_controller)
{
	char *root;
	struct cgroup_layout *layout = open_host(paths[_i].host, &root);
	cleanup_free char *path = NULL;

	ck_assert_int_eq(cgroup_path_of(layout, paths[_i].controller, paths[_i].pid, &path),
			 paths[_i].expect);
	if (paths[_i].path)
		ck_assert_str_eq(path, paths[_i].path);
	cgroup_layout_close(layout);
	fixture_remove(root);
}
END_TEST

START_TEST(a_path_cannot_leave_its_hierarchy)
{
	char *root;
	struct cgroup_layout *layout = open_host("layout-v1.host", &root);
	int memory = cgroup_layout_root_fd(layout, CGROUP_MEMORY);
	cleanup_fd int inside = cgroup_open_at(memory, "/a/b:with:colons");

	ck_assert_int_ge(inside, 0);
	ck_assert_int_ge(faccessat(inside, "memory.limit_in_bytes", R_OK, 0), 0);
	ck_assert_int_eq(cgroup_open_at(memory, "/a/../../cpu,cpuacct"), -EXDEV);
	ck_assert_int_eq(cgroup_open_at(memory, "/none"), -ENOENT);
	cgroup_layout_close(layout);
	fixture_remove(root);
}
END_TEST

START_TEST(the_v2_tree_is_known_where_it_serves_nothing_of_use)
{
	char *root;
	struct cgroup_layout *layout = open_host("layout-hybrid.host", &root);
	cleanup_free char *path = NULL;

	ck_assert_int_ge(cgroup_layout_v2_fd(layout), 0);
	ck_assert_int_eq(cgroup_v2_path_of(layout, 77, &path), 0);
	ck_assert_str_eq(path, "/app");
	cgroup_layout_close(layout);
	fixture_remove(root);

	layout = open_host("layout-v1.host", &root);
	ck_assert_int_eq(cgroup_layout_v2_fd(layout), -1);
	ck_assert_int_eq(cgroup_v2_path_of(layout, 77, &path), -ENODEV);
	cgroup_layout_close(layout);
	fixture_remove(root);
}
END_TEST

START_TEST(a_host_without_cgroups_is_said_so)
{
	struct cgroup_layout *layout = NULL;
	char *root = fixture_unpack("layout-v2.host");

	fixture_write(root, "proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	ck_assert_int_eq(cgroup_layout_open(root, &layout), -ENOENT);
	fixture_remove(root);
}
END_TEST

START_TEST(the_host_at_hand_can_be_read)
{
	struct cgroup_layout *layout = NULL;
	cleanup_free char *path = NULL;
	int r = cgroup_layout_open(NULL, &layout);

	if (r == -ENOENT)
		return;	/* a build chroot without cgroups */
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(cgroup_discover(layout), 0);
	if (cgroup_layout_version(layout, CGROUP_MEMORY) != CGROUP_ABSENT) {
		cleanup_fd int fd = -1;

		ck_assert_int_eq(cgroup_path_of(layout, CGROUP_MEMORY, getpid(), &path), 0);
		fd = cgroup_open_at(cgroup_layout_root_fd(layout, CGROUP_MEMORY), path);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(faccessat(fd, "cgroup.procs", F_OK, 0), 0);
	}
	cgroup_layout_close(layout);
}
END_TEST

/* As a container does that ends while another begins: once for each byte, which comes
 * back when the parent was removed, or is in use. */
static pid_t begin_removing(int root_fd, const char *name, int turn_fd)
{
	pid_t pid = fork();
	char turn;

	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pid == 0 && read(turn_fd, &turn, 1) == 1) {
		while (unlinkat(root_fd, name, AT_REMOVEDIR) < 0 && errno == ENOENT)
			;	/* it is being made */
		if (write(turn_fd, &turn, 1) != 1)
			_exit(1);
	}
	return pid;
}

START_TEST(a_parent_that_is_taken_away_is_made_again)
{
	static const struct cgroup_tree_rules rules = { .copy_cpuset = true };
	cleanup_fd int root_fd = open("/sys/fs/cgroup/cpuset", O_RDONLY | O_DIRECTORY);
	char parent[32], path[40];
	unsigned made;
	int turns[2];
	pid_t remover;
	char turn = 0;

	snprintf(parent, sizeof(parent), "nacre-unit-%d", (int)getpid());
	snprintf(path, sizeof(path), "/%s/x", parent);
	if (root_fd < 0 || mkdirat(root_fd, parent, 0755) < 0)
		return;		/* there is none that we may change */

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, turns), 0);
	remover = begin_removing(root_fd, parent, turns[0]);
	for (int i = 0; i < 2000; i++) {
		cleanup_fd int fd = -1;

		ck_assert_int_eq(write(turns[1], &turn, 1), 1);
		ck_assert_int_eq(cgroup_tree_make(root_fd, path, &rules, &fd, &made), 0);
		ck_assert_int_eq(read(turns[1], &turn, 1), 1);
		ck_assert_int_eq(unlinkat(root_fd, path + 1, AT_REMOVEDIR), 0);
	}
	kill(remover, SIGKILL);
	waitpid(remover, NULL, 0);
	close(turns[0]);
	close(turns[1]);
	(void)unlinkat(root_fd, parent, AT_REMOVEDIR);
}
END_TEST

UNIT_MAIN("cgroup",
	tcase_add_loop_test(tc, each_controller_is_found_in_the_hierarchy_that_serves_it, 0,
			    COUNT(served));
	tcase_add_loop_test(tc, a_process_is_found_by_controller, 0, COUNT(paths));
	tcase_add_test(tc, a_path_cannot_leave_its_hierarchy);
	tcase_add_test(tc, the_v2_tree_is_known_where_it_serves_nothing_of_use);
	tcase_add_test(tc, a_host_without_cgroups_is_said_so);
	tcase_add_test(tc, the_host_at_hand_can_be_read);
	tcase_add_test(tc, a_parent_that_is_taken_away_is_made_again);)
