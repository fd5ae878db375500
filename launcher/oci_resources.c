/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/oci_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/devices_cgroup.h"

static void read_memory(const struct oci_reader *resources, struct limits *l)
{
	struct oci_reader r = oci_below(resources, "memory");

	oci_int(&r, "limit", -1, INT64_MAX, &l->memory_bytes);
	oci_int(&r, "swap", -1, INT64_MAX, &l->memory_swap_bytes);
	oci_int(&r, "reservation", -1, INT64_MAX, &l->memory_reservation_bytes);
	oci_int(&r, "swappiness", 0, 100, &l->memory_swappiness);
	oci_bool(&r, "disableOOMKiller", &l->memory_oom_kill_disable);
	oci_bool(&r, "checkBeforeUpdate", &l->memory_check_before_update);
	/* Engines write 0 for "not given". */
	if (l->memory_bytes == 0)
		l->memory_bytes = LIMIT_UNSET;
	if (l->memory_swap_bytes == 0)
		l->memory_swap_bytes = LIMIT_UNSET;
	if (l->memory_reservation_bytes == 0)
		l->memory_reservation_bytes = LIMIT_UNSET;
}

static void read_cpu(const struct oci_reader *resources, struct limits *l)
{
	struct oci_reader r = oci_below(resources, "cpu");

	oci_int(&r, "shares", 0, INT64_MAX, &l->cpu_shares);
	oci_int(&r, "quota", INT64_MIN + 1, INT64_MAX, &l->cpu_quota_us);
	oci_int(&r, "period", 0, INT64_MAX, &l->cpu_period_us);
	oci_int(&r, "burst", 0, INT64_MAX, &l->cpu_burst_us);
	oci_int(&r, "idle", 0, 1, &l->cpu_idle);
	oci_int(&r, "realtimeRuntime", 0, INT64_MAX, &l->cpu_rt_runtime_us);
	oci_int(&r, "realtimePeriod", 0, INT64_MAX, &l->cpu_rt_period_us);
	/* Engines write 0 for "not given". */
	if (l->cpu_rt_runtime_us == 0)
		l->cpu_rt_runtime_us = LIMIT_UNSET;
	if (l->cpu_rt_period_us == 0)
		l->cpu_rt_period_us = LIMIT_UNSET;
	oci_string(&r, "cpus", &l->cpuset_cpus);
	oci_string(&r, "mems", &l->cpuset_mems);
	if (l->cpu_quota_us != LIMIT_UNSET && l->cpu_quota_us < 0)
		l->cpu_quota_us = LIMIT_NONE;
	if (l->cpu_quota_us == 0)
		l->cpu_quota_us = LIMIT_UNSET;
	if (l->cpu_period_us == 0)
		l->cpu_period_us = LIMIT_UNSET;
	if (l->cpuset_cpus && !*l->cpuset_cpus) {
		free(l->cpuset_cpus);
		l->cpuset_cpus = NULL;
	}
	if (l->cpuset_mems && !*l->cpuset_mems) {
		free(l->cpuset_mems);
		l->cpuset_mems = NULL;
	}
}

static void read_pids(const struct oci_reader *resources, struct limits *l)
{
	struct oci_reader r = oci_below(resources, "pids");

	oci_int(&r, "limit", INT64_MIN + 1, INT64_MAX, &l->pids_max);
	if (l->pids_max != LIMIT_UNSET && l->pids_max <= 0)
		l->pids_max = LIMIT_NONE;
}

static const struct { const char *key, *v1_file; } throttles[] = {
	{ "throttleReadBpsDevice", "blkio.throttle.read_bps_device" },
	{ "throttleWriteBpsDevice", "blkio.throttle.write_bps_device" },
	{ "throttleReadIOPSDevice", "blkio.throttle.read_iops_device" },
	{ "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device" },
};

static void read_throttle(const struct oci_reader *r, const char *file, struct limits *l)
{
	int64_t major = 0, minor = 0, rate = 0;
	char value[80];

	oci_int(r, "major", 0, UINT32_MAX, &major);
	oci_int(r, "minor", 0, UINT32_MAX, &minor);
	oci_int(r, "rate", 0, INT64_MAX, &rate);
	snprintf(value, sizeof(value), "%" PRId64 ":%" PRId64 " %" PRId64, major, minor, rate);
	if (!*r->error && limits_add_raw(l, CGROUP_IO, file, value) < 0)
		oci_no_memory(r);
}

static void add_weight(const struct oci_reader *r, const char *file, const char *device,
		       int64_t weight, struct limits *l)
{
	char value[80];

	/* Engines write 0 for "not given". */
	if (!weight || *r->error)
		return;
	snprintf(value, sizeof(value), "%s%" PRId64, device, weight);
	if (limits_add_raw(l, CGROUP_IO, file, value) < 0)
		oci_no_memory(r);
}

static void read_weight_device(const struct oci_reader *r, struct limits *l)
{
	int64_t major = 0, minor = 0, weight = 0, leaf = 0;
	char device[48];

	oci_int(r, "major", 0, UINT32_MAX, &major);
	oci_int(r, "minor", 0, UINT32_MAX, &minor);
	oci_int(r, "weight", 0, 1000, &weight);
	oci_int(r, "leafWeight", 0, 1000, &leaf);
	snprintf(device, sizeof(device), "%" PRId64 ":%" PRId64 " ", major, minor);
	add_weight(r, "blkio.bfq.weight_device", device, weight, l);
	add_weight(r, "blkio.leaf_weight_device", device, leaf, l);
}

static void read_block_io(const struct oci_reader *resources, struct limits *l)
{
	struct oci_reader r = oci_below(resources, "blockIO");
	size_t devices = oci_length(&r, "weightDevice");
	int64_t leaf = 0;

	oci_int(&r, "weight", 0, 1000, &l->io_weight);
	oci_int(&r, "leafWeight", 0, 1000, &leaf);
	add_weight(&r, "blkio.leaf_weight", "", leaf, l);
	for (size_t i = 0; i < devices && !*r.error; i++) {
		struct oci_reader item = oci_item(&r, "weightDevice", i);

		read_weight_device(&item, l);
	}
	for (size_t k = 0; k < sizeof(throttles) / sizeof(throttles[0]); k++) {
		size_t count = oci_length(&r, throttles[k].key);

		for (size_t i = 0; i < count && !*r.error; i++) {
			struct oci_reader item = oci_item(&r, throttles[k].key, i);

			read_throttle(&item, throttles[k].v1_file, l);
		}
	}
}

static void read_hugepages(const struct oci_reader *resources, struct limits *l)
{
	size_t count = oci_length(resources, "hugepageLimits");

	for (size_t i = 0; i < count && !*resources->error; i++) {
		struct oci_reader r = oci_item(resources, "hugepageLimits", i);
		const char *size = oci_peek(&r, "pageSize");
		int64_t limit = 0;
		char file[80], value[24];

		oci_int(&r, "limit", 0, INT64_MAX, &limit);
		if (!size || strchr(size, '/') || strlen(size) > 16) {
			oci_fail(&r, "pageSize", "is no size of a page");
			return;
		}
		snprintf(file, sizeof(file), "hugetlb.%s.limit_in_bytes", size);
		snprintf(value, sizeof(value), "%" PRId64, limit);
		if (limits_add_raw(l, CGROUP_HUGETLB, file, value) < 0)
			oci_no_memory(&r);
	}
}

static void read_device_rule(const struct oci_reader *r, struct limits *l)
{
	const char *type = oci_peek(r, "type"), *access = oci_peek(r, "access");
	int64_t major = -1, minor = -1;
	bool allow = false;

	oci_bool(r, "allow", &allow);
	oci_int(r, "major", -1, UINT32_MAX, &major);
	oci_int(r, "minor", -1, UINT32_MAX, &minor);
	if (!type || !*type)
		type = "a";
	if (!strchr("abc", type[0]) || type[1])
		oci_fail(r, "type", "'%s' is none of a, b, c", type);
	if (access && (strspn(access, "rwm") != strlen(access) || strlen(access) > 3))
		oci_fail(r, "access", "'%s' is not of r, w, m", access);
	if (*r->error)
		return;

	/* "a" of certain numbers is both kinds; v1 has no word for that. */
	if (type[0] == 'a' && (major >= 0 || minor >= 0)) {
		if (devices_cgroup_add(l, allow, 'b', major, minor, access ? access : "rwm") < 0 ||
		    devices_cgroup_add(l, allow, 'c', major, minor, access ? access : "rwm") < 0)
			oci_no_memory(r);
	} else if (devices_cgroup_add(l, allow, type[0], major, minor, access ? access : "rwm") < 0) {
		oci_no_memory(r);
	}
}

static void read_devices(const struct oci_reader *resources, struct limits *l)
{
	size_t count = oci_length(resources, "devices");

	for (size_t i = 0; i < count && !*resources->error; i++) {
		struct oci_reader r = oci_item(resources, "devices", i);

		read_device_rule(&r, l);
	}
	/* What every container has must work whatever the rules say. */
	if (count && !*resources->error) {
		size_t before = l->device_count;

		if (devices_cgroup_add_defaults(l) < 0) {
			oci_no_memory(resources);
			return;
		}
		/* Without its leading "deny all". */
		memmove(&l->devices[before], &l->devices[before + 1],
			(l->device_count - before - 1) * sizeof(*l->devices));
		l->device_count--;
	}
}

static int controller_of(const char *file)
{
	size_t length = strcspn(file, ".");

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		const char *name = cgroup_controller_name(i, CGROUP_V2);

		if (name && strlen(name) == length && memcmp(name, file, length) == 0)
			return i;
	}
	return -1;
}

static void read_unified(const struct oci_reader *resources, struct limits *l)
{
	struct opt_list map = { 0 };

	oci_map(resources, "unified", &map);
	for (size_t i = 0; i + 1 < map.count && !*resources->error; i += 2) {
		const char *file = map.items[i], *value = map.items[i + 1];
		int controller = strchr(file, '/') ? -1 : controller_of(file);

		if (controller < 0)
			oci_fail(resources, "unified", "'%s' is no file of a known controller",
				 file);
		else if (limits_add_raw(l, controller, file, value) < 0)
			oci_no_memory(resources);
	}
	opt_list_done(&map);
}

/* Their controllers are not among those that a container gets a cgroup of. */
static void refuse_others(const struct oci_reader *resources)
{
	struct oci_reader network = oci_below(resources, "network");
	int64_t class_id = 0;

	oci_int(&network, "classID", 0, UINT32_MAX, &class_id);
	if (class_id || oci_length(&network, "priorities"))
		oci_fail(resources, "network", "is not supported: it needs the controllers "
			 "net_cls and net_prio");
	if (oci_has(resources, "rdma") && json_object_object_length(
						  oci_below(resources, "rdma").object))
		oci_fail(resources, "rdma", "is not supported");
}

void oci_read_resources(const struct oci_reader *r, struct limits *l)
{
	if (!r->object)
		return;
	read_memory(r, l);
	read_cpu(r, l);
	read_pids(r, l);
	read_block_io(r, l);
	read_hugepages(r, l);
	read_devices(r, l);
	read_unified(r, l);
	refuse_others(r);
}
