/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/container.h"
#include "launcher/hooks.h"
#include "launcher/rootless.h"
#include "launcher/runtime.h"

struct end_config {
	bool all;
	bool force;
	bool help;
};

#define FIELD(name) offsetof(struct end_config, name)

static const struct opt kill_rows[] = {
	{ "all", 'a', OPT_FLAG, FIELD(all), NULL, "signal every process of the container", NULL },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this", NULL },
};
static const struct opt_table kill_table = OPT_TABLE(kill_rows);

static const struct opt delete_rows[] = {
	{ "force", 'f', OPT_FLAG, FIELD(force), NULL, "kill it first; one that is gone is fine", NULL },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this", NULL },
};
static const struct opt_table delete_table = OPT_TABLE(delete_rows);

static int signal_first(const struct state *s, int signal)
{
	cleanup_fd int pidfd = neg_errno((int)syscall(SYS_pidfd_open, s->pid, 0));

	if (pidfd < 0)
		return pidfd;
	/* Between looking and opening another may have got the pid. */
	if (!state_pid_is_alive(s))
		return -ESRCH;
	return neg_errno((int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

/* A frozen process ends on v1 when it is let go on. */
static void thaw(struct runtime *r)
{
	struct fault ignored = FAULT_INIT;

	if (r->state->cgroup_path && runtime_open_cgroups(r, &ignored) >= 0 &&
	    cgroup_group_is_frozen(r->group) > 0)
		(void)cgroup_group_freeze(r->group, false);
}

/* Whoever stays beside it might start it again. */
static void leave_mark(struct runtime *r, const char *name)
{
	int fd = r->state->restart ? openat(r->dir.fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)
				   : -1;

	cleanup_fd_(&fd);
}

/* Without pids of its own the end of its first process is not that of the others. */
static bool has_others(struct runtime *r)
{
	cleanup_free pid_t *pids = NULL;
	struct fault ignored = FAULT_INIT;
	struct plan *plan = NULL;
	bool shares = runtime_plan(r, &plan, &ignored) >= 0 && plan->ns[NS_PID].how != NS_NEW;

	plan_free(plan);
	return shares && r->state->cgroup_path && runtime_open_cgroups(r, &ignored) >= 0 &&
	       cgroup_group_pids(r->group, &pids) > 0;
}

static int kill_container(struct runtime *r, int signal, bool all, struct fault *f)
{
	enum state_status status = runtime_status(r);
	int result;

	if (signal == SIGKILL && !all)
		all = has_others(r);
	if (all && r->state->cgroup_path && runtime_open_cgroups(r, f) >= 0) {
		result = cgroup_group_signal(r->group, signal);
		return result < 0 ? fault_set(f, result, "cannot signal container '%s'",
					      r->state->id) : 0;
	}
	if (status == STATE_STOPPED || status == STATE_CREATING) {
		*f = (struct fault)FAULT_INIT;
		return fault_set(f, 0, "container not running: '%s' is %s", r->state->id,
				 state_status_name(status));
	}
	if (signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGQUIT)
		leave_mark(r, KILLED_FILE);
	result = signal_first(r->state, signal);
	if (result == -ESRCH)
		return fault_set(f, 0, "container not running: '%s' has just ended", r->state->id);
	return result < 0 ? fault_set(f, result, "cannot signal container '%s'", r->state->id) : 0;
}

int verb_kill(const struct globals *g, int argc, char **argv)
{
	struct runtime r = RUNTIME_INIT;
	struct opt_list operands = { 0 };
	struct end_config config = { 0 };
	struct fault f = FAULT_INIT;
	int signal = SIGTERM;
	int result = runtime_parse(&kill_table, argc, argv, &config, &operands, 1, 2,
				   "nacre kill [OPTION]... ID [SIGNAL]", &config.help, &f);

	if (result == 0 && operands.count == 2) {
		signal = runtime_signal(operands.items[1]);
		if (signal < 0)
			result = fault_set(&f, 0, "'%s' is no signal", operands.items[1]);
	}
	if (result == 0)
		result = runtime_open(&r, g, operands.items[0], false, &f);
	if (result == 0 && r.state)
		result = kill_container(&r, signal, config.all, &f);
	runtime_close(&r);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}

/* One whose supervisor lives: end its process, the supervisor does the rest. */
static int end_supervised(struct runtime *r, bool force, struct fault *f)
{
	cleanup_fd int monitor = -1;
	int result = state_load(&r->dir, &r->state, f);

	if (result < 0)
		return result;
	if (!force)
		return fault_set(f, 0, "cannot delete container '%s': it is running\n"
				 "Kill it first, or use --force.", r->state->id);
	leave_mark(r, STOP_FILE);
	if (r->state->pid)
		(void)signal_first(r->state, SIGKILL);
	thaw(r);
	/* It may be waiting before it starts the container again. */
	monitor = (int)syscall(SYS_pidfd_open, r->state->monitor, 0);
	if (r->state->restart && monitor >= 0 && state_monitor_is_alive(r->state))
		(void)syscall(SYS_pidfd_send_signal, monitor, SIGTERM, NULL, 0);
	return 0;
}

static int open_to_delete(struct runtime *r, const struct globals *g, const char *id,
			  bool force, struct fault *f)
{
	int result = state_root_open(g->root, &r->dir, f);

	if (result < 0)
		return result;
	result = state_dir_open(&r->dir, id, false, f);
	if (result != -EWOULDBLOCK)
		return result;

	result = state_dir_open_unlocked(&r->dir, id, f);
	if (result >= 0)
		result = end_supervised(r, force, f);
	state_dir_close(&r->dir);
	r->state = state_free(r->state);
	return result < 0 ? result : state_dir_open(&r->dir, id, true, f);
}

static int delete_opened(struct runtime *r, bool force, struct fault *f)
{
	struct fault ignored = FAULT_INIT;
	struct plan *plan = NULL;
	enum state_status status;
	int result = state_load(&r->dir, &r->state, f);

	if (result < 0 && !force)
		return result;
	if (result < 0) {
		/* Its maker died before it wrote anything down: nothing else is there. */
		result = state_dir_remove(&r->dir);
		return result < 0 ? result : 0;
	}
	status = runtime_status(r);
	if (!force && (status == STATE_RUNNING || status == STATE_PAUSED))
		return fault_set(f, 0, "cannot delete container '%s' that is not stopped: %s\n"
				 "Kill it first, or use --force.", r->state->id,
				 state_status_name(status));

	(void)runtime_plan(r, &plan, &ignored);
	result = container_cleanup(&r->dir, r->state, f);
	if (result >= 0)
		if (plan)
			hooks_run_poststop(plan);
	plan_free(plan);
	return result;
}

int verb_delete(const struct globals *g, int argc, char **argv)
{
	struct runtime r = RUNTIME_INIT;
	struct opt_list operands = { 0 };
	struct end_config config = { 0 };
	struct fault f = FAULT_INIT;
	int result = runtime_parse(&delete_table, argc, argv, &config, &operands, 1, 1,
				   "nacre delete [OPTION]... ID", &config.help, &f);

	/* What its containers made belongs to ids that only its namespace has. */
	if (result == 0 && rootless_is_needed()) {
		opt_list_done(&operands);
		result = rootless_reenter(&f);
		return result < 0 ? runtime_fail(g, &f, 1) : result;
	}
	if (result == 0) {
		result = open_to_delete(&r, g, operands.items[0], config.force, &f);
		if (result == 0)
			result = delete_opened(&r, config.force, &f);
		else if (result == -ENOENT && config.force)
			result = 0;
	}
	runtime_close(&r);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}

int verb_no_checkpoint(const struct globals *g, int argc, char **argv)
{
	struct fault f = FAULT_INIT;

	(void)argc;
	(void)argv;
	fault_set(&f, 0, "containers cannot be checkpointed or restored: not supported\n"
		  "To hold one still, use: nacre pause ID. To keep its files: nacre commit.");
	return runtime_fail(g, &f, 1);
}
