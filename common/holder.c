/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/holder.c - the process that keeps the mount
 *
 * How it works. The holder has the device and the record, and starts workers.
 * It waits for a worker's death or first answer, for signals, deadlines and
 * descriptors to keep, in one poll loop; it never touches its own mount, which
 * may wait for a worker that is dead. What has to (writing back, unmounting) is
 * done by a child that can be killed. After start it allocates nothing.
 */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/arrival.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/holder_impl.h"
#include "common/keep.h"
#include "common/log.h"
#include "common/ready.h"

enum { END_SECONDS = 10 };	/* for the users of a mount that is to end */

static void detach(struct holder *h)
{
	int r;

	if (h->detached)
		return;
	h->detached = true;
	r = mount_detach(&h->s->mount);
	if (r < 0)
		log_error("cannot unmount '%s': %s\nUnmount it by hand: umount -l '%s'",
			  h->s->mount.path, strerror(-r), h->s->mount.path);
}

void holder_give_up(struct holder *h)
{
	h->status = 1;
	h->done = true;
}

static void on_worker_end(struct holder *h, int status)
{
	h->worker = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		h->done = true;		/* the mount is gone */
		if (!h->ready && !h->ending) {
			log_error("'%s' was unmounted before it could be used\nMount it again.",
				  h->s->mount.path);
			h->status = 1;
		}
	} else if (h->ready) {
		if (!upgrade_on_worker_end(h, status))
			workers_replace(h, status);
	} else {
		if (WIFSIGNALED(status))
			log_error("the worker for '%s' died while starting (signal %d, %s)\nPlease report it.",
				  h->s->mount.path, WTERMSIG(status),
				  strsignal(WTERMSIG(status)));
		holder_give_up(h);	/* else it said why */
	}
}

static void start_unmounter(struct holder *h)
{
	h->unmounter = fork();
	if (h->unmounter == 0)
		_exit(-mount_sync_and_unmount(&h->s->mount));
	if (h->unmounter < 0) {
		h->unmounter = 0;
		detach(h);
	}
}

static void on_unmounter_end(struct holder *h, int status)
{
	h->unmounter = 0;
	if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || h->detached)
		return;		/* the worker sees it, and ends */

	log_warn("'%s' is in use: unmounted lazily, served until it is free, at most %d s",
		 h->s->mount.path, END_SECONDS);
	detach(h);
}

static void begin_end(struct holder *h)
{
	struct itimerspec in = { .it_value.tv_sec = END_SECONDS };

	(void)ready_notify("STOPPING=1");
	h->ending = true;
	if (!h->ready) {
		holder_give_up(h);
		return;
	}
	(void)timerfd_settime(h->timer_fd, 0, &in, NULL);
	start_unmounter(h);
}

/* Time is up, or the user's patience. */
static void end_now(struct holder *h)
{
	log_warn("'%s' is still in use: ended all the same; its users get errors",
		 h->s->mount.path);
	holder_give_up(h);
}

static void reap(struct holder *h)
{
	int status;

	if (h->unmounter && waitpid(h->unmounter, &status, WNOHANG) > 0)
		on_unmounter_end(h, status);
	if (h->candidate && waitpid(h->candidate, &status, WNOHANG) > 0)
		upgrade_on_checked(h, status);
	if (h->worker && waitpid(h->worker, &status, WNOHANG) > 0)
		on_worker_end(h, status);
}

static void on_signal(struct holder *h)
{
	struct signalfd_siginfo info;

	if (read(h->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(h);
	else if (h->ending)
		end_now(h);
	else
		begin_end(h);
}

static void on_ready(struct holder *h)
{
	char text[64];
	int tell_fd = take_fd(&h->tell_fd);
	int r;

	h->ready = true;
	if (!h->s->config->foreground)
		ready_drop_stdio(h->s->null_fd);

	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", getpid());
	r = ready_notify(text);
	if (r < 0)
		log_warn("cannot tell the service manager (NOTIFY_SOCKET): %s",
			 strerror(-r));
	if (tell_fd < 0)
		return;
	if (ready_tell(tell_fd) < 0)
		begin_end(h);	/* who asked for the mount is gone */
	close(tell_fd);
}

static void on_serving(struct holder *h)
{
	eventfd_t ignored;

	(void)eventfd_read(h->s->serving_fd, &ignored);
	if (!h->ready)
		on_ready(h);
	else
		upgrade_on_serving(h);
}

static void on_timer(struct holder *h)
{
	uint64_t ignored;

	if (read(h->timer_fd, &ignored, sizeof(ignored)) < 0 || h->done)
		return;
	if (h->ending)
		end_now(h);
	else
		upgrade_on_timeout(h);
}

static void wait_and_act(struct holder *h)
{
	struct pollfd fds[] = {
		{ .fd = h->signal_fd, .events = POLLIN },
		{ .fd = h->s->serving_fd, .events = POLLIN },
		{ .fd = h->timer_fd, .events = POLLIN },
		{ .fd = h->watchdog_fd, .events = POLLIN },
		{ .fd = h->listen_fd, .events = POLLIN },
		{ .fd = h->s->keep_holder_fd, .events = POLLIN },
		{ .fd = h->s->log_holder_fd, .events = POLLIN },
		arrival_wait(h->s),
	};

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), workers_retry(h)) < 0)
		return;
	/* In this order: a worker may have spoken or answered, and died since. */
	if (fds[6].revents)
		log_pass_on(h->s->log_holder_fd);
	if (fds[1].revents)
		on_serving(h);
	if (fds[0].revents)
		on_signal(h);
	if (fds[2].revents)
		on_timer(h);
	if (fds[3].revents)
		watchdog_tick(h);
	if (fds[4].revents)
		upgrade_on_connect(h);
	if (fds[5].revents)
		keep_collect(h->s);
	if (fds[7].revents)
		arrival_pass_on(h->s);
}

static void kill_and_reap(pid_t *pid)
{
	if (!*pid)
		return;
	(void)kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

static int open_waits(struct holder *h)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	h->signal_fd = neg_errno(signalfd(-1, &signals, SFD_CLOEXEC));
	if (h->signal_fd < 0)
		return h->signal_fd;
	h->timer_fd = neg_errno(timerfd_create(CLOCK_MONOTONIC,
						TFD_CLOEXEC | TFD_NONBLOCK));
	return h->timer_fd < 0 ? h->timer_fd : 0;
}

static void hold(struct holder *h)
{
	(void)chdir("/");	/* pin no directory of the user's */
	upgrade_init(h);
	workers_start(h);
	while (!h->done)
		wait_and_act(h);

	/* After a clean end all are gone, and the mount as well. */
	kill_and_reap(&h->unmounter);
	kill_and_reap(&h->candidate);
	detach(h);
	kill_and_reap(&h->worker);
}

static void close_waits(struct holder *h)
{
	int fds[] = { h->timer_fd, h->signal_fd, h->watchdog_fd, h->tell_fd,
		      h->exe_fd };

	upgrade_done(h);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int session_hold(struct session *s, int take_tell_fd)
{
	struct holder h = {
		.s = s, .signal_fd = -1, .timer_fd = -1, .watchdog_fd = -1,
		.tell_fd = take_tell_fd, .exe_fd = -1, .listen_fd = -1,
		.client_fd = -1, .other_exe_fd = -1, .guard = GUARD_INIT,
	};
	int r;

	s->holder = getpid();
	r = open_waits(&h);
	workers_init(&h);
	if (r == 0)
		r = watchdog_init(&h);
	if (r < 0)
		log_error("cannot wait for signals: %s\nRaise the limit of open files.",
			  strerror(-r));
	if (r == 0)
		r = mount_fuse(s->config, &s->mount, &s->device_fd);
	if (r == 0) {
		int without = guard_start(&s->mount, &h.guard);

		if (without < 0)
			log_warn("nobody will unmount '%s' if this process is killed: %s",
				 s->mount.path, strerror(-without));
		hold(&h);
		guard_end(&h.guard);
	}
	close_waits(&h);
	return r < 0 ? 1 : h.status;
}
