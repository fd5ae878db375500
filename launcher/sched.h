/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/sched.h - a process's share of CPUs and disks */
#pragma once

#include "launcher/fault.h"
#include "launcher/plan.h"

/**
 * sched_apply() - the scheduling policy and I/O priority, for the calling process
 *
 * Return: 0; -EPERM where this host does not let us; -EINVAL for a policy that
 * the kernel does not know; all with @fault.
 */
int sched_apply(const struct plan_sched *sched, struct fault *fault);

/**
 * sched_set_cpus() - bind the calling process to CPUs
 * @list:	"0-3,7"; NULL or empty changes nothing
 *
 * Return: 0; -EINVAL with @fault if none of them may be used.
 */
int sched_set_cpus(const char *list, struct fault *fault);
