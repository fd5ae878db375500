/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/init.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void init_block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

void init_reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);	/* the reserved ones refuse */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}

/* Reaps everything that ended; exits if the command is among it. */
static void reap(pid_t command)
{
	int wait_status, result = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0)
		if (pid == command)
			result = status_of(wait_status);
	if (result >= 0)
		_exit(result);
}

void init_run(pid_t command)
{
	sigset_t all;

	sigfillset(&all);
	for (;;) {
		siginfo_t info;
		int signal;

		/* It may have ended before we began to listen. */
		reap(command);
		signal = sigwaitinfo(&all, &info);
		if (signal <= 0 || signal == SIGCHLD)
			continue;
		/* Job control is the terminal's business, not pid 1's. */
		if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
			continue;
		(void)kill(command, signal);	/* it may have gone just now */
	}
}
