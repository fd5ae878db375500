/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/supervise.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "launcher/limits_apply.h"
#include "launcher/terminal.h"

static void forward(struct container *c, int signal)
{
	(void)syscall(SYS_pidfd_send_signal, c->pidfd, signal, NULL, 0);
}

static void handle_signals(struct container *c)
{
	int signal;

	while ((signal = signals_read(c->signals, NULL))) {
		if (signal == SIGWINCH && c->terminal_fd >= 0)
			terminal_resize(c->terminal_fd);
		else if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
			continue;	/* the container goes on without our terminal */
		else if (signal != SIGCHLD && signal != SIGPIPE)
			forward(c, signal);
	}
}

/* Until the first process ends. */
static void serve(struct container *c, struct terminal *t)
{
	for (;;) {
		struct pollfd p[4] = {
			{ .fd = c->pidfd, .events = POLLIN },
			{ .fd = c->signals->fd, .events = POLLIN },
			{ .fd = t->output_ended ? -1 : c->terminal_fd,
			  .events = POLLIN | (t->input_length ? POLLOUT : 0) },
			{ .fd = c->terminal_fd >= 0 && terminal_wants_input(t) ? STDIN_FILENO : -1,
			  .events = POLLIN },
		};

		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents)
			handle_signals(c);
		if (p[2].revents)
			terminal_serve_master(t);
		if (p[3].revents)
			terminal_read_input(t);
		if (p[0].revents)
			return;
	}
}

static int reap(struct container *c)
{
	int status = 0;

	if (waitpid(c->state->pid, &status, __WALL) < 0)
		return STATUS_FAILED;
	/* Reaped: undoing must not signal a pid that is free again. */
	close(c->pidfd);
	c->pidfd = -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void format_bytes(char *text, size_t size, int64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (bytes >= 1024 && bytes % 1024 == 0 && unit < 3) {
		bytes /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(text, size, "%" PRId64 " bytes", bytes);
	else
		snprintf(text, size, "%" PRId64 " %ciB", bytes, units[unit]);
}

static void explain_kill(struct container *c, int status)
{
	int64_t limit = c->plan->limits.memory_bytes;
	uint64_t kills = 0;
	char text[32];

	if (!c->group || limits_oom_kills(c->group, &kills) < 0 || !kills)
		return;
	if (limit > 0)
		format_bytes(text, sizeof(text), limit);
	log_warn("out of memory: the kernel killed %" PRIu64 " process%s at the limit%s%s%s\n"
		 "Give the container more (--memory), or have it use less.", kills,
		 kills == 1 ? "" : "es", limit > 0 ? " of " : "", limit > 0 ? text : "",
		 status == 128 + SIGKILL ? ", the command with it" : "");
}

int supervise(struct container *c)
{
	struct terminal t = { .output_ended = true, .input_ended = true };
	int status;

	if (c->terminal_fd >= 0)
		terminal_begin(&t, c->terminal_fd);
	serve(c, &t);
	status = reap(c);
	if (c->terminal_fd >= 0)
		terminal_end(&t);

	explain_kill(c, status);
	return status;
}
