/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/sched.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/cpus.h"

/* sched_setattr(2) as of Linux 3.14; the C library has no wrapper for it. */
struct attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

int sched_apply(const struct plan_sched *s, struct fault *f)
{
	struct attr attr = {
		.size = sizeof(attr),
		.policy = s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = s->priority,
		.runtime_ns = s->runtime_ns,
		.deadline_ns = s->deadline_ns,
		.period_ns = s->period_ns,
	};

	if (s->has_policy && syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
		return fault_set(f, -errno, "cannot set the scheduling policy");
	if (s->has_io_priority &&
	    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, s->io_priority) < 0)
		return fault_set(f, -errno, "cannot set the I/O priority");
	return 0;
}

int sched_set_cpus(const char *list, struct fault *f)
{
	cpu_set_t set;

	if (!list || !*list)
		return 0;
	if (cpus_parse_list(list, &set) < 0)
		return fault_set(f, 0, "'%s' is no list of CPUs", list);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return fault_set(f, -errno, "cannot bind the process to the CPUs '%s'", list);
	return 0;
}
