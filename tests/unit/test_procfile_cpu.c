/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/file.h"

#include "tests/unit/recorded.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define DEEP "/a/b/c/d/e/f"
#define CPU "sys/devices/system/cpu/"

static const struct {
	const char *host, *cgroup, *file, *expect;
	bool renumber;
	enum view_rounding rounding;
} texts[] = {
	/* Level a grants 1.5 CPUs; the cpuset has 1,3,5-7. */
	{ "v2.host", DEEP, CPU "online", "1,3\n", false, VIEW_ROUND_UP },
	{ "v2.host", DEEP, CPU "online", "1\n", false, VIEW_ROUND_DOWN },
	{ "v2.host", DEEP, CPU "online", "1,3\n", false, VIEW_ROUND_NEAREST },
	{ "v2.host", DEEP, CPU "online", "0-1\n", true, VIEW_ROUND_UP },
	{ "v2.host", DEEP, CPU "possible", "1,3\n", false, VIEW_ROUND_UP },
	{ "v2.host", DEEP, CPU "present", "1,3\n", false, VIEW_ROUND_UP },
	{ "v2.host", DEEP, CPU "offline", "\n", false, VIEW_ROUND_UP },
	{ "v2.host", "/full", CPU "online", "0\n", false, VIEW_ROUND_UP },	/* half a CPU */
	{ "v2.host", "/full", CPU "online", "0\n", false, VIEW_ROUND_DOWN },	/* never none */
	{ "v2.host", "/bare", CPU "online", "0-7\n", false, VIEW_ROUND_UP },
	{ "v1.host", "/a/b/c", CPU "online", "1,3\n", false, VIEW_ROUND_UP },
	{ "v1.host", "/plain", CPU "online", "0-7\n", false, VIEW_ROUND_UP },
	{ "hybrid.host", "/a/b/c", CPU "online", "1,3\n", false, VIEW_ROUND_UP },
	/* Hidden siblings vanish from masks and lists, whose width stays. */
	{ "v2.host", DEEP, CPU "cpu1/topology/core_cpus_list", "1\n", false, VIEW_ROUND_UP },
	{ "v2.host", DEEP, CPU "cpu1/topology/package_cpus", "0a\n", false, VIEW_ROUND_UP },
	{ "v2.host", DEEP, CPU "cpu3/topology/package_cpus", "03\n", true, VIEW_ROUND_UP },
};

START_TEST(cpu_lists_agree_with_quota_and_cpuset)
{
	struct recorded r;
	char *text;

	recorded_open(&r, texts[_i].host, texts[_i].cgroup);
	r.policy.renumber = texts[_i].renumber;
	r.policy.rounding = texts[_i].rounding;
	text = recorded_render(&r, texts[_i].file);
	ck_assert_str_eq(text, texts[_i].expect);
	free(text);
	recorded_close(&r);
}
END_TEST

static const struct {
	const char *host, *cgroup, *name, *expect;	/* user nice system */
} rows[] = {
	{ "v2.host", DEEP, "cpu", "500 100 300" },	/* nice is part of the kernel's user */
	{ "v2.host", DEEP, "cpu1", "250 50 150" },
	{ "v2.host", DEEP, "cpu3", "250 50 150" },
	{ "v2.host", "/bare", "cpu", "24 0 16" },	/* 30 and 20, in rows of 3 and 2 each */
	{ "v1.host", "/plain", "cpu", "3600 0 2800" },
	{ "v1.host", "/plain", "cpu0", "100 0 0" },	/* each CPU's own */
	{ "v1.host", "/plain", "cpu7", "800 0 700" },
	{ "v1.host", "/a/b/c", "cpu", "3600 0 2800" },	/* hidden CPUs' time is not lost */
	{ "v1.host", "/full", "cpu", "600 0 300" },	/* usage_percpu, before Linux 4.7 */
	{ "hybrid.host", "/a/b/c", "cpu", "500 100 300" },
};

START_TEST(stat_shows_what_the_kernel_counted)
{
	struct recorded r;
	char *text, *line;

	recorded_open(&r, rows[_i].host, rows[_i].cgroup);
	text = recorded_render(&r, "proc/stat");
	line = recorded_line(text, rows[_i].name);
	ck_assert_ptr_nonnull(line);
	line[strlen(rows[_i].expect)] = '\0';
	ck_assert_str_eq(line, rows[_i].expect);
	recorded_check(text, "btime", "1700000000");
	recorded_check(text, "intr", "0");
	free(line);
	free(text);
	recorded_close(&r);
}
END_TEST

static int count_lines(const char *text, const char *start)
{
	int count = strncmp(text, start, strlen(start)) == 0;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		count += strncmp(p + 1, start, strlen(start)) == 0;
	return count;
}

START_TEST(every_file_has_the_same_cpus)
{
	struct recorded r;
	char *stat, *cpuinfo;

	recorded_open(&r, "v2.host", DEEP);
	stat = recorded_render(&r, "proc/stat");
	cpuinfo = recorded_render(&r, "proc/cpuinfo");
	ck_assert_int_eq(count_lines(stat, "cpu"), 3);
	ck_assert_int_eq(count_lines(cpuinfo, "processor"), 2);
	ck_assert_ptr_nonnull(strstr(cpuinfo, "processor\t: 1\n"));
	ck_assert_ptr_nonnull(strstr(cpuinfo, "processor\t: 3\n"));
	/* 1 and 3 are on different cores of one package. */
	ck_assert_int_eq(count_lines(cpuinfo, "siblings\t: 2"), 2);
	ck_assert_int_eq(count_lines(cpuinfo, "cpu cores\t: 2"), 2);
	free(stat);
	free(cpuinfo);
	recorded_close(&r);
}
END_TEST

START_TEST(renumbered_cpus_begin_at_0_everywhere)
{
	struct recorded r;
	char *stat, *cpuinfo;

	recorded_open(&r, "v2.host", DEEP);
	r.policy.renumber = true;
	stat = recorded_render(&r, "proc/stat");
	cpuinfo = recorded_render(&r, "proc/cpuinfo");
	ck_assert_int_eq(count_lines(stat, "cpu0 "), 1);
	ck_assert_int_eq(count_lines(stat, "cpu1 "), 1);
	ck_assert_int_eq(count_lines(stat, "cpu3 "), 0);
	ck_assert_ptr_nonnull(strstr(cpuinfo, "processor\t: 0\n"));
	ck_assert_ptr_nonnull(strstr(cpuinfo, "processor\t: 1\n"));
	free(stat);
	free(cpuinfo);
	recorded_close(&r);
}
END_TEST

START_TEST(throttled_time_is_steal_if_asked_for)
{
	struct recorded r;
	char *text, *line;
	unsigned long long steal;

	recorded_open(&r, "v1.host", "/a/b/c");
	r.start_ns = 1;		/* long ago: there is idle time to take it from */
	r.policy.throttled_is_steal = true;
	text = recorded_render(&r, "proc/stat");
	line = recorded_line(text, "cpu");
	ck_assert_int_eq(sscanf(line, "%*u %*u %*u %*u %*u %*u %*u %llu", &steal), 1);
	ck_assert_uint_eq(steal, 200);
	free(line);
	free(text);
	recorded_close(&r);
}
END_TEST

START_TEST(uptime_counts_from_the_containers_start)
{
	struct recorded r;
	char *text;
	double up, idle;

	recorded_open(&r, "v2.host", DEEP);
	r.start_ns = clock_now_ns() - 100 * NS_PER_S;
	text = recorded_render(&r, "proc/uptime");
	ck_assert_int_eq(sscanf(text, "%lf %lf\n", &up, &idle), 2);
	ck_assert_double_ge(up, 100);
	ck_assert_double_lt(up, 160);
	/* Two CPUs, 9 s used. */
	ck_assert_double_eq_tol(idle, 2 * up - 9, 0.05);
	free(text);
	recorded_close(&r);
}
END_TEST

UNIT_MAIN("procfile_cpu",
	tcase_add_loop_test(tc, cpu_lists_agree_with_quota_and_cpuset, 0, COUNT(texts));
	tcase_add_loop_test(tc, stat_shows_what_the_kernel_counted, 0, COUNT(rows));
	tcase_add_test(tc, every_file_has_the_same_cpus);
	tcase_add_test(tc, renumbered_cpus_begin_at_0_everywhere);
	tcase_add_test(tc, throttled_time_is_steal_if_asked_for);
	tcase_add_test(tc, uptime_counts_from_the_containers_start);)
