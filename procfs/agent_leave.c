/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/agent_leave.c - calls of containers that outlive the daemon go to the kernel */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "procfs/agent_impl.h"

static unsigned collect(struct session *s, const struct agent_state *state,
			struct pollfd fds[])
{
	unsigned count = 0;

	for (unsigned i = 0; i < state->highest && i < AGENT_LISTENERS; i++) {
		int fd = session_kept_fd(s, (int)state->listeners[i].place);

		if (fd >= 0)
			fds[count++] = (struct pollfd){ fd, POLLIN, 0 };
	}
	return count;
}

static int by_number(const void *a, const void *b)
{
	return ((const struct pollfd *)a)->fd - ((const struct pollfd *)b)->fd;
}

/* The mount, the socket and its lock are not held on to. */
static void close_all_but(const struct pollfd fds[], unsigned count)
{
	unsigned from = 0;

	for (unsigned i = 0; i < count; i++) {
		if ((unsigned)fds[i].fd > from)
			(void)close_range(from, (unsigned)fds[i].fd - 1, 0);
		from = (unsigned)fds[i].fd + 1;
	}
	(void)close_range(from, ~0u, 0);
}

static void let_go_on(int fd, uint64_t id)
{
	struct seccomp_notif_resp response = {
		.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &response);	/* or it is gone */
}

static void serve(struct pollfd fds[], unsigned count)
{
	_Alignas(8) unsigned char data[AGENT_NOTIFICATION];
	struct seccomp_notif *n = (void *)data;

	while (count) {
		if (poll(fds, count, -1) < 0 && errno != EINTR)
			return;
		for (unsigned i = count; i-- > 0;) {
			memset(data, 0, sizeof(data));
			if (fds[i].revents & POLLIN) {
				if (ioctl(fds[i].fd, SECCOMP_IOCTL_NOTIF_RECV, n) == 0)
					let_go_on(fds[i].fd, n->id);
			} else if (fds[i].revents) {
				close(fds[i].fd);
				fds[i] = fds[--count];
			}
		}
	}
}

/* The call that the last worker had in hand. */
static void finish_call(struct session *s, const struct agent_state *state)
{
	const struct seccomp_notif *n = (const void *)state->notification;
	uint32_t i = state->answering - 1;

	if (i < AGENT_LISTENERS && n->id)
		let_go_on(session_kept_fd(s, (int)state->listeners[i].place), n->id);
}

static void be_left(struct pollfd fds[], unsigned count)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "nacre-calls");
	qsort(fds, count, sizeof(*fds), by_number);
	close_all_but(fds, count);
	serve(fds, count);
}

void agent_leave(struct session *s, const struct agent_state *state)
{
	struct pollfd *fds = calloc(AGENT_LISTENERS, sizeof(*fds));
	unsigned count = fds ? collect(s, state, fds) : 0;
	pid_t pid;

	finish_call(s, state);
	pid = count ? fork() : 1;
	if (pid == 0) {
		be_left(fds, count);
		_exit(0);
	}
	if (!fds || pid < 0)
		log_error("system calls of containers with a listener fail from now on");
	free(fds);
}
