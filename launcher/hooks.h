/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/hooks.h - programs to run at points of a container's life */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "launcher/fault.h"
#include "launcher/plan.h"

/** hooks_exist() - whether the plan has any of that stage */
bool hooks_exist(const struct plan *plan, enum hook_stage stage);

/**
 * hooks_run() - run the hooks of a stage, one after the other
 * @status:	as the state on their standard input says
 * @pid:	the container's first process as the hook sees it
 *
 * Return: 0; negative errno with @fault at the first that fails.
 */
int hooks_run(const struct plan *plan, enum hook_stage stage, const char *status,
	      pid_t pid, struct fault *fault);

/** hooks_run_poststop() - what fails there is logged, and the rest goes on */
void hooks_run_poststop(const struct plan *plan);
