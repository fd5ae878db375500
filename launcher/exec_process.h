/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/exec_process.h - the command line of "nacre exec", and the process it means */
#pragma once

#include <stdbool.h>

#include "common/opt.h"
#include "launcher/fault.h"
#include "launcher/plan.h"

struct exec_config {
	char *process;
	char *pid_file;
	char *console_socket;
	char *pidfd_socket;
	char *cgroup;		/* below the container's */
	char *cwd;
	char *user;
	char *apparmor;
	char *selinux_label;
	struct opt_list env;
	struct opt_list caps;
	struct opt_list groups;
	unsigned preserve_fds;
	bool detach;
	bool no_new_privs;
	bool ignore_paused;
	bool terminal;
	bool help;
};

extern const struct opt_table exec_options;

/**
 * exec_process_from_words() - as the container's own process, but for what is changed
 * @words:	the container's name, then the command
 * @rights_by_user: another user than root has no capability, as in containers of
 *		"run"; a bundle says itself which there are
 * @process:	the container's own; changed
 *
 * Return: 0; -EINVAL or -ENOMEM with @fault.
 */
int exec_process_from_words(const struct exec_config *config, const struct opt_list *words,
			    bool rights_by_user, struct plan_process *process,
			    struct fault *fault);

/** exec_process_from_file() - as the JSON file of --process says; errors as above */
int exec_process_from_file(const struct exec_config *config, struct plan_process *process,
			   struct fault *fault);
