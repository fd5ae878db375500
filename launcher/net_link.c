/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/fault.h"

#define MESSAGE_MAX 1024
#define ANSWER_MAX  8192

/* A netlink socket stays in the namespace it was opened in. */
static int open_in(int netns_fd, struct mnl_socket **ret)
{
	cleanup_fd int here = -1;
	int r = 0;

	if (netns_fd >= 0) {
		here = neg_errno(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
		if (here < 0)
			return here;
		if (setns(netns_fd, CLONE_NEWNET) < 0)
			return -errno;
	}
	*ret = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!*ret || mnl_socket_bind(*ret, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	/* Staying in the container's network would be worse than ending. */
	if (here >= 0 && setns(here, CLONE_NEWNET) < 0)
		_exit(STATUS_FAILED);
	return r;
}

/* Sends a request and waits for the kernel's answer: 0 or negative errno. */
static int talk(struct mnl_socket *s, struct nlmsghdr *request)
{
	char answer[ANSWER_MAX];
	const struct nlmsghdr *h = (const void *)answer;
	ssize_t n;

	request->nlmsg_seq = (unsigned)time(NULL);
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(s, request, request->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(s, answer, sizeof(answer));
	if (n < 0)
		return -errno;
	if (!mnl_nlmsg_ok(h, (int)n) || h->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
}

static int talk_in(int netns_fd, struct nlmsghdr *request)
{
	struct mnl_socket *s = NULL;
	int r = open_in(netns_fd, &s);

	if (r >= 0)
		r = talk(s, request);
	if (s)
		mnl_socket_close(s);
	return r;
}

static struct nlmsghdr *new_link(char *buffer, uint16_t type, uint16_t flags, bool up)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));

	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	if (up)
		info->ifi_flags = info->ifi_change = IFF_UP;
	return h;
}

static void put_address(struct nlmsghdr *h, uint16_t type, uint32_t address)
{
	mnl_attr_put_u32(h, type, htonl(address));
}

static struct nlmsghdr *new_address(char *buffer, unsigned index, const struct net_subnet *subnet,
				    uint32_t address)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof(*a));

	h->nlmsg_type = RTM_NEWADDR;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	a->ifa_family = AF_INET;
	a->ifa_prefixlen = (unsigned char)subnet->prefix;
	a->ifa_index = index;
	put_address(h, IFA_LOCAL, address);
	put_address(h, IFA_ADDRESS, address);
	put_address(h, IFA_BROADCAST, subnet->address | (UINT32_MAX >> subnet->prefix));
	return h;
}

int net_link_bridge(const struct net_subnet *subnet)
{
	char buffer[MESSAGE_MAX];
	struct nlmsghdr *h = new_link(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, true);
	struct nlattr *info;
	int r;

	mnl_attr_put_strz(h, IFLA_IFNAME, NET_BRIDGE);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(h, info);
	r = talk_in(-1, h);
	if (r < 0 && r != -EEXIST)
		return r;
	r = talk_in(-1, new_address(buffer, if_nametoindex(NET_BRIDGE), subnet,
				    subnet->address + 1));
	return r == -EEXIST ? 0 : r;
}

int net_link_pair(const char *name, int netns_fd)
{
	char buffer[MESSAGE_MAX];
	struct nlmsghdr *h = new_link(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, true);
	struct nlattr *info, *data, *peer;

	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	mnl_attr_put_u32(h, IFLA_MASTER, if_nametoindex(NET_BRIDGE));
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(h, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, "eth0");
	mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_nest_end(h, peer);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return talk_in(-1, h);
}

static int add_route(struct mnl_socket *s, char *buffer, uint32_t gateway)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof(*route));

	h->nlmsg_type = RTM_NEWROUTE;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	route->rtm_family = AF_INET;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	put_address(h, RTA_GATEWAY, gateway);
	return talk(s, h);
}

/* The index of an interface where the socket is. */
static int find_index(struct mnl_socket *s, char *buffer, const char *name)
{
	struct nlmsghdr *h = new_link(buffer, RTM_GETLINK, 0, false);
	char answer[ANSWER_MAX];
	const struct nlmsghdr *a = (const void *)answer;
	ssize_t n;

	h->nlmsg_flags |= NLM_F_REQUEST;
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(s, answer, sizeof(answer));
	if (n < 0)
		return -errno;
	if (!mnl_nlmsg_ok(a, (int)n) || a->nlmsg_type != RTM_NEWLINK)
		return -ENODEV;
	return ((const struct ifinfomsg *)mnl_nlmsg_get_payload(a))->ifi_index;
}

int net_link_configure(int netns_fd, const struct net_subnet *subnet, uint32_t address)
{
	char buffer[MESSAGE_MAX];
	struct mnl_socket *s = NULL;
	struct nlmsghdr *h;
	int index = 0;
	int r = open_in(netns_fd, &s);

	if (r >= 0)
		r = index = find_index(s, buffer, "eth0");
	if (r >= 0)
		r = talk(s, new_address(buffer, (unsigned)index, subnet, address));
	if (r >= 0) {
		h = new_link(buffer, RTM_NEWLINK, 0, true);
		mnl_attr_put_strz(h, IFLA_IFNAME, "eth0");
		r = talk(s, h);
	}
	if (r >= 0)
		r = add_route(s, buffer, subnet->address + 1);
	if (s)
		mnl_socket_close(s);
	return r;
}

int net_link_remove(const char *name)
{
	char buffer[MESSAGE_MAX];
	struct nlmsghdr *h = new_link(buffer, RTM_DELLINK, 0, false);

	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return talk_in(-1, h);
}
