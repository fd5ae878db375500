/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/fault.h"
#include "launcher/netlink.h"

/* A netlink socket stays in the namespace it was opened in. */
static int open_in(int netns_fd)
{
	cleanup_fd int here = -1;
	int fd;

	if (netns_fd >= 0) {
		here = neg_errno(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
		if (here < 0)
			return here;
		if (setns(netns_fd, CLONE_NEWNET) < 0)
			return -errno;
	}
	fd = netlink_open();
	/* Staying in the container's network would be worse than ending. */
	if (here >= 0 && setns(here, CLONE_NEWNET) < 0)
		_exit(STATUS_FAILED);
	return fd;
}

static int talk_here(struct netlink_request *request)
{
	cleanup_fd int fd = open_in(-1);

	return fd < 0 ? fd : netlink_talk(fd, request);
}

static void begin_link(struct netlink_request *r, uint16_t type, uint16_t flags, bool up)
{
	struct ifinfomsg *info;

	netlink_begin(r, type, flags);
	info = netlink_add_header(r, sizeof(*info));
	if (up)
		info->ifi_flags = info->ifi_change = IFF_UP;
}

static void add_address(struct netlink_request *r, uint16_t type, uint32_t address)
{
	netlink_add_u32(r, type, htonl(address));
}

static void begin_address(struct netlink_request *r, unsigned index,
			  const struct net_subnet *subnet, uint32_t address)
{
	struct ifaddrmsg *a;

	netlink_begin(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	a = netlink_add_header(r, sizeof(*a));
	a->ifa_family = AF_INET;
	a->ifa_prefixlen = (unsigned char)subnet->prefix;
	a->ifa_index = index;
	add_address(r, IFA_LOCAL, address);
	add_address(r, IFA_ADDRESS, address);
	add_address(r, IFA_BROADCAST, subnet->address | (UINT32_MAX >> subnet->prefix));
}

int net_link_bridge(const struct net_subnet *subnet)
{
	struct netlink_request request;
	size_t info;
	int r;

	begin_link(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, true);
	netlink_add_text(&request, IFLA_IFNAME, NET_BRIDGE);
	info = netlink_nest(&request, IFLA_LINKINFO);
	netlink_add_text(&request, IFLA_INFO_KIND, "bridge");
	netlink_unnest(&request, info);
	r = talk_here(&request);
	if (r < 0 && r != -EEXIST)
		return r;
	begin_address(&request, if_nametoindex(NET_BRIDGE), subnet, subnet->address + 1);
	r = talk_here(&request);
	return r == -EEXIST ? 0 : r;
}

int net_link_pair(const char *name, int netns_fd)
{
	struct netlink_request request;
	size_t info, data, peer;

	begin_link(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, true);
	netlink_add_text(&request, IFLA_IFNAME, name);
	netlink_add_u32(&request, IFLA_MASTER, if_nametoindex(NET_BRIDGE));
	info = netlink_nest(&request, IFLA_LINKINFO);
	netlink_add_text(&request, IFLA_INFO_KIND, "veth");
	data = netlink_nest(&request, IFLA_INFO_DATA);
	peer = netlink_nest(&request, VETH_INFO_PEER);
	netlink_add_header(&request, sizeof(struct ifinfomsg));
	netlink_add_text(&request, IFLA_IFNAME, "eth0");
	netlink_add_u32(&request, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	netlink_unnest(&request, peer);
	netlink_unnest(&request, data);
	netlink_unnest(&request, info);
	return talk_here(&request);
}

static int add_route(int fd, uint32_t gateway)
{
	struct netlink_request request;
	struct rtmsg *route;

	netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	route = netlink_add_header(&request, sizeof(*route));
	route->rtm_family = AF_INET;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	add_address(&request, RTA_GATEWAY, gateway);
	return netlink_talk(fd, &request);
}

/* The index of an interface where the socket is. */
static int find_index(int fd, const char *name)
{
	struct netlink_request request;
	struct ifinfomsg info;
	int r;

	begin_link(&request, RTM_GETLINK, 0, false);
	netlink_add_text(&request, IFLA_IFNAME, name);
	r = netlink_ask(fd, &request, RTM_NEWLINK, &info, sizeof(info));
	return r < 0 ? r : info.ifi_index;
}

int net_link_configure(int netns_fd, const struct net_subnet *subnet, uint32_t address)
{
	struct netlink_request request;
	cleanup_fd int fd = open_in(netns_fd);
	int index = fd < 0 ? fd : find_index(fd, "eth0");
	int r = index;

	if (r >= 0) {
		begin_address(&request, (unsigned)index, subnet, address);
		r = netlink_talk(fd, &request);
	}
	if (r >= 0) {
		begin_link(&request, RTM_NEWLINK, 0, true);
		netlink_add_text(&request, IFLA_IFNAME, "eth0");
		r = netlink_talk(fd, &request);
	}
	return r < 0 ? r : add_route(fd, subnet->address + 1);
}

int net_link_remove(const char *name)
{
	struct netlink_request request;

	begin_link(&request, RTM_DELLINK, 0, false);
	netlink_add_text(&request, IFLA_IFNAME, name);
	return talk_here(&request);
}
