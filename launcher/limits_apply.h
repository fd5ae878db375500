/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/limits_apply.h - write limits into a container's cgroups, and read why it died */
#pragma once

#include "common/cgroup_group.h"
#include "launcher/fault.h"
#include "launcher/limits.h"

/** limits_controllers() - bit (1 << controller) for each that the limits need */
unsigned limits_controllers(const struct limits *limits);

/**
 * limits_choose_cpus() - turn cpu_count into cpuset_cpus
 * @group:	the container's, just made
 *
 * Looks at what the other containers beside it were given. If there is no
 * cpuset hierarchy nothing is chosen.
 *
 * Return: 0 or negative errno with @fault.
 */
int limits_choose_cpus(struct limits *limits, const struct cgroup_group *group,
		       struct fault *fault);

/** limits_apply() - write all of them; 0 or negative errno with @fault naming the one */
int limits_apply(const struct limits *limits, const struct cgroup_layout *layout,
		 const struct cgroup_group *group, struct fault *fault);

/**
 * limits_update() - the same for a container that runs
 *
 * A memory limit below what is in use is refused if the limits ask for that
 * check. On v1 the limit of memory and the one of memory and swap may have to be
 * written in the other order.
 */
int limits_update(const struct limits *limits, const struct cgroup_layout *layout,
		  const struct cgroup_group *group, struct fault *fault);

/**
 * limits_oom_kills() - how many processes of the group the kernel killed for memory
 *
 * Return: 0 with @ret_count; -ENODEV or -ENODATA if the kernel does not count.
 */
int limits_oom_kills(const struct cgroup_group *group, uint64_t *ret_count);
