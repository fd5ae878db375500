/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "procfs/clock.h"
#include "procfs/gather_impl.h"
#include "procfs/text.h"

static const char *const missing_names[MISSING_COUNT] = {
	[MISSING_MEMORY_STAT] = "memory.stat",
	[MISSING_MEMORY_USAGE] = "memory usage",
	[MISSING_SWAP] = "swap usage",
	[MISSING_CPU_USAGE] = "cpu usage",
	[MISSING_CPU_QUOTA] = "cpu quota",
	[MISSING_CPUSET] = "cpuset",
	[MISSING_IO] = "io statistics",
	[MISSING_PIDS] = "pids limit",
	[MISSING_PRESSURE] = "pressure",
	[MISSING_LOAD] = "tasks",
};

const char *gather_missing_name(enum gather_missing what)
{
	return missing_names[what];
}

void gather_miss(const struct gather *g, enum gather_missing what)
{
	if (g->missing)
		__atomic_add_fetch(&g->missing[what], 1, __ATOMIC_RELAXED);
}

int gather_text(const struct gather *g, int place, unsigned level, const char *name,
		struct buf *out)
{
	buf_reset(out);
	return group_read(g->group, place, level, name, out);
}

static void gather_clock(const struct gather *g, struct view *v, uint64_t now)
{
	/*
	 * In a time namespace of its own the container's kernel says how long
	 * it has been up; the two must agree.
	 */
	if (g->clock_offset_ns)
		v->uptime_ns = now + (uint64_t)g->clock_offset_ns;
	else
		v->uptime_ns = now > g->start_ns ? now - g->start_ns : 0;
}

static int gather_btime(const struct gather *g, struct view *v)
{
	int r = host_btime(g->host, &v->btime_s);

	if (r >= 0)
		v->btime_s -= (uint64_t)(g->clock_offset_ns / (int64_t)NS_PER_S);
	return r;
}

static int gather_pids(const struct gather *g, struct view *v)
{
	unsigned depth = group_depth(g->group, CGROUP_PIDS);
	uint64_t limit;

	v->pids_limit = VIEW_UNLIMITED;
	if (!group_has(g->group, CGROUP_PIDS)) {
		gather_miss(g, MISSING_PIDS);
		return 0;
	}
	for (unsigned level = 0; level < depth; level++) {
		int r = group_read_limit(g->group, CGROUP_PIDS, level, "pids.max", &limit);

		if (r < 0)
			return r;
		if (limit < v->pids_limit)
			v->pids_limit = limit;
	}
	return 0;
}

/*
 * One container has the same UUID whenever and as often as it is started here, and
 * another one elsewhere: derived from the host's own, of which it tells nothing.
 */
static int gather_uuid(const struct gather *g, struct view *v)
{
	cleanup_buf struct buf text = BUF_INIT;
	uuid_t host = { 0 }, uuid;

	if (host_read(g->host, "sys/devices/virtual/dmi/id/product_uuid", &text) == 0)
		(void)uuid_parse_range(buf_text(&text), buf_text(&text) +
				       strcspn(buf_text(&text), "\n"), host);
	uuid_generate_sha1(uuid, host, g->name ? g->name : "", g->name ? strlen(g->name) : 0);
	uuid_unparse_lower(uuid, v->uuid);
	return 0;
}

static const struct {
	const char *path, *name;
} pressures[] = {
	{ "proc/pressure/cpu", "cpu.pressure" },
	{ "proc/pressure/io", "io.pressure" },
	{ "proc/pressure/memory", "memory.pressure" },
	{ "proc/pressure/irq", "irq.pressure" },
};

const char *gather_pressure_file(const char *path)
{
	for (size_t i = 0; i < TEXT_COUNT(pressures); i++)
		if (strcmp(pressures[i].path, path) == 0)
			return pressures[i].name;
	return NULL;
}

/* From the container's own directory in the v2 tree, or not at all. */
static int gather_pressure(const struct gather *g, const char *path, struct view *v)
{
	int r = -ENOENT;

	if (group_has(g->group, GROUP_V2) && group_depth(g->group, GROUP_V2) > 0)
		r = gather_text(g, GROUP_V2, 0, gather_pressure_file(path), &v->pressure);
	if (r < 0)
		gather_miss(g, MISSING_PRESSURE);
	return r;
}

/* v1 counts its kills in another file; before Linux 4.13 nowhere. */
static int gather_events(const struct gather *g, struct view *v)
{
	int r = gather_text(g, CGROUP_MEMORY, 0,
			    v->memory.is_v1 ? "memory.oom_control" : "memory.events",
			    &v->memory.oom);

	return r == -ENOENT ? 0 : r;
}

/* The number in "cpu3/..." or "node1/...", the last of them in the path. */
static unsigned path_number(const char *path)
{
	const char *last = strstr(path, "/node/node");

	if (last)
		return (unsigned)strtoul(last + 10, NULL, 10);
	last = strstr(path, "/cpu/cpu");
	return last ? (unsigned)strtoul(last + 8, NULL, 10) : 0;
}

static int gather_limits(struct gather *g, unsigned needs, struct view *v)
{
	int r = 0;

	if (needs & VIEW_MEMORY)
		r = gather_memory(g, v, needs & VIEW_MEMINFO);
	if (r >= 0 && needs & VIEW_EVENTS)
		r = gather_events(g, v);
	if (r >= 0 && needs & VIEW_IO)
		r = gather_io(g, v);
	if (r >= 0 && needs & VIEW_PIDS)
		r = gather_pids(g, v);
	if (r >= 0 && needs & VIEW_NODES)
		r = gather_nodes(g, v);
	if (r >= 0 && needs & VIEW_NUMA)
		r = gather_numa(g, v);
	return r;
}

static int gather_time(struct gather *g, unsigned needs, struct view *v)
{
	uint64_t now = clock_now_ns();
	int r = 0;

	if (needs & (VIEW_CPUS | VIEW_TIMES))
		r = gather_cpus(g, v);
	if (needs & (VIEW_CLOCK | VIEW_TIMES))
		gather_clock(g, v, now);
	if (r >= 0 && needs & VIEW_TIMES)
		r = gather_times(g, v, now);
	if (r >= 0 && needs & VIEW_BTIME)
		r = gather_btime(g, v);
	return r;
}

int gather_view(struct gather *g, unsigned needs, const char *host_path, struct view *v)
{
	int r;

	v->renumber = g->policy->renumber;
	v->number = host_path ? path_number(host_path) : 0;

	r = gather_time(g, needs, v);
	if (r >= 0)
		r = gather_limits(g, needs, v);
	if (r >= 0 && needs & VIEW_HUGE)
		r = gather_huge_file(g, host_path, v);
	if (r >= 0 && needs & VIEW_PRESSURE)
		r = gather_pressure(g, host_path, v);
	if (r >= 0 && needs & VIEW_UUID)
		r = gather_uuid(g, v);
	if (r >= 0 && needs & VIEW_CPUINFO)
		r = host_cpuinfo(g->host, &v->host_text);
	if (r >= 0 && needs & VIEW_HOST)
		r = host_read(g->host, host_path, &v->host_text);
	return r;
}
