/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/container_process.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/hooks.h"
#include "launcher/prepare.h"
#include "launcher/seccomp_agent.h"
#include "launcher/terminal.h"

static int note_pid(struct container *c, pid_t pid, struct fault *f)
{
	c->state->pid = pid;
	c->state->pid_start = state_pid_start(pid);
	c->pidfd = neg_errno((int)syscall(SYS_pidfd_open, pid, 0));
	if (c->pidfd < 0)
		return fault_set(f, c->pidfd, "the container's first process is gone");
	/* The helper counts in pids.max until it is reaped. */
	(void)waitpid(c->spawn.helper, NULL, 0);
	c->spawn.helper = 0;
	return state_save(&c->dir, c->state, f);
}

static int hand_out_terminal(struct container *c, int fd, struct fault *f)
{
	if (c->console_socket) {
		int r = prepare_send_terminal(c->console_socket, fd, f);

		close(fd);
		return r;
	}
	/* Before the command can ask for it. */
	terminal_resize(fd);
	c->terminal_fd = fd;
	return 0;
}

static int run_runtime_hooks(struct container *c, struct fault *f)
{
	int r = hooks_run(c->plan, HOOK_PRESTART, "creating", c->state->pid, f);

	if (r >= 0)
		r = hooks_run(c->plan, HOOK_CREATE_RUNTIME, "creating", c->state->pid, f);
	return r < 0 ? r : channel_say(c->spawn.channel, CHANNEL_GO, 0);
}

/* Acts on one message; 1 when it is of the kind waited for. */
static int handle_message(struct container *c, const struct channel_message *m, int fd,
			  struct fault *f)
{
	int r;

	switch (m->kind) {
	case CHANNEL_MAP_IDS:
		r = spawn_write_maps(c->spawn.helper, &c->plan->uids, &c->plan->gids, f);
		return r < 0 ? r : channel_say(c->spawn.channel, CHANNEL_GO, 0);
	case CHANNEL_PID:
		return note_pid(c, m->value, f);
	case CHANNEL_CONSOLE:
		return hand_out_terminal(c, fd, f);
	case CHANNEL_PREPARED:
		return run_runtime_hooks(c, f);
	case CHANNEL_SECCOMP:
		r = seccomp_agent_send(c->plan, "created", c->state->pid, fd, f);
		close(fd);
		return r < 0 ? r : channel_say(c->spawn.channel, CHANNEL_GO, 0);
	case CHANNEL_WARNING:
		log_warn("%s", m->fault.text);
		return 0;
	case CHANNEL_FAULT:
		*f = m->fault;
		return m->error ? m->error : -EIO;
	default:
		return 0;
	}
}

/* 1 with a message; 0 at the end of file. */
static int next_message(struct container *c, struct channel_message *m, int *ret_fd)
{
	int r = signals_wait_fd(c->signals, c->spawn.channel, -1);

	return r < 0 ? r : channel_receive(c->spawn.channel, m, ret_fd);
}

/*
 * The helper tells the first process's pid, and that process speaks for itself,
 * so what it says may come before it is known who it is. It waits for us then.
 */
static int hear_pid(struct container *c, struct fault *f)
{
	while (!c->state->pid) {
		struct channel_message m;
		int fd, r = next_message(c, &m, &fd);

		if (r == 0)
			return fault_set(f, -ECHILD, "cannot learn the first process's pid");
		if (r > 0)
			r = handle_message(c, &m, fd, f);
		if (r < 0)
			return r;
	}
	return 0;
}

int container_serve(struct container *c, enum channel_kind kind, struct fault *f)
{
	for (;;) {
		struct channel_message m;
		int fd, r = next_message(c, &m, &fd);

		if (r <= 0)
			return r;
		if (m.kind == CHANNEL_PREPARED || m.kind == CHANNEL_READY)
			r = hear_pid(c, f);
		if (r >= 0 && m.kind == kind)
			return 1;
		if (r >= 0)
			r = handle_message(c, &m, fd, f);
		if (r < 0)
			return r;
	}
}

/*
 * Interrupted before we were told the first process's pid. Killing the helper
 * could leave that process behind, known to nobody; so the helper is let run to
 * its end, which comes soon, for whatever it waits for is now an end of file.
 */
static void kill_unknown(struct container *c)
{
	struct channel_message m;
	int fd;

	(void)shutdown(c->spawn.channel, SHUT_WR);
	while (channel_receive(c->spawn.channel, &m, &fd) > 0) {
		cleanup_fd_(&fd);
		if (m.kind != CHANNEL_PID)
			continue;
		kill(m.value, SIGKILL);
		(void)waitpid(m.value, NULL, __WALL);
	}
}

void container_kill(struct container *c)
{
	if (c->pidfd >= 0) {
		(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
		/* Reaping pid 1 means that its whole pid namespace is gone. */
		(void)waitpid(c->state->pid, NULL, __WALL);
		close(c->pidfd);
		c->pidfd = -1;
	} else if (c->spawn.helper > 0 && c->spawn.channel >= 0) {
		kill_unknown(c);
	}
	spawn_done(&c->spawn);
	cleanup_fd_(&c->terminal_fd);
	c->terminal_fd = -1;
}

int container_spawn(struct container *c, struct fault *f)
{
	int r;

	c->spawn.plan = c->plan;
	c->spawn.group = c->group;
	c->spawn.main = child_main;
	c->spawn.context = &c->child;
	r = spawn_start(&c->spawn, f);
	if (r >= 0)
		r = container_serve(c, CHANNEL_READY, f);
	if (r == 0) {
		fault_set(f, 0, "the container's first process ended before it was ready\n"
			  "If its memory limit is very low, raise it.");
		r = -ECHILD;
	}
	if (r < 0)
		container_kill(c);
	return r < 0 ? r : 0;
}
