/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/account.h - a container's CPU time, as rows of /proc/stat
 *
 * How it works. The kernel counts a cgroup's CPU time per physical CPU (v1) or
 * in total (v2), for ever growing. A container sees some of the CPUs, and which
 * ones changes with its quota and cpuset. So the rows are sums of what was
 * added between two looks:
 *
 *  - how much it was is measured exactly; which part was spent in the kernel, or by
 *    nice processes, is counted by clock ticks, and so is only a proportion;
 *  - a visible CPU gets its own time; that of hidden CPUs (v1) goes where
 *    there is idle room, time without a CPU (v2) is shared out evenly;
 *  - when a CPU becomes hidden, its row's figures go to the others, and it
 *    starts at 0 if it comes back, like a CPU that was plugged in;
 *  - idle is the time for which the row was visible minus what it used, held
 *    at its highest value: time used ahead of a quota is paid back later.
 *
 * Hence no row that stays visible ever decreases in any column, and the sum of
 * the rows is exactly what the kernel counted. The figures live in the state
 * memfd, twice: a worker that dies while it writes one copy leaves the other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "procfs/cpus.h"

/* What one CPU, or all together, has used since the container began; ns. */
struct cpu_times {
	uint64_t user_ns, nice_ns, system_ns;
};

/* What the kernel says at one moment. */
struct account_input {
	uint64_t now_ns;	/* CLOCK_BOOTTIME */
	uint64_t start_ns;	/* when the container began, the same clock */
	const struct cpus *visible;	/* not empty */
	struct cpu_times total;		/* with @per_cpu NULL */
	const struct cpu_times *per_cpu; /* indexed by CPU id, @cpu_count of them */
	const uint64_t *per_cpu_ns;	/* with @per_cpu: user and system together, exact;
					   NULL: their sum is */
	uint64_t throttled_ns;	/* shown as steal; 0 not to */
};

struct account_row {
	uint64_t user_ns, nice_ns, system_ns, steal_ns, idle_ns;
	uint64_t visible_ns;	/* for how long the row was to be seen */
	uint64_t raw_user_ns, raw_system_ns;	/* the kernel's, when last looked at */
};

/* Plain data in the state; followed by 2 * cpu_count rows. */
struct account {
	uint32_t cpu_count;
	uint32_t active;	/* which copy is valid: 0 or 1 */
	struct account_head {
		uint64_t time_ns;	/* 0: never looked at */
		struct cpu_times raw;	/* of all CPUs together */
		uint64_t raw_throttled_ns;
	} head[2];
	struct account_row rows[];
};

/** account_size() - bytes that an account for @cpu_count CPUs takes */
static inline size_t account_size(unsigned cpu_count)
{
	return sizeof(struct account) + 2 * cpu_count * sizeof(struct account_row);
}

/** account_reset() - a container that was never looked at */
void account_reset(struct account *a, unsigned cpu_count);

/**
 * account_update() - bring the rows up to now
 *
 * Call with the container's lock held. A clock or a counter that went back
 * adds nothing.
 */
void account_update(struct account *a, const struct account_input *in);

/** account_row() - the row of @cpu as of the last update; @cpu < cpu_count */
const struct account_row *account_row(const struct account *a, unsigned cpu);
