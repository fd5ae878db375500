/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/command.h - the last steps of a process before it is the command */
#pragma once

#include "launcher/fault.h"
#include "launcher/plan.h"

struct child;

struct command {
	const struct plan *plan;
	const struct plan_process *process;	/* NULL: the plan's */
	int channel;		/* kept open until exec */
	int console_fd;		/* the terminal, or -1 */
	unsigned preserve_fds;	/* descriptors 3 to 2+N go to the command */
	struct child *warn;	/* who takes warnings, or NULL */
};

/**
 * command_check() - whether the command can be found, in the root as it is now
 *
 * Return: 0; -ENOENT or -EACCES with @fault and its status 127 or 126.
 */
int command_check(const struct plan_process *p, struct fault *fault);

/**
 * command_execute() - take on everything the process description asks for, and
 *	execute its command
 *
 * Return: only on failure: negative errno with @fault.
 */
int command_execute(const struct command *command, struct fault *fault);
