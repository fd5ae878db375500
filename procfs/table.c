/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/table.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "procfs/file.h"

#define CPU  "sys/devices/system/cpu/"
#define NODE "sys/devices/system/node/"
#define HUGE "sys/kernel/mm/hugepages/"

static const struct proc_file files[] = {
	{ "proc/cpuinfo", 0444, VIEW_CPUS | VIEW_CPUINFO, file_cpuinfo },
	{ "proc/loadavg", 0444, VIEW_LOAD, file_loadavg },
	{ "proc/meminfo", 0444, VIEW_MEMORY | VIEW_MEMINFO, file_meminfo },
	{ "proc/stat", 0444, VIEW_TIMES | VIEW_BTIME | VIEW_LOAD, file_stat },
	{ "proc/swaps", 0444, VIEW_MEMORY | VIEW_HOST, file_swaps },
	{ "proc/uptime", 0444, VIEW_TIMES, file_uptime },
	{ "proc/diskstats", 0444, VIEW_IO | VIEW_HOST, file_diskstats },
	{ "proc/partitions", 0444, VIEW_IO | VIEW_HOST, file_partitions },
	{ "proc/vmstat", 0444, VIEW_MEMORY | VIEW_EVENTS | VIEW_IO | VIEW_HOST, file_vmstat },
	{ "proc/slabinfo", 0400, 0, file_slabinfo },
	{ "proc/interrupts", 0444, VIEW_CPUS | VIEW_HOST, file_irq_columns },
	{ "proc/softirqs", 0444, VIEW_CPUS | VIEW_HOST, file_irq_columns },
	{ "proc/schedstat", 0444, VIEW_CPUS | VIEW_HOST, file_schedstat },
	{ "proc/pressure/cpu", 0444, VIEW_PRESSURE, file_pressure },
	{ "proc/pressure/io", 0444, VIEW_PRESSURE, file_pressure },
	{ "proc/pressure/memory", 0444, VIEW_PRESSURE, file_pressure },
	{ "proc/pressure/irq", 0444, VIEW_PRESSURE, file_pressure },
	{ "proc/sys/kernel/pid_max", 0444, VIEW_PIDS | VIEW_HOST, file_pid_max },
	{ "proc/sys/kernel/threads-max", 0444, VIEW_PIDS | VIEW_HOST, file_pid_max },

	{ "sys/devices/virtual/dmi/id/product_uuid", 0400, VIEW_UUID, file_product_uuid },

	{ CPU "online", 0, VIEW_CPUS, file_cpu_all },
	{ CPU "possible", 0, VIEW_CPUS, file_cpu_all },
	{ CPU "present", 0, VIEW_CPUS, file_cpu_all },
	{ CPU "enabled", 0, VIEW_CPUS, file_cpu_all },
	{ CPU "offline", 0, 0, file_cpu_none },
	{ CPU "isolated", 0, VIEW_CPUS | VIEW_HOST, file_cpu_list },
	{ CPU "nohz_full", 0, VIEW_CPUS | VIEW_HOST, file_cpu_list },
	{ CPU "cpu[0-9]*/online", 0, 0, file_cpu_one },
	{ CPU "cpu[0-9]*/topology/*_list", 0, VIEW_CPUS | VIEW_HOST, file_cpu_list },
	{ CPU "cpu[0-9]*/topology/*_cpus", 0, VIEW_CPUS | VIEW_HOST, file_cpu_mask },
	{ CPU "cpu[0-9]*/topology/*_siblings", 0, VIEW_CPUS | VIEW_HOST, file_cpu_mask },
	{ CPU "cpu[0-9]*/cache/*/shared_cpu_list", 0, VIEW_CPUS | VIEW_HOST, file_cpu_list },
	{ CPU "cpu[0-9]*/cache/*/shared_cpu_map", 0, VIEW_CPUS | VIEW_HOST, file_cpu_mask },
	{ CPU "cpufreq/policy[0-9]*/*_cpus", 0, VIEW_CPUS | VIEW_HOST, file_cpu_words },

	{ NODE "online", 0, VIEW_NODES | VIEW_HOST, file_node_list },
	{ NODE "possible", 0, VIEW_NODES | VIEW_HOST, file_node_list },
	{ NODE "has_*", 0, VIEW_NODES | VIEW_HOST, file_node_list },
	{ NODE "node[0-9]*/cpulist", 0, VIEW_CPUS | VIEW_HOST, file_cpu_list },
	{ NODE "node[0-9]*/cpumap", 0, VIEW_CPUS | VIEW_HOST, file_cpu_mask },
	{ NODE "node[0-9]*/distance", 0, VIEW_NODES | VIEW_HOST, file_node_distance },
	{ NODE "node[0-9]*/meminfo", 0, VIEW_MEMORY | VIEW_NODES | VIEW_NUMA | VIEW_HOST,
	  file_node_meminfo },

	{ NODE "node[0-9]*/numastat", 0, VIEW_MEMORY | VIEW_NODES | VIEW_NUMA | VIEW_HOST,
	  file_node_vmstat },
	{ NODE "node[0-9]*/vmstat", 0, VIEW_MEMORY | VIEW_NODES | VIEW_NUMA | VIEW_HOST,
	  file_node_vmstat },
	{ NODE "node[0-9]*/hugepages/*/nr_hugepages", 0, VIEW_HUGE, file_huge_total },
	{ NODE "node[0-9]*/hugepages/*/free_hugepages", 0, VIEW_HUGE, file_huge_free },
	{ NODE "node[0-9]*/hugepages/*/surplus_hugepages", 0, VIEW_HUGE, file_huge_surplus },

	{ HUGE "*/nr_hugepages", 0, VIEW_HUGE, file_huge_total },
	{ HUGE "*/nr_hugepages_mempolicy", 0, VIEW_HUGE, file_huge_total },
	{ HUGE "*/free_hugepages", 0, VIEW_HUGE, file_huge_free },
	{ HUGE "*/resv_hugepages", 0, VIEW_HUGE, file_huge_reserved },
	{ HUGE "*/surplus_hugepages", 0, VIEW_HUGE, file_huge_surplus },
};

/* What a file below a mirrored directory is without a row of its own. */
static const struct proc_file copied = { "", 0, VIEW_HOST, file_copy };

static const char *const mirrors[] = {
	"sys/devices/system/cpu",
	"sys/devices/system/node",
	"sys/kernel/mm/hugepages",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* True if @path is @dir or lies below it. */
static bool is_within(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	return strncmp(path, dir, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

bool table_is_mirrored(const char *path)
{
	for (size_t i = 0; i < COUNT(mirrors); i++)
		if (is_within(path, mirrors[i]))
			return true;
	return false;
}

const struct proc_file *table_find(const char *path)
{
	for (size_t i = 0; i < COUNT(files); i++)
		if (strcmp(files[i].pattern, path) == 0 ||
		    fnmatch(files[i].pattern, path, FNM_PATHNAME) == 0)
			return &files[i];
	return table_is_mirrored(path) ? &copied : NULL;
}

bool table_is_dir(const char *path)
{
	for (size_t i = 0; i < COUNT(files); i++)
		if (!table_is_mirrored(files[i].pattern) &&
		    is_within(files[i].pattern, path) &&
		    strcmp(files[i].pattern, path) != 0)
			return true;
	for (size_t i = 0; i < COUNT(mirrors); i++)
		if (is_within(mirrors[i], path) || !*path)
			return true;
	return !*path;
}

/* All that makes directories: rows first, then mirrors. */
static const char *entry(unsigned i)
{
	if (i < COUNT(files))
		return table_is_mirrored(files[i].pattern) ? "" : files[i].pattern;
	i -= COUNT(files);
	return i < COUNT(mirrors) ? mirrors[i] : NULL;
}

/* The component of @path that is directly in @dir, or NULL. */
static const char *component(const char *path, const char *dir, size_t *ret_length)
{
	size_t length = strlen(dir);

	if (!*path || (length && !is_within(path, dir)) || !path[length])
		return NULL;
	path += length + (length > 0);
	*ret_length = strcspn(path, "/");
	return path;
}

/* Whether an entry before @i has the same component. */
static bool seen_before(const char *dir, unsigned i, const char *name, size_t length)
{
	for (unsigned k = 0; k < i; k++) {
		size_t other_length;
		const char *other = component(entry(k), dir, &other_length);

		if (other && other_length == length && strncmp(other, name, length) == 0)
			return true;
	}
	return false;
}

bool table_child(const char *dir, unsigned *i, char *name, size_t size)
{
	for (const char *path; (path = entry(*i)); (*i)++) {
		size_t length;
		const char *part = component(path, dir, &length);

		if (!part || seen_before(dir, *i, part, length))
			continue;
		snprintf(name, size, "%.*s", (int)length, part);
		(*i)++;
		return true;
	}
	return false;
}
