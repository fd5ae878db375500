/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/usage.h - what a container's cgroups have used, v1 and v2 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cgroup_group.h"

#define USAGE_UNKNOWN (-1)	/* no hierarchy of this host counts it */
#define USAGE_NO_LIMIT (-2)

struct usage {
	int64_t cpu_us;
	int64_t memory_bytes, memory_limit_bytes;
	int64_t pids, pids_limit;
	int64_t read_bytes, written_bytes;
};

/** usage_read() - what the kernel's files say now; what they do not say is unknown */
void usage_read(const struct cgroup_group *group, struct usage *ret_usage);
