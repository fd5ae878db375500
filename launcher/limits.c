/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define PERIOD_DEFAULT_US 100000

/* The list being filled; the first error sticks. */
struct setting_list {
	const enum cgroup_version *versions;
	struct limit_setting *items;
	int count;
	int error;
	enum cgroup_controller missing;
};

void limits_init(struct limits *limits)
{
	*limits = (struct limits){
		.memory_bytes = LIMIT_UNSET,
		.memory_swap_bytes = LIMIT_UNSET,
		.memory_reservation_bytes = LIMIT_UNSET,
		.memory_swappiness = LIMIT_UNSET,
		.cpu_shares = LIMIT_UNSET,
		.cpu_quota_us = LIMIT_UNSET,
		.cpu_period_us = LIMIT_UNSET,
		.cpu_burst_us = LIMIT_UNSET,
		.cpu_idle = LIMIT_UNSET,
		.cpu_rt_runtime_us = LIMIT_UNSET,
		.cpu_rt_period_us = LIMIT_UNSET,
		.pids_max = LIMIT_UNSET,
		.io_weight = LIMIT_UNSET,
	};
}

void limits_done(struct limits *limits)
{
	for (size_t i = 0; i < limits->raw_count; i++) {
		free(limits->raw[i].file);
		free(limits->raw[i].value);
	}
	free(limits->raw);
	free(limits->devices);
	free(limits->cpuset_cpus);
	free(limits->cpuset_mems);
	limits_init(limits);
}

bool limits_are_unset(const struct limits *l)
{
	return l->memory_bytes == LIMIT_UNSET &&
	       l->memory_swap_bytes == LIMIT_UNSET &&
	       l->memory_reservation_bytes == LIMIT_UNSET &&
	       l->memory_swappiness == LIMIT_UNSET &&
	       l->cpu_shares == LIMIT_UNSET && l->cpu_quota_us == LIMIT_UNSET &&
	       l->cpu_period_us == LIMIT_UNSET && l->cpu_idle == LIMIT_UNSET &&
	       l->cpu_rt_runtime_us == LIMIT_UNSET && l->cpu_rt_period_us == LIMIT_UNSET &&
	       !l->cpuset_cpus && !l->cpuset_mems && !l->cpu_count &&
	       l->pids_max == LIMIT_UNSET && l->io_weight == LIMIT_UNSET &&
	       !l->raw_count;
}

int limits_add_raw(struct limits *limits, enum cgroup_controller controller,
		   const char *file, const char *value)
{
	cleanup_free char *file_copy = strdup(file);
	cleanup_free char *value_copy = strdup(value);
	struct limit_raw *raw;

	if (!file_copy || !value_copy)
		return -ENOMEM;

	raw = reallocarray(limits->raw, limits->raw_count + 1, sizeof(*raw));
	if (!raw)
		return -ENOMEM;

	limits->raw = raw;
	raw[limits->raw_count++] = (struct limit_raw){
		.controller = controller,
		.file = take_ptr(file_copy),
		.value = take_ptr(value_copy),
	};
	return 0;
}

static const struct { const char *v1_file, *v2_key; } throttle_files[] = {
	{ "blkio.throttle.read_bps_device", "rbps" },
	{ "blkio.throttle.write_bps_device", "wbps" },
	{ "blkio.throttle.read_iops_device", "riops" },
	{ "blkio.throttle.write_iops_device", "wiops" },
};

/* "8:0 1000" becomes "8:0 rbps=1000"; v1's 0 is v2's "max". */
static void translate_throttle(const char *v1_value, const char *key, char *value,
			       size_t size)
{
	const char *rate = strchr(v1_value, ' ') + 1;

	snprintf(value, size, "%.*s%s=%s", (int)(rate - v1_value), v1_value, key,
		 strcmp(rate, "0") == 0 ? "max" : rate);
}

void limits_translate_raw(const struct limit_raw *raw, enum cgroup_version version,
			  char *file, size_t file_size, char *value, size_t value_size)
{
	static const char hugetlb_end[] = ".limit_in_bytes";
	size_t length = strlen(raw->file);

	snprintf(file, file_size, "%s", raw->file);
	snprintf(value, value_size, "%s", raw->value);
	if (version != CGROUP_V2)
		return;

	for (size_t i = 0; i < sizeof(throttle_files) / sizeof(throttle_files[0]); i++) {
		if (strcmp(raw->file, throttle_files[i].v1_file) == 0) {
			snprintf(file, file_size, "io.max");
			translate_throttle(raw->value, throttle_files[i].v2_key, value, value_size);
			return;
		}
	}
	/* Of leaves v2 knows nothing: writing them fails, and says so. */
	if (strcmp(raw->file, "blkio.bfq.weight_device") == 0)
		snprintf(file, file_size, "io.bfq.weight");
	if (raw->controller == CGROUP_HUGETLB && length > sizeof(hugetlb_end) &&
	    strcmp(raw->file + length - sizeof(hugetlb_end) + 1, hugetlb_end) == 0)
		snprintf(file, file_size, "%.*s.max", (int)(length - sizeof(hugetlb_end) + 1),
			 raw->file);
}

uint64_t limits_shares_to_weight(uint64_t shares)
{
	double l, exponent;

	if (shares == 0)
		return 0;
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;

	l = log2((double)shares);
	exponent = (l * l + 125 * l) / 612.0 - 7.0 / 34.0;
	return (uint64_t)ceil(pow(10, exponent));
}

/* A setting without a hierarchy that serves it stops the list. */
static struct limit_setting *add(struct setting_list *list,
				 enum cgroup_controller controller,
				 const char *v1_file, const char *v2_file,
				 const char *what)
{
	enum cgroup_version version = list->versions[controller];
	const char *file = version == CGROUP_V2 ? v2_file : v1_file;
	struct limit_setting *s;

	if (list->error)
		return NULL;
	if (version == CGROUP_ABSENT || !file) {
		list->error = -ENODEV;
		list->missing = controller;
		return NULL;
	}

	s = &list->items[list->count++];
	*s = (struct limit_setting){
		.controller = controller, .file = file, .what = what,
	};
	return s;
}

static void put_number(struct limit_setting *s, int64_t value, const char *none)
{
	if (!s)
		return;
	if (value == LIMIT_NONE)
		snprintf(s->value, sizeof(s->value), "%s", none);
	else
		snprintf(s->value, sizeof(s->value), "%" PRId64, value);
}

static void add_number(struct setting_list *list, enum cgroup_controller controller,
		       const char *v1_file, const char *v2_file,
		       const char *what, int64_t value)
{
	const char *none = list->versions[controller] == CGROUP_V2 ? "max" : "-1";

	if (value != LIMIT_UNSET)
		put_number(add(list, controller, v1_file, v2_file, what), value, none);
}

static void add_text(struct setting_list *list, enum cgroup_controller controller,
		     const char *file, const char *what, const char *text)
{
	struct limit_setting *s;

	if (!text)
		return;
	s = add(list, controller, file, file, what);
	if (s)
		s->text = text;
}

/* v1 counts memory and swap together, v2 swap alone. */
static void add_swap(struct setting_list *list, const struct limits *l)
{
	int64_t swap = l->memory_swap_bytes;

	if (swap == LIMIT_UNSET || list->error)
		return;
	if (swap != LIMIT_NONE && l->memory_bytes > swap) {
		list->error = -EINVAL;
		return;
	}
	if (list->versions[CGROUP_MEMORY] == CGROUP_V2 && swap != LIMIT_NONE)
		swap -= l->memory_bytes > 0 ? l->memory_bytes : 0;

	add_number(list, CGROUP_MEMORY, "memory.memsw.limit_in_bytes",
		   "memory.swap.max", "the swap limit", swap);
}

static void add_memory(struct setting_list *list, const struct limits *l)
{
	add_number(list, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max",
		   "the memory limit", l->memory_bytes);
	add_swap(list, l);
	add_number(list, CGROUP_MEMORY, "memory.soft_limit_in_bytes", "memory.low",
		   "the memory reservation", l->memory_reservation_bytes);
	/* v2 has no such file: refusing would break bundles that say 60. */
	if (list->versions[CGROUP_MEMORY] == CGROUP_V1)
		add_number(list, CGROUP_MEMORY, "memory.swappiness", NULL,
			   "the swappiness", l->memory_swappiness);
	if (l->memory_oom_kill_disable && list->versions[CGROUP_MEMORY] == CGROUP_V1)
		add_number(list, CGROUP_MEMORY, "memory.oom_control", NULL,
			   "the OOM killer", 1);
}

static void add_cpu_max(struct setting_list *list, const struct limits *l)
{
	int64_t period = l->cpu_period_us;
	struct limit_setting *s;

	if (l->cpu_quota_us == LIMIT_UNSET && period == LIMIT_UNSET)
		return;

	s = add(list, CGROUP_CPU, NULL, "cpu.max", "the CPU quota");
	if (!s)
		return;
	if (period == LIMIT_UNSET || period == 0)
		period = PERIOD_DEFAULT_US;
	if (l->cpu_quota_us <= 0)
		snprintf(s->value, sizeof(s->value), "max %" PRId64, period);
	else
		snprintf(s->value, sizeof(s->value), "%" PRId64 " %" PRId64,
			 l->cpu_quota_us, period);
}

static void add_realtime(struct setting_list *list, const char *file, const char *what,
			 int64_t value)
{
	if (value != LIMIT_UNSET && list->versions[CGROUP_CPU] == CGROUP_V2 && !list->error)
		list->error = -EOPNOTSUPP;
	add_number(list, CGROUP_CPU, file, NULL, what, value);
}

static void add_cpu(struct setting_list *list, const struct limits *l)
{
	bool v2 = list->versions[CGROUP_CPU] == CGROUP_V2;
	int64_t shares = l->cpu_shares;

	if (shares != LIMIT_UNSET && shares != 0)
		add_number(list, CGROUP_CPU, "cpu.shares", "cpu.weight", "the CPU share",
			   v2 ? (int64_t)limits_shares_to_weight((uint64_t)shares) : shares);
	if (l->cpu_idle != LIMIT_UNSET)
		add_number(list, CGROUP_CPU, "cpu.idle", "cpu.idle", "cpu.idle", l->cpu_idle);

	if (v2) {
		add_cpu_max(list, l);
	} else {
		/* The period first: a quota must not be below 1 ms of it. */
		if (l->cpu_period_us != 0)
			add_number(list, CGROUP_CPU, "cpu.cfs_period_us", NULL,
				   "the CPU period", l->cpu_period_us);
		if (l->cpu_quota_us != 0)
			add_number(list, CGROUP_CPU, "cpu.cfs_quota_us", NULL,
				   "the CPU quota", l->cpu_quota_us);
	}
	/* The period first, for the same reason. */
	add_realtime(list, "cpu.rt_period_us", "the realtime period", l->cpu_rt_period_us);
	add_realtime(list, "cpu.rt_runtime_us", "the realtime runtime", l->cpu_rt_runtime_us);
	add_number(list, CGROUP_CPU, "cpu.cfs_burst_us", "cpu.max.burst",
		   "the CPU burst", l->cpu_burst_us);
}

static void add_io(struct setting_list *list, const struct limits *l)
{
	if (l->io_weight == LIMIT_UNSET || l->io_weight == 0)
		return;
	if (list->versions[CGROUP_IO] == CGROUP_V2)
		add_number(list, CGROUP_IO, NULL, "io.bfq.weight", "the I/O weight",
			   l->io_weight);
	else
		add_number(list, CGROUP_IO, "blkio.bfq.weight", NULL, "the I/O weight",
			   l->io_weight);
}

int limits_settings(const struct limits *l,
		    const enum cgroup_version versions[CGROUP_CONTROLLER_COUNT],
		    struct limit_setting settings[LIMIT_SETTINGS_MAX],
		    enum cgroup_controller *ret_missing)
{
	struct setting_list list = { .versions = versions, .items = settings };
	int64_t pids = l->pids_max;

	add_text(&list, CGROUP_CPUSET, "cpuset.cpus", "the CPU set", l->cpuset_cpus);
	add_text(&list, CGROUP_CPUSET, "cpuset.mems", "the memory nodes", l->cpuset_mems);
	add_memory(&list, l);
	add_cpu(&list, l);
	if (pids != LIMIT_UNSET) {
		struct limit_setting *s = add(&list, CGROUP_PIDS, "pids.max",
					      "pids.max", "the limit of processes");

		put_number(s, pids, "max");
	}
	add_io(&list, l);

	if (list.error == -ENODEV)
		*ret_missing = list.missing;
	return list.error ? list.error : list.count;
}
