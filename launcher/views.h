/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/views.h - the container's own /proc and /sys files, from nacre-procfs */
#pragma once

#include <stddef.h>

#include "common/cgroup_group.h"
#include "launcher/child.h"
#include "launcher/fault.h"
#include "launcher/plan.h"

/**
 * views_hold_daemon() - start nacre-procfs unless one answers, and keep it
 * @ret_lock:	a descriptor that keeps others from ending it until it is closed
 *
 * Return: 0 or negative errno with @fault.
 */
int views_hold_daemon(int *ret_lock, struct fault *fault);

/**
 * views_end_daemon() - end it if a nacre started it and no container needs it
 *
 * Must be called in the mount namespace where it was started.
 */
void views_end_daemon(void);

/**
 * views_register() - give the container its view, and take hold of its files
 * @id:		the container
 * @group:	its cgroups
 * @ret_trees:	one per file or directory to cover; freed by child_done()
 *
 * Return: 0 or negative errno with @fault.
 */
int views_register(const char *id, const struct cgroup_group *group,
		   struct child_tree **ret_trees, size_t *ret_count, struct fault *fault);

/**
 * views_answer_calls() - have sysinfo(2) say in the container what its files say
 *
 * Has the plan's filter, or a new one, hand the call to nacre-procfs, unless it has
 * another agent already, refuses the call, or the daemon is too old for that.
 *
 * Return: 0 or negative errno with @fault.
 */
int views_answer_calls(struct plan *plan, struct fault *fault);

/** views_use_agent() - nacre-procfs is who answers the plan's filter; 0 or -ENOMEM */
int views_use_agent(struct plan *plan, struct fault *fault);

/** views_unregister() - end the view; one that is gone already is fine */
void views_unregister(const char *id);
