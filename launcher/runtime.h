/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime.h - what the verbs on existing containers have in common */
#pragma once

#include "common/cgroup_group.h"
#include "common/opt.h"
#include "launcher/fault.h"
#include "launcher/plan.h"
#include "launcher/state.h"
#include "launcher/verbs.h"

/* A container that exists, opened to look at it or to act on it. */
struct runtime {
	struct state_dir dir;
	struct state *state;
	struct cgroup_layout *layout;
	struct cgroup_group *group;
};

#define RUNTIME_INIT { .dir = STATE_DIR_INIT }

/**
 * runtime_open() - open a container by its id
 * @lock:	for verbs that change its state: wait until nobody else does
 *
 * Return: 0; -ENOENT with @fault "container 'x' does not exist"; others.
 */
int runtime_open(struct runtime *r, const struct globals *g, const char *id, bool lock,
		 struct fault *fault);

/** runtime_open_cgroups() - take hold of its cgroups; 0 or negative errno with @fault */
int runtime_open_cgroups(struct runtime *r, struct fault *fault);

/** runtime_close() - let go of it */
void runtime_close(struct runtime *r);

/** runtime_status() - what it is doing now */
enum state_status runtime_status(struct runtime *r);

/** runtime_plan() - the plan it was made from; freed by the caller */
int runtime_plan(struct runtime *r, struct plan **ret_plan, struct fault *fault);

/**
 * runtime_fail() - report a fault where the caller of nacre looks for it
 *
 * To stderr, and to the file of --log as one JSON object or a line.
 *
 * Return: @status.
 */
int runtime_fail(const struct globals *g, const struct fault *fault, int status);

/**
 * runtime_parse() - options and operands of a verb
 * @min, @max:	how many operands there may be
 * @usage:	"nacre kill [OPTION]... ID [SIGNAL]"
 * @help:	where in @config the help flag is
 *
 * Return: 0; 1 if help was asked for and printed; -EINVAL with @fault.
 */
int runtime_parse(const struct opt_table *table, int argc, char **argv, void *config,
		  struct opt_list *operands, size_t min, size_t max, const char *usage,
		  const bool *help, struct fault *fault);

/** runtime_signal() - "15", "TERM" or "SIGTERM" as a number; -1 */
int runtime_signal(const char *text);

/** runtime_write_pid_file() - decimal, without a newline, appearing whole */
int runtime_write_pid_file(const char *path, pid_t pid, struct fault *fault);
