/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/errors.h"

int signals_open(struct signals *s)
{
	sigset_t all;

	sigfillset(&all);
	/* Those that report a bug in this very process must be able to end it. */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return -errno;

	s->interrupted = 0;
	s->fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return neg_errno(s->fd);
}

void signals_close(struct signals *s)
{
	if (s->fd > 0)
		close(s->fd);
	s->fd = -1;
}

int signals_read(struct signals *s, pid_t *ret_sender)
{
	struct signalfd_siginfo info;

	if (read(s->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (ret_sender)
		*ret_sender = info.ssi_code == SI_KERNEL ? 0 : (pid_t)info.ssi_pid;
	return (int)info.ssi_signo;
}

static bool ends_us(int signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

int signals_check(struct signals *s)
{
	int signal;

	while (!s->interrupted && (signal = signals_read(s, NULL)))
		if (ends_us(signal))
			s->interrupted = signal;
	return s->interrupted ? -EINTR : 0;
}

int signals_wait_fd(struct signals *s, int fd, int timeout_ms)
{
	struct pollfd p[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = s->fd, .events = POLLIN },
	};

	for (;;) {
		int r = poll(p, 2, timeout_ms);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return 0;
		if (p[0].revents)
			return 1;
		if (signals_check(s) < 0)
			return -EINTR;
	}
}
