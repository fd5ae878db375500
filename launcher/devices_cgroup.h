/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/devices_cgroup.h - which devices a container may open */
#pragma once

#include "common/cgroup_group.h"
#include "launcher/fault.h"
#include "launcher/limits.h"

/**
 * devices_cgroup_apply() - write the rules in their order
 *
 * v1 has files for this; on v2 the rules become a BPF program.
 *
 * Return: 0, also without rules; negative errno with @fault.
 */
int devices_cgroup_apply(const struct limits *limits, const struct cgroup_layout *layout,
			 const struct cgroup_group *group, struct fault *fault);

/** devices_cgroup_add() - append a rule; 0 or -ENOMEM */
int devices_cgroup_add(struct limits *limits, bool allow, char type, int64_t major,
		       int64_t minor, const char *access);

/** devices_cgroup_add_defaults() - deny all, allow what every container has; 0 or -ENOMEM */
int devices_cgroup_add_defaults(struct limits *limits);
