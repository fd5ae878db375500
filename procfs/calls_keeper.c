/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/calls_keeper.c - calls of containers that outlive the daemon go to the kernel
 *
 * How it works. A process of its own, nobody's child, gets a copy of each listener
 * from the workers, over a socket that the holder keeps for them. While the daemon
 * lives it waits: for copies, for listeners that nobody is under any more, and for the
 * end of the socket. That comes when nobody has the other side, however the daemon
 * ended, or when the holder ends in order and says so. Then it answers: that the
 * kernel shall. It ends with the last container.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/guard.h"
#include "common/log.h"
#include "procfs/calls_impl.h"

#define END_MS	2000			/* for what it has to do when the holder ends */

struct keeper {
	const struct calls_state *state;
	struct pollfd fds[1 + CALLS_LISTENERS];	/* the socket, and all by their index in
						   the state; -1: none */
	struct pollfd *socket, *listeners;	/* in it */
	unsigned highest;			/* listeners from here on never came */
};

union fd_control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

/* --- the process ---------------------------------------------------------------- */

static void forget(struct pollfd *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* Return: > 0 if one came; 0 at the end. */
static int receive_listener(struct keeper *k)
{
	union fd_control control;
	uint32_t index = CALLS_LISTENERS;
	struct iovec iov = { &index, sizeof(index) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd;
	ssize_t n;

	do
		n = recvmsg(k->socket->fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return n > 0;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	if (index >= CALLS_LISTENERS) {
		close(fd);
		return 1;
	}
	forget(&k->listeners[index]);	/* that one is over */
	k->listeners[index] = (struct pollfd){ fd, 0, 0 };
	if (index >= k->highest)
		k->highest = index + 1;
	return 1;
}

static void let_go_on(int fd, uint64_t id)
{
	struct seccomp_notif_resp response = {
		.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &response);	/* or it is gone */
}

static void answer_call(int fd)
{
	_Alignas(8) unsigned char data[CALLS_NOTIFICATION] = { 0 };
	struct seccomp_notif *n = (void *)data;

	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, n) == 0)
		let_go_on(fd, n->id);
}

/* What happened to the listeners; returns how many there are. */
static unsigned look(struct keeper *k)
{
	unsigned count = 0;

	for (unsigned i = 0; i < k->highest; i++) {
		struct pollfd *p = &k->listeners[i];

		if (p->fd < 0)
			continue;
		if (p->revents & POLLIN)
			answer_call(p->fd);
		else if (p->revents)
			forget(p);
		count += p->fd >= 0;
	}
	return count;
}

/* No more than there ever were: what is beyond the limit of open files is refused. */
static bool wait_for_any(struct keeper *k)
{
	int n;

	do
		n = poll(k->fds, 1 + k->highest, -1);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

/* Calls are the worker's to answer: nothing is asked about them. */
static void keep(struct keeper *k)
{
	while (wait_for_any(k)) {
		if (k->socket->revents && receive_listener(k) <= 0)
			return;
		(void)look(k);
	}
}

/* The call that the last worker had in hand, then all others. */
static void answer(struct keeper *k)
{
	const struct seccomp_notif *n = (const void *)k->state->notification;
	uint32_t i = k->state->answering - 1;

	if (i < k->highest && k->listeners[i].fd >= 0 && n->id)
		let_go_on(k->listeners[i].fd, n->id);
	for (i = 0; i < k->highest; i++)
		k->listeners[i].events = POLLIN;
	while (look(k)) {
		forget(k->socket);	/* who waits for us need not any more */
		if (!wait_for_any(k))
			return;
	}
}

static _Noreturn void be_keeper(int socket_fd, const struct calls_state *state)
{
	struct keeper *k = calloc(1, sizeof(*k));
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	guard_become("nacre-calls", socket_fd, socket_fd);
	if (!k)
		_exit(1);
	k->state = state;
	k->socket = &k->fds[0];
	k->listeners = &k->fds[1];
	for (unsigned i = 0; i < CALLS_LISTENERS; i++)
		k->listeners[i].fd = -1;
	*k->socket = (struct pollfd){ socket_fd, POLLIN, 0 };
	keep(k);
	answer(k);
	_exit(0);
}

/* --- the daemon ------------------------------------------------------------------- */

static int start_keeper(int keeper_fd, int worker_fd, const struct calls_state *state)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		close(worker_fd);
		pid = fork();
		if (pid != 0)
			_exit(pid < 0);
		be_keeper(keeper_fd, state);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? -EAGAIN : 0;
}

/* The one that an earlier worker started, if it still listens. */
static int find_keeper(struct session *s, const struct calls_state *state)
{
	struct pollfd p = { .fd = -ENOENT };

	if (state->keeper_place)
		p.fd = session_kept_fd(s, (int)state->keeper_place);
	if (p.fd >= 0 && poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR))
		return -EPIPE;
	return p.fd;
}

int calls_keeper_start(struct session *s, struct calls_state *state, int *ret_fd)
{
	cleanup_fd int keeper_fd = -1, worker_fd = -1;
	int pair[2];
	int r = find_keeper(s, state);

	if (r >= 0) {
		*ret_fd = r;
		return 0;
	}
	if (state->keeper_place)
		session_drop_fd(s, (int)state->keeper_place);
	state->keeper_place = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	keeper_fd = pair[0];
	worker_fd = pair[1];

	r = start_keeper(keeper_fd, worker_fd, state);
	if (r >= 0)
		r = session_keep_fd(s, worker_fd);
	if (r < 0)
		return r;
	state->keeper_place = (uint32_t)r;
	*ret_fd = take_fd(&worker_fd);
	return 1;
}

int calls_keeper_give(int keeper_fd, unsigned index, int listener_fd)
{
	uint32_t number = index;
	struct iovec iov = { &number, sizeof(number) };
	union fd_control control = { .header = {
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	} };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	memcpy(CMSG_DATA(&control.header), &listener_fd, sizeof(listener_fd));
	do
		n = sendmsg(keeper_fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

void calls_leave(struct session *s, const struct calls_state *state)
{
	struct pollfd p = { .fd = find_keeper(s, state), .events = POLLIN };

	if (p.fd < 0) {
		if (state->highest)
			log_error("system calls of containers with a listener fail from now on: "
				  "who would have kept it was killed");
		return;
	}
	(void)shutdown(p.fd, SHUT_WR);
	(void)poll(&p, 1, END_MS);	/* it has them, or has ended */
}
