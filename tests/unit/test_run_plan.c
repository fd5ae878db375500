/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/run_config.h"

#include <string.h>
#include <sys/mount.h>

#include "launcher/rootfs.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define MAX_WORDS 12

/* The plan for a command line that ends with "-- cmd arg"; NULL with @f. */
static struct plan *plan_for(const char *const *words, struct fault *f)
{
	struct run_config c = { 0 };
	struct plan *plan = NULL;
	const char *argv[MAX_WORDS + 4];
	int argc = 0, command = 0;

	while (words[argc]) {
		argv[argc] = words[argc];
		argc++;
	}
	argv[argc++] = "--";
	argv[argc++] = "cmd";
	argv[argc++] = "arg";
	argv[argc] = NULL;
	if (run_config_parse(argc, (char *const *)argv, &c, &command, f) == 0)
		(void)run_config_plan(&c, c.name ? c.name : "test", (char *const *)argv + command,
				      &plan, f);
	run_config_done(&c);
	return plan;
}

#define PLAN(...) plan_for((const char *const[]){ __VA_ARGS__, NULL }, &f)

START_TEST(the_plainest_run_has_all_namespaces_and_usual_rights)
{
	struct fault f = FAULT_INIT;
	struct plan *p = PLAN("--tty=0");

	ck_assert_ptr_nonnull(p);
	for (int i = 0; i < NS_COUNT; i++)
		ck_assert_int_eq(p->ns[i].how, i == NS_USER ? NS_SHARE : NS_NEW);
	ck_assert(p->init && p->views && p->loopback_up && p->clocks_from_zero);
	ck_assert(p->process.no_new_privs);
	ck_assert_uint_eq(p->process.caps[CAP_SET_BOUNDING], 0xa80425fb);
	ck_assert_uint_eq(p->process.caps[CAP_SET_INHERITABLE], 0);
	ck_assert_uint_eq(p->process.args.count, 2);
	ck_assert_str_eq(p->process.args.items[1], "arg");
	ck_assert_str_eq(p->hostname, "test");
	ck_assert_str_eq(p->cgroup_path, "/nacre/test");
	ck_assert(limits_are_unset(&p->limits));
	ck_assert_uint_gt(p->masked.count, 5);
	plan_free(p);
}
END_TEST

START_TEST(limits_are_in_the_plan)
{
	struct fault f = FAULT_INIT;
	struct plan *p = PLAN("-m", "256M", "--cpus", "1.5", "--pids", "10");

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(p->limits.memory_bytes, 256 << 20);
	ck_assert_int_eq(p->limits.memory_swap_bytes, 256 << 20);	/* no swap beyond */
	ck_assert_int_eq(p->limits.cpu_quota_us, 150000);
	ck_assert_uint_eq(p->limits.cpu_count, 2);
	ck_assert_int_eq(p->limits.pids_max, 11);	/* pid 1 is ours */
	plan_free(p);
}
END_TEST

START_TEST(a_cpuset_is_used_as_given)
{
	struct fault f = FAULT_INIT;
	struct plan *p = PLAN("--cpuset", "0-1", "--cpus", "2");

	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(p->limits.cpuset_cpus, "0-1");
	ck_assert_uint_eq(p->limits.cpu_count, 0);
	ck_assert_int_eq(p->limits.cpu_quota_us, LIMIT_UNSET);	/* two of two: no quota */
	plan_free(p);
}
END_TEST

static const struct plan_mount *find_mount(const struct plan *p, const char *target)
{
	for (size_t i = 0; i < p->mount_count; i++)
		if (strcmp(p->mounts[i].target, target) == 0)
			return &p->mounts[i];
	return NULL;
}

static const struct { const char *bind, *source, *target; bool read_only; } binds[] = {
	{ "/a:/b", "/a", "/b", false },
	{ "/a:/b:ro", "/a", "/b", true },
	{ "/a:/b:rw", "/a", "/b", false },
	{ "/a\\:b:/c\\:d", "/a:b", "/c:d", false },
	{ "/a\\\\b:/c", "/a\\b", "/c", false },
};

START_TEST(a_bind_names_source_and_target)
{
	struct fault f = FAULT_INIT;
	struct plan *p = PLAN("--bind", binds[_i].bind);
	const struct plan_mount *m = p ? find_mount(p, binds[_i].target) : NULL;

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(m->kind, MOUNT_KIND_BIND);
	ck_assert_str_eq(m->source, binds[_i].source);
	ck_assert_int_eq((m->rec_set & MOUNT_ATTR_RDONLY) != 0, binds[_i].read_only);
	plan_free(p);
}
END_TEST

START_TEST(the_last_of_equal_variables_wins)
{
	struct fault f = FAULT_INIT;
	struct plan *p = PLAN("-e", "A=1", "-e", "B=x=y", "-e", "A=2", "-e", "PATH=/mine");

	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(plan_env(&p->process, "A"), "2");
	ck_assert_str_eq(plan_env(&p->process, "B"), "x=y");
	ck_assert_str_eq(plan_env(&p->process, "PATH"), "/mine");
	ck_assert_ptr_null(plan_env(&p->process, "C"));
	plan_free(p);
}
END_TEST

START_TEST(an_ordinary_user_gets_no_capabilities)
{
	struct fault f = FAULT_INIT;
	struct plan *p = PLAN("--user", "1000:100", "--cap-add", "sys_admin");

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p->process.uid, 1000);
	ck_assert_uint_eq(p->process.gid, 100);
	ck_assert_uint_eq(p->process.caps[CAP_SET_EFFECTIVE], 0);
	ck_assert_uint_eq(p->process.caps[CAP_SET_BOUNDING], 0xa80425fb | 1 << 21);
	plan_free(p);
}
END_TEST

static const struct { const char *words[MAX_WORDS]; const char *part; } wrong[] = {
	{ { "--memory", "1K" }, "--memory" },
	{ { "--memory", "x" }, "'x'" },
	{ { "--cpus", "-1" }, "'-1'" },
	{ { "--cpuset", "," }, "','" },
	{ { "--name", "a b" }, "'a b'" },
	{ { "--name", ".." }, "'..'" },
	{ { "--name", "" }, "''" },
	{ { "--user", "1:2:3" }, "'1:2:3'" },
	{ { "--user", ":" }, "':'" },
	{ { "--bind", "/a:/b:maybe" }, "'/a:/b:maybe'" },
	{ { "--bind", ":/b" }, "':/b'" },
	{ { "--env", "=x" }, "'=x'" },
	{ { "--tmpfs", "here" }, "'here'" },
	{ { "--tmpfs", "/x:big" }, "'big'" },
	{ { "--rlimit", "nofile=9:1" }, "'nofile=9:1'" },
	{ { "--rlimit", "nofiles=9" }, "'nofiles=9'" },
	{ { "--cap-drop", "21" }, "'21'" },
	{ { "--sysctl", "a.b" }, "'a.b'" },
	{ { "--lower", "" }, "--lower" },
	{ { "--rootfs-driver", "directory" }, "'directory'" },
};

START_TEST(what_is_wrong_is_named)
{
	struct fault f = FAULT_INIT;

	ck_assert_ptr_null(plan_for(wrong[_i].words, &f));
	ck_assert_ptr_nonnull(strstr(f.text, wrong[_i].part));
}
END_TEST

static const struct { const char *lower, *upper, *options; } unions[] = {
	{ "/l", NULL, "lowerdir=/l" },
	{ "/l", "/u", "lowerdir=/l,upperdir=/u,workdir=/w" },
	{ "/a:b", "/u", "lowerdir=/a\\:b,upperdir=/u,workdir=/w" },
	{ "/a,b", "/u,v", "lowerdir=/a\\,b,upperdir=/u\\,v,workdir=/w" },
	{ "/a\\b", NULL, "lowerdir=/a\\\\b" },
	{ "/\"q\"", NULL, "lowerdir=/\\\"q\\\"" },
};

START_TEST(layer_paths_are_escaped_for_the_union)
{
	struct opt_list lowers = { 0 };
	char *options;

	ck_assert_int_eq(opt_list_add(&lowers, unions[_i].lower), 0);
	options = rootfs_union_options(&lowers, unions[_i].upper, "/w");
	ck_assert_str_eq(options, unions[_i].options);
	free(options);
	opt_list_done(&lowers);
}
END_TEST

START_TEST(id_maps_are_followed)
{
	struct idmap map = { 0 };

	ck_assert_int_eq(idmap_add(&map, 0, 1000, 1), 0);
	ck_assert_int_eq(idmap_add(&map, 1, 100000, 65535), 0);
	ck_assert_int_eq(idmap_to_outside(&map, 0), 1000);
	ck_assert_int_eq(idmap_to_outside(&map, 65535), 165534);
	ck_assert_int_eq(idmap_to_outside(&map, 65536), -1);
	free(map.ranges);
}
END_TEST

UNIT_MAIN("run_plan",
	tcase_add_test(tc, the_plainest_run_has_all_namespaces_and_usual_rights);
	tcase_add_test(tc, limits_are_in_the_plan);
	tcase_add_test(tc, a_cpuset_is_used_as_given);
	tcase_add_loop_test(tc, a_bind_names_source_and_target, 0, COUNT(binds));
	tcase_add_test(tc, the_last_of_equal_variables_wins);
	tcase_add_test(tc, an_ordinary_user_gets_no_capabilities);
	tcase_add_loop_test(tc, what_is_wrong_is_named, 0, COUNT(wrong));
	tcase_add_loop_test(tc, layer_paths_are_escaped_for_the_union, 0, COUNT(unions));
	tcase_add_test(tc, id_maps_are_followed);)
