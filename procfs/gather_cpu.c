/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/gather_cpu.c - which CPUs a container sees, and what it used of them */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "procfs/gather_impl.h"
#include "procfs/text.h"

#define NS_PER_US 1000

struct quota {
	uint64_t quota_us, period_us;
};

/* "QUOTA PERIOD", where QUOTA may be "max". */
static int read_quota_v2(struct gather *g, unsigned level, struct buf *text,
			 struct quota *q)
{
	int r = gather_text(g, CGROUP_CPU, level, "cpu.max", text);
	const char *period = strchr(buf_text(text), ' ');

	if (r < 0)
		return r;
	q->quota_us = text_limit(buf_text(text));
	q->period_us = period ? strtoull(period, NULL, 10) : 0;
	return 0;
}

static int read_quota_v1(struct gather *g, unsigned level, struct quota *q)
{
	int r = group_read_limit(g->group, CGROUP_CPU, level, "cpu.cfs_quota_us",
				 &q->quota_us);

	if (r < 0 || q->quota_us == VIEW_UNLIMITED)
		return r;
	return group_read_limit(g->group, CGROUP_CPU, level, "cpu.cfs_period_us",
				&q->period_us);
}

/* The tightest of all levels: v2 lets a child have more than its parent. */
static int gather_quota(struct gather *g, struct quota *ret)
{
	cleanup_buf struct buf text = BUF_INIT;
	unsigned depth = group_depth(g->group, CGROUP_CPU);

	*ret = (struct quota){ VIEW_UNLIMITED, 0 };
	if (!group_has(g->group, CGROUP_CPU)) {
		gather_miss(g, MISSING_CPU_QUOTA);
		return 0;
	}

	for (unsigned level = 0; level < depth; level++) {
		struct quota q = { VIEW_UNLIMITED, 0 };
		int r;

		if (group_version(g->group, CGROUP_CPU) == CGROUP_V2)
			r = read_quota_v2(g, level, &text, &q);
		else
			r = read_quota_v1(g, level, &q);
		if (r < 0 && r != -ENOENT)
			return r;
		if (view_quota_is_less(q.quota_us, q.period_us, ret->quota_us,
				       ret->period_us))
			*ret = q;
	}
	return 0;
}

/*
 * What the kernel grants (effective), not what was asked for: the two differ
 * when an ancestor is narrower or a CPU was unplugged. In v2 the file exists
 * only where the controller is on; the nearest level above that has it decides.
 */
int gather_set(struct gather *g, const char *v1_name, const char *v2_name,
	       struct cpus *ret_set)
{
	cleanup_buf struct buf text = BUF_INIT;
	bool v2 = group_version(g->group, CGROUP_CPUSET) == CGROUP_V2;
	unsigned depth = group_depth(g->group, CGROUP_CPUSET);
	int r = -ENOENT;

	for (unsigned level = 0; r == -ENOENT && level < depth; level++)
		r = gather_text(g, CGROUP_CPUSET, level, v2 ? v2_name : v1_name, &text);
	if (r < 0)
		return r;
	return cpus_parse_list(buf_text(&text), ret_set);
}

int gather_cpus(struct gather *g, struct view *v)
{
	struct cpus online, set;
	struct quota quota;
	int r = host_online(g->host, &online);

	if (r >= 0)
		r = gather_quota(g, &quota);
	if (r < 0)
		return r;

	set = online;
	if (!group_has(g->group, CGROUP_CPUSET))
		gather_miss(g, MISSING_CPUSET);
	r = gather_set(g, "cpuset.effective_cpus", "cpuset.cpus.effective", &set);
	if (r < 0 && r != -ENOENT)
		return r;

	cpus_and(&set, &online);
	if (cpus_count(&set) == 0)	/* between two steps of a hot-unplug */
		set = online;
	v->cpu_count = view_cpu_count(quota.quota_us, quota.period_us, cpus_count(&set),
				      g->policy->rounding);
	cpus_first(&set, v->cpu_count);
	v->visible = set;
	return 0;
}

/* Lines of "CPU USER SYSTEM", all ns, after one with the columns' names. */
static void parse_usage_all(const char *text, struct cpu_times *list, unsigned count)
{
	for (const char *p = strchr(text, '\n'); p && p[1]; p = strchr(p + 1, '\n')) {
		char *end;
		unsigned long cpu = strtoul(p + 1, &end, 10);

		if (cpu >= count)
			continue;
		list[cpu].user_ns = strtoull(end, &end, 10);
		list[cpu].system_ns = strtoull(end, &end, 10);
	}
}

/* Linux before 4.7 has no usage_all: each CPU's time is split as the whole cgroup's. */
static int split_as_whole(struct gather *g, struct cpu_times *list, unsigned count)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = gather_text(g, CGROUP_CPUACCT, 0, "cpuacct.stat", &text);

	if (r < 0)
		return r;
	for (unsigned cpu = 0; cpu < count; cpu++) {
		list[cpu].user_ns = text_value(buf_text(&text), "user", 0);
		list[cpu].system_ns = text_value(buf_text(&text), "system", 0);
	}
	return 0;
}

/*
 * How much time is in usage_percpu; on recent kernels the columns of usage_all are ticks
 * that the clock found in user mode and in the kernel. They differ by some percent where
 * a quota lets processes run in step with the clock.
 */
static int read_times_v1(struct gather *g, struct cpu_times *list, uint64_t *exact,
			 unsigned count)
{
	cleanup_buf struct buf text = BUF_INIT;
	char *p;
	int r = gather_text(g, CGROUP_CPUACCT, 0, "cpuacct.usage_all", &text);

	if (r >= 0)
		parse_usage_all(buf_text(&text), list, count);
	else if (r == -ENOENT)
		r = split_as_whole(g, list, count);
	if (r >= 0)
		r = gather_text(g, CGROUP_CPUACCT, 0, "cpuacct.usage_percpu", &text);
	if (r < 0)
		return r;
	p = text.data;
	for (unsigned cpu = 0; p && cpu < count; cpu++)
		exact[cpu] = strtoull(p, &p, 10);
	return 0;
}

static const struct text_field cpu_stat_fields[] = {
	{ "user_usec", offsetof(struct cpu_times, user_ns) },
	{ "system_usec", offsetof(struct cpu_times, system_ns) },
	{ "nice_usec", offsetof(struct cpu_times, nice_ns) },
};

static int read_times_v2(struct gather *g, struct cpu_times *total)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = gather_text(g, CGROUP_CPUACCT, 0, "cpu.stat", &text);

	if (r < 0)
		return r;
	text_fields(buf_text(&text), cpu_stat_fields, TEXT_COUNT(cpu_stat_fields), total);
	total->nice_ns *= NS_PER_US;	/* part of user_usec */
	total->system_ns *= NS_PER_US;
	total->user_ns *= NS_PER_US;
	total->user_ns -= total->nice_ns < total->user_ns ? total->nice_ns : total->user_ns;
	return 0;
}

/* v1 counts in ns under one name, v2 in µs under another. */
static int read_throttled(struct gather *g, uint64_t *ret_ns)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	*ret_ns = 0;
	if (!g->policy->throttled_is_steal || !group_has(g->group, CGROUP_CPU))
		return 0;

	r = gather_text(g, CGROUP_CPU, 0, "cpu.stat", &text);
	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		*ret_ns = text_value(buf_text(&text), "throttled_time",
				     NS_PER_US * text_value(buf_text(&text),
							    "throttled_usec", 0));
	return r;
}

static int take_rows(struct view *v, const struct account *a)
{
	unsigned i = 0;

	v->rows = calloc(v->cpu_count, sizeof(*v->rows));
	if (!v->rows)
		return -ENOMEM;
	cpus_for_each(cpu, &v->visible) {
		v->rows[i] = *account_row(a, cpu);
		v->idle_ns += v->rows[i++].idle_ns;
	}
	return 0;
}

/* Fills @in's times; @list and @exact have room for one entry per possible CPU. */
static int read_times(struct gather *g, struct cpu_times *list, uint64_t *exact,
		      unsigned count, struct account_input *in)
{
	enum cgroup_version version = group_version(g->group, CGROUP_CPUACCT);
	int r = -ENOENT;

	if (version == CGROUP_V1) {
		in->per_cpu = list;
		in->per_cpu_ns = exact;
		r = read_times_v1(g, list, exact, count);
	} else if (version == CGROUP_V2) {
		r = read_times_v2(g, &in->total);
	}
	if (r == -ENOENT) {
		gather_miss(g, MISSING_CPU_USAGE);
		in->per_cpu = NULL;
		r = 0;
	}
	return r;
}

int gather_times(struct gather *g, struct view *v, uint64_t now_ns)
{
	unsigned count = host_cpu_count(g->host);
	cleanup_free struct cpu_times *list = calloc(count, sizeof(*list));
	cleanup_free uint64_t *exact = calloc(count, sizeof(*exact));
	cleanup_free struct account *own = NULL;
	struct account *account = g->account;
	struct account_input in = {
		.now_ns = now_ns, .start_ns = g->start_ns, .visible = &v->visible,
	};
	int r;

	if (!account) {
		account = own = malloc(account_size(count));
		if (own)
			account_reset(own, count);
	}
	if (!list || !exact || !account)
		return -ENOMEM;

	r = read_times(g, list, exact, count, &in);
	if (r >= 0)
		r = read_throttled(g, &in.throttled_ns);
	if (r < 0)
		return r;

	account_update(account, &in);
	return take_rows(v, account);
}
