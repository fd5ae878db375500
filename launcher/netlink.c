/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define ANSWER_MAX 8192

/* Room for @size bytes, zero and aligned; NULL, now and for all that follows, if there is none. */
static void *grow(struct netlink_request *r, size_t size)
{
	size_t at = r->length, aligned = NLMSG_ALIGN(size);

	if (at + aligned > sizeof(r->bytes)) {
		r->length = sizeof(r->bytes) + 1;
		return NULL;
	}
	r->length += aligned;
	return memset(r->bytes + at, 0, aligned);
}

void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h;

	r->length = 0;
	h = grow(r, sizeof(*h));
	h->nlmsg_type = type;
	h->nlmsg_flags = flags | NLM_F_REQUEST;
}

void *netlink_add_header(struct netlink_request *r, size_t size)
{
	return grow(r, size);
}

void netlink_add(struct netlink_request *r, uint16_t type, const void *data, size_t size)
{
	struct nlattr *a = grow(r, NLA_HDRLEN + size);

	if (!a)
		return;
	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + size);
	if (size)
		memcpy((char *)a + NLA_HDRLEN, data, size);
}

void netlink_add_text(struct netlink_request *r, uint16_t type, const char *text)
{
	netlink_add(r, type, text, strlen(text) + 1);
}

void netlink_add_u32(struct netlink_request *r, uint16_t type, uint32_t value)
{
	netlink_add(r, type, &value, sizeof(value));
}

size_t netlink_nest(struct netlink_request *r, uint16_t type)
{
	size_t at = r->length;

	netlink_add(r, type, NULL, 0);
	return at;
}

void netlink_unnest(struct netlink_request *r, size_t nest)
{
	if (r->length <= sizeof(r->bytes))
		((struct nlattr *)(void *)(r->bytes + nest))->nla_len = (uint16_t)(r->length - nest);
}

int netlink_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	cleanup_fd int fd = neg_errno(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

/* Return: bytes of the answer, at least a header; negative errno, also the kernel's. */
static ssize_t exchange(int fd, struct netlink_request *r, char *answer, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK }, from;
	const struct nlmsghdr *h = (const void *)answer;
	struct iovec iov = { answer, size };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t n;

	if (r->length > sizeof(r->bytes))
		return -EMSGSIZE;
	((struct nlmsghdr *)(void *)r->bytes)->nlmsg_len = (uint32_t)r->length;
	if (sendto(fd, r->bytes, r->length, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	do {	/* another process may send to our address, too */
		n = recvmsg(fd, &msg, 0);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(h, (size_t)n) || (msg.msg_flags & MSG_TRUNC))
		return -EPROTO;
	if (h->nlmsg_type != NLMSG_ERROR)
		return n;
	if ((size_t)n < NLMSG_SPACE(sizeof(struct nlmsgerr)))
		return -EPROTO;
	return ((const struct nlmsgerr *)NLMSG_DATA(h))->error < 0
		       ? ((const struct nlmsgerr *)NLMSG_DATA(h))->error : n;
}

int netlink_talk(int fd, struct netlink_request *r)
{
	_Alignas(NLMSG_ALIGNTO) char answer[ANSWER_MAX];
	ssize_t n;

	((struct nlmsghdr *)(void *)r->bytes)->nlmsg_flags |= NLM_F_ACK;
	n = exchange(fd, r, answer, sizeof(answer));
	if (n < 0)
		return (int)n;
	return ((const struct nlmsghdr *)(const void *)answer)->nlmsg_type == NLMSG_ERROR
		       ? 0 : -EPROTO;
}

int netlink_ask(int fd, struct netlink_request *r, uint16_t type, void *ret_header, size_t size)
{
	_Alignas(NLMSG_ALIGNTO) char answer[ANSWER_MAX];
	const struct nlmsghdr *h = (const void *)answer;
	ssize_t n = exchange(fd, r, answer, sizeof(answer));

	if (n < 0)
		return (int)n;
	if (h->nlmsg_type != type || (size_t)n < NLMSG_SPACE(size))
		return -ENODEV;
	memcpy(ret_header, NLMSG_DATA(h), size);
	return 0;
}
