/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/arrival.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"

union arrival_control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

int arrival_init(struct session *s)
{
	int pair[2];

	if (s->config->arrivals_fd <= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->arrival_holder_fd = pair[0];
	s->arrival_worker_fd = pair[1];
	return 0;
}

void arrival_done(struct session *s)
{
	cleanup_fd_(&s->arrival_next_fd);
	cleanup_fd_(&s->arrival_holder_fd);
	cleanup_fd_(&s->arrival_worker_fd);
}

/* --- the holder ----------------------------------------------------------------- */

struct pollfd arrival_wait(const struct session *s)
{
	if (s->arrival_holder_fd < 0)
		return (struct pollfd){ .fd = -1 };
	if (s->arrival_next_fd >= 0)	/* until there is room */
		return (struct pollfd){ .fd = s->arrival_holder_fd, .events = POLLOUT };
	return (struct pollfd){ .fd = s->config->arrivals_fd, .events = POLLIN };
}

static int send_arrival(struct session *s, int fd)
{
	uint64_t number = s->arrival_count + 1;
	struct iovec iov = { &number, sizeof(number) };
	union arrival_control control = { .header = {
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	} };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(s->arrival_holder_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	s->arrival_count = number;
	return 0;
}

void arrival_pass_on(struct session *s)
{
	int r;

	if (s->arrival_next_fd < 0)
		s->arrival_next_fd = accept4(s->config->arrivals_fd, NULL, NULL, SOCK_CLOEXEC);
	if (s->arrival_next_fd < 0)
		return;		/* it has gone again */
	r = send_arrival(s, s->arrival_next_fd);
	if (r == -EAGAIN)
		return;
	if (r < 0)
		log_warn("a connection is hung up on: %s", strerror(-r));
	cleanup_fd_(&s->arrival_next_fd);
	s->arrival_next_fd = -1;
}

/* --- workers ----------------------------------------------------------------------- */

void arrival_adopt(struct session *s)
{
	int first = 0;

	/* Of the socket, not of the worker: the last one left it anywhere. */
	if (s->arrival_worker_fd >= 0)
		(void)setsockopt(s->arrival_worker_fd, SOL_SOCKET, SO_PEEK_OFF, &first,
				 sizeof(first));
}

int session_arrivals_fd(const struct session *s)
{
	return s->arrival_worker_fd >= 0 ? s->arrival_worker_fd : -ENOENT;
}

int session_arrivals_look(struct session *s, uint64_t *ret_number)
{
	uint64_t number = 0;
	struct iovec iov = { &number, sizeof(number) };
	union arrival_control control;
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(s->arrival_worker_fd, &message,
		    MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	*ret_number = number;
	c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EMFILE;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

void session_arrivals_done(struct session *s)
{
	uint64_t number;

	/* The kernel moves what is looked at next by as much. */
	(void)recv(s->arrival_worker_fd, &number, sizeof(number), MSG_DONTWAIT);
}
