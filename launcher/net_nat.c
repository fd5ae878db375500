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

int net_nat_add(const struct net_subnet *s)
{
	char subnet[20], commands[512];
	int status;

	format_subnet(s, subnet);
	snprintf(commands, sizeof(commands), "add table ip nacre; "
		 "add chain ip nacre postrouting { type nat hook postrouting priority 100 ; }; "
		 "flush chain ip nacre postrouting; "
		 "add rule ip nacre postrouting ip saddr %s oifname != \"" NET_BRIDGE
		 "\" masquerade", subnet);
	status = run_nft(commands, false);
	if (status == 127) {
		if (run_iptables("-C", subnet, true) == 0)
			return 0;
		status = run_iptables("-A", subnet, false);
	}
	return status == 0 ? 0 : status == 127 ? -ENOENT : -ECHILD;
}

void net_nat_remove(const struct net_subnet *s)
{
	char subnet[20];

	format_subnet(s, subnet);
	if (run_nft("delete table ip nacre", true) != 0)
		(void)run_iptables("-D", subnet, true);
}
