/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/init.h"
#include "launcher/state.h"

static const char *const stage_names[HOOK_COUNT] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_CREATE_CONTAINER] = "createContainer",
	[HOOK_START_CONTAINER] = "startContainer",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};

bool hooks_exist(const struct plan *plan, enum hook_stage stage)
{
	for (size_t i = 0; i < plan->hook_count; i++)
		if (plan->hooks[i].stage == stage)
			return true;
	return false;
}

static void __attribute__((noreturn)) execute(const struct plan_hook *h, int input)
{
	cleanup_free char **argv = calloc(h->args.count + 2, sizeof(*argv));
	cleanup_free char **envp = calloc(h->env.count + 1, sizeof(*envp));

	if (!argv || !envp || dup2(input, STDIN_FILENO) < 0)
		_exit(STATUS_FAILED);
	if (h->args.count)
		memcpy(argv, h->args.items, h->args.count * sizeof(*argv));
	else
		argv[0] = h->path;
	if (h->env.count)
		memcpy(envp, h->env.items, h->env.count * sizeof(*envp));
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	init_reset_signals();
	execve(h->path, argv, envp);
	_exit(STATUS_NOT_FOUND);
}

/* 1 if it ended, 0 if the time is up; without a pidfd there is no time limit. */
static int wait_for(pid_t pid, unsigned timeout_s)
{
	cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r;

	if (!timeout_s || pidfd < 0)
		return 1;
	do {
		r = poll(&p, 1, (int)timeout_s * 1000);
	} while (r < 0 && errno == EINTR);
	return r != 0;
}

static int run_hook(const struct plan_hook *h, const char *state, struct fault *f)
{
	cleanup_fd int input = -1;
	int status;
	pid_t pid;

	/* A file, not a pipe: a hook that does not read its input blocks nobody. */
	input = neg_errno(memfd_create("state", MFD_CLOEXEC));
	if (input < 0 || write(input, state, strlen(state)) < 0 || lseek(input, 0, SEEK_SET) < 0)
		return fault_set(f, -errno, "cannot give the state to a hook");

	pid = fork();
	if (pid < 0)
		return fault_set(f, -errno, "cannot start the %s hook '%s'",
				 stage_names[h->stage], h->path);
	if (pid == 0)
		execute(h, input);

	if (!wait_for(pid, h->timeout_s)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return fault_set(f, 0, "the %s hook '%s' did not end within %u seconds",
				 stage_names[h->stage], h->path, h->timeout_s);
	}
	if (waitpid(pid, &status, 0) < 0)
		return fault_set(f, -errno, "cannot wait for the hook '%s'", h->path);
	if (WIFSIGNALED(status))
		return fault_set(f, 0, "the %s hook '%s' was ended by signal %d",
				 stage_names[h->stage], h->path, WTERMSIG(status));
	if (WEXITSTATUS(status))
		return fault_set(f, 0, "the %s hook '%s' failed with status %d",
				 stage_names[h->stage], h->path, WEXITSTATUS(status));
	return 0;
}

static int run_stage(const struct plan *plan, enum hook_stage stage, const char *state,
		     bool go_on, struct fault *f)
{
	for (size_t i = 0; i < plan->hook_count; i++) {
		struct fault one = FAULT_INIT;
		int r;

		if (plan->hooks[i].stage != stage)
			continue;
		r = run_hook(&plan->hooks[i], state, &one);
		if (r < 0 && go_on) {
			log_warn("%s", one.text);
		} else if (r < 0) {
			*f = one;
			return r;
		}
	}
	return 0;
}

int hooks_run(const struct plan *plan, enum hook_stage stage, const char *status,
	      pid_t pid, struct fault *f)
{
	cleanup_free char *state = NULL;

	if (!hooks_exist(plan, stage))
		return 0;
	state = state_for_hooks(plan, status, pid);
	if (!state)
		return fault_set(f, -ENOMEM, "cannot write the state for a hook");

	/* The container is gone by then: one that fails stops nothing. */
	return run_stage(plan, stage, state, stage == HOOK_POSTSTOP, f);
}

void hooks_run_poststop(const struct plan *plan)
{
	struct fault f = FAULT_INIT;

	if (hooks_run(plan, HOOK_POSTSTOP, "stopped", 0, &f) < 0)
		log_warn("%s", f.text);
}
