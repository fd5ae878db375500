/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/fault.h"
#include "launcher/terminal.h"

static void handle_signals(struct signals *signals, int pidfd, int terminal_fd)
{
	int signal;

	while ((signal = signals_read(signals, NULL))) {
		if (signal == SIGWINCH && terminal_fd >= 0)
			terminal_resize(terminal_fd);
		else if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
			continue;	/* the container goes on without our terminal */
		else if (signal != SIGCHLD && signal != SIGPIPE)
			(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
	}
}

static void serve(int pidfd, struct signals *signals, struct terminal *t)
{
	for (;;) {
		bool terminal = t->master_fd >= 0;
		struct pollfd p[4] = {
			{ .fd = pidfd, .events = POLLIN },
			{ .fd = signals->fd, .events = POLLIN },
			{ .fd = terminal && !t->output_ended ? t->master_fd : -1,
			  .events = POLLIN | (t->input_length ? POLLOUT : 0) },
			{ .fd = terminal && terminal_wants_input(t) ? STDIN_FILENO : -1,
			  .events = POLLIN },
		};

		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents)
			handle_signals(signals, pidfd, t->master_fd);
		if (p[2].revents)
			terminal_serve_master(t);
		if (p[3].revents)
			terminal_read_input(t);
		if (p[0].revents)
			return;
	}
}

int wait_for_command(pid_t pid, struct signals *signals, int terminal_fd)
{
	cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct terminal t = { .master_fd = -1 };
	int status = 0;

	if (terminal_fd >= 0)
		terminal_begin(&t, terminal_fd);
	if (pidfd >= 0)
		serve(pidfd, signals, &t);
	if (waitpid(pid, &status, __WALL) < 0)
		status = STATUS_FAILED << 8;
	if (terminal_fd >= 0) {
		terminal_end(&t);
		close(terminal_fd);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
