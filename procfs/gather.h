/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/gather.h - fill a view from the files of the kernel */
#pragma once

#include "procfs/account.h"
#include "procfs/group.h"
#include "procfs/host.h"
#include "procfs/view.h"

/* How views are made; the same for all containers of a daemon. */
struct gather_policy {
	bool renumber;
	bool throttled_is_steal;
	enum view_rounding rounding;
	enum view_v1_swap v1_swap;
};

/* What was looked for and is not there; counted for `nacre-procfs stats`. */
enum gather_missing {
	MISSING_MEMORY_STAT,
	MISSING_MEMORY_USAGE,
	MISSING_SWAP,
	MISSING_CPU_USAGE,
	MISSING_CPU_QUOTA,
	MISSING_CPUSET,
	MISSING_IO,
	MISSING_PIDS,
	MISSING_PRESSURE,
	MISSING_LOAD,
	MISSING_COUNT,
};

/** gather_missing_name() - for people: which source, of what */
const char *gather_missing_name(enum gather_missing what);

/* One container, while its lock is held. */
struct gather {
	const struct gather_policy *policy;
	struct host *host;
	struct group *group;
	struct account *account;	/* in the state; NULL: rows begin anew */
	uint64_t start_ns;	/* when the container began, CLOCK_BOOTTIME */
	int64_t clock_offset_ns;	/* of its time namespace */
	const char *name;	/* tells it from other containers of this host */
	uint64_t *missing;	/* MISSING_COUNT counters, added to atomically */
};

/** gather_pressure_file() - the cgroup's file that a pressure file is made of, or
 *	NULL for any other path */
const char *gather_pressure_file(const char *path);

/**
 * gather_view() - take the parts @needs of a view
 * @g:		the container
 * @needs:	VIEW_* bits
 * @host_path:	for VIEW_HOST: the host's file, without leading "/"
 * @v:		zeroed by the caller, who gives it back with view_done()
 *
 * A source that is missing leaves its figures 0, and is counted.
 *
 * Return: 0; -ENODEV if the container's cgroups are gone; -ENOMEM; any error
 * of the host's files.
 */
int gather_view(struct gather *g, unsigned needs, const char *host_path,
		struct view *v);
