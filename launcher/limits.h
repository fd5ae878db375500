/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/limits.h - resource limits, and the cgroup files that hold them
 *
 * The limits are what a person or a bundle asked for. limits_settings() turns
 * them into file writes for the hierarchy that serves each controller: v1 and
 * v2 may be mixed on one host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cgroup.h"
#include "common/opt.h"

#define LIMIT_UNSET INT64_MIN	/* nobody asked: leave the file alone */
#define LIMIT_NONE  ((int64_t)-1) /* asked for no limit */

struct limit_device {
	bool allow;
	char type;		/* 'a', 'b', 'c' */
	int64_t major, minor;	/* -1: any */
	char access[4];		/* of "rwm" */
};

/* A controller file and its value, as a bundle's "unified" map names them. */
struct limit_raw {
	enum cgroup_controller controller;
	char *file;
	char *value;
};

struct limits {
	int64_t memory_bytes;
	int64_t memory_swap_bytes;	/* memory and swap together, as v1 counts */
	int64_t memory_reservation_bytes;
	int64_t memory_swappiness;
	bool memory_oom_kill_disable;
	bool memory_check_before_update;
	int64_t cpu_shares;		/* v1 scale: 1024 is one share */
	int64_t cpu_quota_us;
	int64_t cpu_period_us;
	int64_t cpu_burst_us;
	int64_t cpu_idle;
	int64_t cpu_rt_runtime_us;	/* v1 alone has these two */
	int64_t cpu_rt_period_us;
	unsigned cpu_count;		/* choose that many CPUs for cpuset_cpus; 0: don't */
	char *cpuset_cpus;		/* NULL: those of the parent */
	char *cpuset_mems;
	int64_t pids_max;
	int64_t io_weight;		/* v1 scale: 10 to 1000 */
	struct limit_raw *raw;		/* throttles, hugetlb, unified */
	size_t raw_count;
	struct limit_device *devices;
	size_t device_count;
};

struct limit_setting {
	enum cgroup_controller controller;
	const char *file;	/* constant, or lent by the limits */
	char value[64];
	const char *text;	/* used instead of `value` if not NULL; lent */
	const char *what;	/* for messages: "the memory limit" */
};

#define LIMIT_SETTINGS_MAX 32

/** limits_init() - nothing is asked for */
void limits_init(struct limits *limits);

/** limits_done() - free what the struct owns */
void limits_done(struct limits *limits);

/**
 * limits_settings() - the file writes for the limits, in an order that works
 * @limits:	what is asked for
 * @versions:	which kind of hierarchy serves each controller
 * @settings:	filled; the raw ones and the devices are not among them
 * @ret_missing: set to the controller that a limit needs and nobody serves
 *
 * On v1 the memory limit comes before the one of memory and swap, because the
 * kernel keeps the second at or above the first. A limit that this kernel
 * cannot express exactly is an error, never rounded to another.
 *
 * Return: the number of settings; -ENODEV with @ret_missing; -EINVAL if the swap
 * limit is below the memory limit; -EOPNOTSUPP if realtime CPU time is limited and v2
 * serves the CPUs.
 */
int limits_settings(const struct limits *limits,
		    const enum cgroup_version versions[CGROUP_CONTROLLER_COUNT],
		    struct limit_setting settings[LIMIT_SETTINGS_MAX],
		    enum cgroup_controller *ret_missing);

/** limits_are_unset() - nothing is limited, so a host that cannot limit will do */
bool limits_are_unset(const struct limits *limits);

/** limits_add_raw() - append a file and its value; 0 or -ENOMEM */
int limits_add_raw(struct limits *limits, enum cgroup_controller controller,
		   const char *file, const char *value);

/**
 * limits_translate_raw() - a raw setting as the given version's files have it
 *
 * Bundles name throttles and huge pages as v1 does; what is none of these stays
 * as it is.
 */
void limits_translate_raw(const struct limit_raw *raw, enum cgroup_version version,
			  char *file, size_t file_size, char *value, size_t value_size);

/**
 * limits_shares_to_weight() - v1 shares (2..262144) as v2 weight (1..10000)
 *
 * 1024 shares become weight 100, both ends meet: the quadratic in log2 that
 * runc and crun agreed on.
 */
uint64_t limits_shares_to_weight(uint64_t shares);
