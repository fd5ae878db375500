/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/net.h - a container on a bridge: an address, a pair of interfaces, a route
 *
 * How it works. An address is a file, its name the address, in a directory of
 * the network namespace that the bridge is in; inside is the path of the state that
 * it belongs to, so one whose container is gone can be told. Under the directory's
 * lock the first address makes the bridge, and the last one's end removes it with
 * all that was set up for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "launcher/fault.h"

#define NET_BRIDGE "nacre0"

/* A network, in host byte order; its first address is the bridge's. */
struct net_subnet {
	uint32_t address;
	unsigned prefix;	/* 8 to 29 */
};

/* A port of the host's that leads to one of a container. */
struct net_port {
	bool udp;
	uint16_t host, container;
};

/** net_parse_port() - "8080:80", "53:53/udp", "80"; 0 or -EINVAL */
int net_parse_port(const char *text, struct net_port *ret_port);

/** net_parse_subnet() - "10.99.0.0/16"; 0 or -EINVAL */
int net_parse_subnet(const char *text, struct net_subnet *ret_subnet);

/** net_format() - an address as text */
void net_format(uint32_t address, char text[static 16]);

/**
 * net_reserve() - take an address, and have the bridge
 * @nat:	let containers reach what the host reaches, under its address
 * @state_path:	directory of the container's state
 * @ret_lease:	the address's file, to be given back with net_release(); freed by
 *		the caller
 *
 * Return: 0 or negative errno with @fault.
 */
int net_reserve(const struct net_subnet *subnet, bool nat, const char *state_path,
		char **ret_lease, uint32_t *ret_address, struct fault *fault);

/**
 * net_publish() - let ports of the host lead to a container
 * @lease:	its address's file; net_release() undoes it
 *
 * Return: 0; negative errno with @fault; then none does.
 */
int net_publish(const char *lease, const struct net_port *ports, size_t count,
		struct fault *fault);

/** net_attach() - give the network namespace of a process its interface; 0 or negative errno */
int net_attach(const struct net_subnet *subnet, uint32_t address, pid_t pid,
	       struct fault *fault);

/** net_release() - give an address back; what is gone already is fine */
void net_release(const char *lease);

/* --- net_link.c: what the kernel is told ------------------------------------- */

/** net_link_bridge() - make the bridge unless it is there; up, with its address */
int net_link_bridge(const struct net_subnet *subnet);

/** net_link_pair() - an interface at the bridge, its peer as eth0 in another namespace */
int net_link_pair(const char *name, int netns_fd);

/** net_link_configure() - in a namespace: eth0 with its address and the default route */
int net_link_configure(int netns_fd, const struct net_subnet *subnet, uint32_t address);

/** net_link_remove() - an interface by name; -ENODEV */
int net_link_remove(const char *name);

/* --- net_nat.c: what nft or iptables are told --------------------------------- */

/** net_nat_add() - 0; -ENOENT if neither is installed; -ECHILD if it failed */
int net_nat_add(const struct net_subnet *subnet);

/** net_nat_publish() - 0; -ENOENT without nft; -EADDRINUSE if the port leads elsewhere */
int net_nat_publish(const struct net_port *port, uint32_t address);

/** net_nat_unpublish() - what is gone already is fine */
void net_nat_unpublish(const struct net_port *port);

/** net_nat_remove() - what net_nat_add() made, whichever it used */
void net_nat_remove(const struct net_subnet *subnet);
