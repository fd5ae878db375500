/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nacre-init - what stays as pid 1 of a container
 *
 * How it works. The process that set the container up executes this in its place,
 * through a read-only mount that only it has, so the container cannot write to the
 * file; and then there is no more of nacre in the container than what follows.
 */
#include "config.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/init.h"

/* The one right it keeps: to signal a command that became another user. */
static void keep_only_kill(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	data[0].effective = data[0].permitted = data[0].permitted & (1u << CAP_KILL);
	data[0].inheritable = data[1].effective = data[1].permitted = data[1].inheritable = 0;
	(void)syscall(SYS_capset, &header, data);
}

int main(int argc, char **argv)
{
	pid_t command;

	/* Executing made us readable to the container's root again. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NAME, "nacre-init");
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	keep_only_kill();
	if (argc != 2)
		return EXIT_FAILURE;
	command = atoi(argv[1]);
	memset(argv[1], 0, strlen(argv[1]));	/* the process list need not show it */
	init_run(command);
}
