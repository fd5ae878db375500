/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/errors.h"

int channel_open(int ret_ends[2])
{
	return neg_errno(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends));
}

union fd_control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int channel_send(int channel, const struct channel_message *message, int fd)
{
	union fd_control control = { .bytes = { 0 } };
	struct iovec iov = { (void *)message, sizeof(*message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}

	while (sendmsg(channel, &msg, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int channel_say(int channel, enum channel_kind kind, int value)
{
	struct channel_message m = { .kind = kind, .value = value };

	return channel_send(channel, &m, -1);
}

void channel_send_fault(int channel, enum channel_kind kind, int error,
			const struct fault *fault)
{
	struct channel_message m = { .kind = kind, .error = error, .fault = *fault };

	/* Nobody is left to be told if this fails. */
	(void)channel_send(channel, &m, -1);
}

static int received_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

int channel_receive(int channel, struct channel_message *message, int *ret_fd)
{
	union fd_control control;
	struct iovec iov = { message, sizeof(*message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (ret_fd) {
		*ret_fd = -1;
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	do {
		n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);

	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;
	if (ret_fd)
		*ret_fd = received_fd(&msg);
	if (n != sizeof(*message))
		return -EPROTO;
	message->fault.text[sizeof(message->fault.text) - 1] = '\0';
	return 1;
}

int channel_wait_go(int channel)
{
	struct channel_message m;
	int r = channel_receive(channel, &m, NULL);

	if (r < 0)
		return r;
	return r == 1 && m.kind == CHANNEL_GO ? 0 : -EPIPE;
}
