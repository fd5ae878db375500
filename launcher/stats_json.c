/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/stats_json.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "launcher/cpus.h"

#define NS_PER_S 1000000000

static struct json_object *add_object(struct json_object *o, const char *key)
{
	struct json_object *inner = json_object_new_object();

	json_object_object_add(o, key, inner);
	return inner;
}

static void add_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

/* The number in a file; "max" is @max. */
static bool read_number(const struct cgroup_group *g, enum cgroup_controller controller,
			const char *file, uint64_t max, uint64_t *ret)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (cgroup_group_read(g, controller, file, &text) < 0)
		return false;
	*ret = strncmp(buf_text(&text), "max", 3) == 0 ? max : strtoull(buf_text(&text), NULL, 10);
	return true;
}

static void add_file(struct json_object *o, const char *key, const struct cgroup_group *g,
		     enum cgroup_controller controller, const char *file)
{
	uint64_t value;

	if (read_number(g, controller, file, UINT64_MAX, &value))
		add_number(o, key, value);
}

/* One line of a file of "key value" lines, times @factor. */
static bool add_key(struct json_object *o, const char *key, const struct cgroup_group *g,
		    enum cgroup_controller controller, const char *file, const char *line,
		    uint64_t factor)
{
	uint64_t value;

	if (cgroup_group_read_key(g, controller, file, line, &value) < 0)
		return false;
	add_number(o, key, value * factor);
	return true;
}

/* --- cpu -------------------------------------------------------------------------- */

static void add_percpu(struct json_object *usage, const struct cgroup_group *g)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct json_object *array;
	char *rest = NULL;

	if (cgroup_group_read(g, CGROUP_CPUACCT, "cpuacct.usage_percpu", &text) < 0 || !text.data)
		return;
	array = json_object_new_array();
	for (char *word = strtok_r(text.data, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest))
		json_object_array_add(array, json_object_new_uint64(strtoull(word, NULL, 10)));
	json_object_object_add(usage, "percpu", array);
}

static void add_cpu(struct json_object *stats, const struct cgroup_group *g)
{
	struct json_object *cpu = add_object(stats, "cpu");
	struct json_object *usage = add_object(cpu, "usage");
	struct json_object *throttling = add_object(cpu, "throttling");
	uint64_t tick = (uint64_t)(NS_PER_S / sysconf(_SC_CLK_TCK));

	if (add_key(usage, "total", g, CGROUP_CPUACCT, "cpu.stat", "usage_usec", 1000)) {
		add_key(usage, "kernel", g, CGROUP_CPUACCT, "cpu.stat", "system_usec", 1000);
		add_key(usage, "user", g, CGROUP_CPUACCT, "cpu.stat", "user_usec", 1000);
	} else {
		add_file(usage, "total", g, CGROUP_CPUACCT, "cpuacct.usage");
		add_percpu(usage, g);
		add_key(usage, "kernel", g, CGROUP_CPUACCT, "cpuacct.stat", "system", tick);
		add_key(usage, "user", g, CGROUP_CPUACCT, "cpuacct.stat", "user", tick);
	}
	add_key(throttling, "periods", g, CGROUP_CPU, "cpu.stat", "nr_periods", 1);
	add_key(throttling, "throttledPeriods", g, CGROUP_CPU, "cpu.stat", "nr_throttled", 1);
	if (!add_key(throttling, "throttledTime", g, CGROUP_CPU, "cpu.stat", "throttled_usec", 1000))
		add_key(throttling, "throttledTime", g, CGROUP_CPU, "cpu.stat", "throttled_time", 1);
}

static void add_list(struct json_object *o, const char *key, const struct cgroup_group *g,
		     const char *v2_file, const char *v1_file)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct json_object *array;
	cpu_set_t set;

	if ((cgroup_group_read(g, CGROUP_CPUSET, v2_file, &text) < 0 &&
	     cgroup_group_read(g, CGROUP_CPUSET, v1_file, &text) < 0) ||
	    cpus_parse_list(buf_text(&text), &set) < 0)
		return;
	array = json_object_new_array();
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			json_object_array_add(array, json_object_new_int(i));
	json_object_object_add(o, key, array);
}

static void add_cpuset(struct json_object *stats, const struct cgroup_group *g)
{
	struct json_object *cpuset = add_object(stats, "cpuset");

	add_list(cpuset, "cpus", g, "cpuset.cpus.effective", "cpuset.effective_cpus");
	add_list(cpuset, "mems", g, "cpuset.mems.effective", "cpuset.effective_mems");
}

/* --- memory ----------------------------------------------------------------------- */

static void add_raw(struct json_object *memory, const struct cgroup_group *g)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct json_object *raw = add_object(memory, "raw");
	char *rest = NULL;

	if (cgroup_group_read(g, CGROUP_MEMORY, "memory.stat", &text) < 0 || !text.data)
		return;
	for (char *line = strtok_r(text.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *blank = strchr(line, ' ');

		if (!blank)
			continue;
		*blank = '\0';
		add_number(raw, line, strtoull(blank + 1, NULL, 10));
	}
}

static const struct { const char *key, *prefix; } v1_memory[] = {
	{ "usage", "memory" },
	{ "swap", "memory.memsw" },
	{ "kernel", "memory.kmem" },
	{ "kernelTCP", "memory.kmem.tcp" },
};

static const struct { const char *key, *end; } v1_memory_files[] = {
	{ "limit", "limit_in_bytes" },
	{ "usage", "usage_in_bytes" },
	{ "max", "max_usage_in_bytes" },
	{ "failcnt", "failcnt" },
};

static void add_v1_memory(struct json_object *memory, const struct cgroup_group *g)
{
	for (size_t i = 0; i < sizeof(v1_memory) / sizeof(v1_memory[0]); i++) {
		struct json_object *entry = add_object(memory, v1_memory[i].key);

		for (size_t k = 0; k < sizeof(v1_memory_files) / sizeof(v1_memory_files[0]); k++) {
			char file[64];

			snprintf(file, sizeof(file), "%s.%s", v1_memory[i].prefix,
				 v1_memory_files[k].end);
			add_file(entry, v1_memory_files[k].key, g, CGROUP_MEMORY, file);
		}
	}
	add_key(memory, "cache", g, CGROUP_MEMORY, "memory.stat", "cache", 1);
}

/* v1 counts memory and swap together: so does "swap" here, whatever the version. */
static void add_v2_memory(struct json_object *memory, const struct cgroup_group *g)
{
	struct json_object *usage = add_object(memory, "usage");
	struct json_object *swap = add_object(memory, "swap");
	uint64_t used, swapped, limit, swap_limit;

	add_file(usage, "limit", g, CGROUP_MEMORY, "memory.max");
	add_file(usage, "usage", g, CGROUP_MEMORY, "memory.current");
	add_file(usage, "max", g, CGROUP_MEMORY, "memory.peak");
	add_key(usage, "failcnt", g, CGROUP_MEMORY, "memory.events", "max", 1);
	if (read_number(g, CGROUP_MEMORY, "memory.current", 0, &used) &&
	    read_number(g, CGROUP_MEMORY, "memory.swap.current", 0, &swapped))
		add_number(swap, "usage", used + swapped);
	if (read_number(g, CGROUP_MEMORY, "memory.max", UINT64_MAX, &limit) &&
	    read_number(g, CGROUP_MEMORY, "memory.swap.max", UINT64_MAX, &swap_limit))
		add_number(swap, "limit", limit == UINT64_MAX || swap_limit == UINT64_MAX
						  ? UINT64_MAX : limit + swap_limit);
	add_key(memory, "cache", g, CGROUP_MEMORY, "memory.stat", "file", 1);
}

static void add_memory(struct json_object *stats, const struct cgroup_group *g)
{
	struct json_object *memory = add_object(stats, "memory");
	uint64_t ignored;

	if (cgroup_group_fd(g, CGROUP_MEMORY) < 0)
		return;
	if (read_number(g, CGROUP_MEMORY, "memory.limit_in_bytes", 0, &ignored))
		add_v1_memory(memory, g);
	else
		add_v2_memory(memory, g);
	add_raw(memory, g);
}

/* --- the others ------------------------------------------------------------------- */

static void add_pids(struct json_object *stats, const struct cgroup_group *g)
{
	struct json_object *pids = add_object(stats, "pids");
	uint64_t limit;

	add_file(pids, "current", g, CGROUP_PIDS, "pids.current");
	if (read_number(g, CGROUP_PIDS, "pids.max", 0, &limit) && limit)
		add_number(pids, "limit", limit);
}

static void add_io_entry(struct json_object *array, unsigned major, unsigned minor, const char *op,
			 uint64_t value)
{
	struct json_object *entry = json_object_new_object();

	add_number(entry, "major", major);
	add_number(entry, "minor", minor);
	json_object_object_add(entry, "op", json_object_new_string(op));
	add_number(entry, "value", value);
	json_object_array_add(array, entry);
}

/* v1: "8:0 Read 4096"; at the end a total of all devices, which is no entry. */
static void add_v1_io(struct json_object *io, const char *key, const struct cgroup_group *g,
		      const char *file)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct json_object *array = json_object_new_array();
	char *rest = NULL;

	if (cgroup_group_read(g, CGROUP_IO, file, &text) >= 0 && text.data)
		for (char *line = strtok_r(text.data, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest)) {
			unsigned major, minor;
			uint64_t value;
			char op[16];

			if (sscanf(line, "%u:%u %15s %" SCNu64, &major, &minor, op, &value) == 4)
				add_io_entry(array, major, minor, op, value);
		}
	json_object_object_add(io, key, array);
}

static const struct { const char *word, *op; bool bytes; } v2_io[] = {
	{ "rbytes", "Read", true }, { "wbytes", "Write", true },
	{ "rios", "Read", false },  { "wios", "Write", false },
};

/* v2: "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 ..." */
static void add_v2_io_line(char *line, struct json_object *bytes, struct json_object *count)
{
	unsigned major, minor;
	char *rest = NULL;

	if (sscanf(line, "%u:%u", &major, &minor) != 2)
		return;
	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < sizeof(v2_io) / sizeof(v2_io[0]); i++)
			if (strcmp(word, v2_io[i].word) == 0)
				add_io_entry(v2_io[i].bytes ? bytes : count, major, minor, v2_io[i].op,
					     strtoull(value, NULL, 10));
	}
}

static void add_io(struct json_object *stats, const struct cgroup_group *g)
{
	struct json_object *io = add_object(stats, "blkio");
	cleanup_buf struct buf text = BUF_INIT;
	struct json_object *bytes, *count;
	char *rest = NULL;

	if (cgroup_group_fd(g, CGROUP_IO) < 0)
		return;
	if (cgroup_group_read(g, CGROUP_IO, "io.stat", &text) < 0) {
		add_v1_io(io, "ioServiceBytesRecursive", g,
			  "blkio.throttle.io_service_bytes_recursive");
		add_v1_io(io, "ioServicedRecursive", g, "blkio.throttle.io_serviced_recursive");
		return;
	}
	bytes = json_object_new_array();
	count = json_object_new_array();
	json_object_object_add(io, "ioServiceBytesRecursive", bytes);
	json_object_object_add(io, "ioServicedRecursive", count);
	for (char *line = text.data ? strtok_r(text.data, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		add_v2_io_line(line, bytes, count);
}

static void add_page_size(struct json_object *hugetlb, const struct cgroup_group *g, const char *size,
			  bool v2)
{
	struct json_object *entry = add_object(hugetlb, size);
	char file[64];

	snprintf(file, sizeof(file), "hugetlb.%s.%s", size, v2 ? "current" : "usage_in_bytes");
	add_file(entry, "usage", g, CGROUP_HUGETLB, file);
	snprintf(file, sizeof(file), "hugetlb.%s.max_usage_in_bytes", size);
	add_file(entry, "max", g, CGROUP_HUGETLB, file);
	snprintf(file, sizeof(file), "hugetlb.%s.%s", size, v2 ? "events" : "failcnt");
	if (v2)
		add_key(entry, "failcnt", g, CGROUP_HUGETLB, file, "max", 1);
	else
		add_file(entry, "failcnt", g, CGROUP_HUGETLB, file);
}

/* The sizes of pages are those that have files: "hugetlb.2MB.limit_in_bytes". */
static void add_hugetlb(struct json_object *stats, const struct cgroup_group *g)
{
	struct json_object *hugetlb = add_object(stats, "hugetlb");
	int group_fd = cgroup_group_fd(g, CGROUP_HUGETLB);
	int fd = group_fd < 0 ? -1 : openat(group_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char size[16], end[24];

		if (sscanf(entry->d_name, "hugetlb.%15[^.].%23s", size, end) != 2 ||
		    strchr(end, '.'))
			continue;
		if (strcmp(end, "max") == 0 || strcmp(end, "limit_in_bytes") == 0)
			add_page_size(hugetlb, g, size, strcmp(end, "max") == 0);
	}
}

struct json_object *stats_json(const struct cgroup_group *group)
{
	struct json_object *stats = json_object_new_object();

	if (!stats)
		return NULL;
	add_cpu(stats, group);
	add_cpuset(stats, group);
	add_memory(stats, group);
	add_pids(stats, group);
	add_io(stats, group);
	add_hugetlb(stats, group);
	return stats;
}
