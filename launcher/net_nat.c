/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/init.h"

/* Return: the program's exit status; 127 if it is not there. */
static int run(char *const argv[], bool quiet)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		init_reset_signals();
		(void)dup2(null_fd, 0);
		(void)dup2(quiet ? null_fd : STDERR_FILENO, 1);
		if (quiet)
			(void)dup2(null_fd, 2);
		/* They are for root, and are where a user's PATH may not lead. */
		if (!getenv("PATH") || !strstr(getenv("PATH"), "sbin"))
			setenv("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", 1);
		execvp(argv[0], argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static void format_subnet(const struct net_subnet *s, char text[static 20])
{
	char address[16];

	net_format(s->address, address);
	snprintf(text, 20, "%s/%u", address, s->prefix);
}

static int run_nft(const char *commands, bool quiet)
{
	const char *argv[] = { "nft", commands, NULL };

	return run((char *const *)(uintptr_t)argv, quiet);
}

static int run_iptables(const char *action, const char *subnet, bool quiet)
{
	const char *argv[] = { "iptables", "-w", "-t", "nat", action, "POSTROUTING", "-s", subnet,
			       "!", "-o", NET_BRIDGE, "-j", "MASQUERADE", NULL };

	return run((char *const *)(uintptr_t)argv, quiet);
}

/*
 * Ports are elements of maps, so that one comes and goes without touching others.
 * The host itself reaches them by its own addresses, 127.0.0.1 too: packets from
 * there are let out to the bridge, and none may come in from it.
 */
#define TABLE_FORMAT							\
	"add table ip nacre; "						\
	"add map ip nacre tcp_ports { type inet_service : ipv4_addr . inet_service ; }; "	\
	"add map ip nacre udp_ports { type inet_service : ipv4_addr . inet_service ; }; "	\
	"add chain ip nacre guard { type filter hook prerouting priority -300 ; }; "	\
	"add chain ip nacre prerouting { type nat hook prerouting priority -100 ; }; "	\
	"add chain ip nacre output { type nat hook output priority -100 ; }; "	\
	"add chain ip nacre postrouting { type nat hook postrouting priority 100 ; }; "	\
	"flush table ip nacre; "					\
	"add rule ip nacre guard iifname \"" NET_BRIDGE "\" ip daddr 127.0.0.0/8 drop; "	\
	"add rule ip nacre prerouting fib daddr type local dnat ip addr . port to tcp dport map @tcp_ports; " \
	"add rule ip nacre prerouting fib daddr type local dnat ip addr . port to udp dport map @udp_ports; " \
	"add rule ip nacre output fib daddr type local dnat ip addr . port to tcp dport map @tcp_ports; " \
	"add rule ip nacre output fib daddr type local dnat ip addr . port to udp dport map @udp_ports; " \
	"add rule ip nacre postrouting ip saddr 127.0.0.0/8 oifname \"" NET_BRIDGE "\" masquerade; "	\
	"add rule ip nacre postrouting ip saddr %s oifname \"" NET_BRIDGE			\
	"\" ct status dnat masquerade; "				\
	"add rule ip nacre postrouting ip saddr %s oifname != \"" NET_BRIDGE "\" masquerade"

int net_nat_add(const struct net_subnet *s)
{
	char subnet[20], commands[2048];
	int status;

	format_subnet(s, subnet);
	snprintf(commands, sizeof(commands), TABLE_FORMAT, subnet, subnet);
	status = run_nft(commands, false);
	if (status == 127) {
		if (run_iptables("-C", subnet, true) == 0)
			return 0;
		status = run_iptables("-A", subnet, false);
	}
	return status == 0 ? 0 : status == 127 ? -ENOENT : -ECHILD;
}

int net_nat_publish(const struct net_port *port, uint32_t address)
{
	char commands[256], text[16];
	int status;

	net_format(address, text);
	/* "create" fails where "add" would keep what is there. */
	snprintf(commands, sizeof(commands), "create element ip nacre %s_ports { %u : %s . %u }",
		 port->udp ? "udp" : "tcp", port->host, text, port->container);
	status = run_nft(commands, true);
	return status == 0 ? 0 : status == 127 ? -ENOENT : -EADDRINUSE;
}

void net_nat_unpublish(const struct net_port *port)
{
	char commands[128];

	snprintf(commands, sizeof(commands), "delete element ip nacre %s_ports { %u }",
		 port->udp ? "udp" : "tcp", port->host);
	(void)run_nft(commands, true);
}

void net_nat_remove(const struct net_subnet *s)
{
	char subnet[20];

	format_subnet(s, subnet);
	if (run_nft("delete table ip nacre", true) != 0)
		(void)run_iptables("-D", subnet, true);
}
