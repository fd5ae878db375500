/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/holder.c - the process that keeps the mount
 *
 * How it works. The holder has the device and the record, and starts workers.
 * It waits for a worker's death, for signals, for the first INIT to be answered
 * and for a deadline, in one poll loop; it never touches its own mount, which
 * may wait for a worker that is dead. What has to (writing back, unmounting) is
 * done by a child that can be killed. After start it allocates nothing.
 */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/ready.h"
#include "common/session_impl.h"

enum {
	END_SECONDS = 10,	/* for the users of a mount that is to end */
	/*
	 * Workers in a row that brought nothing about: a crash is ours and will
	 * come again; a kill is someone else's and may be repeated at will.
	 */
	CRASHES_IN_VAIN = 5,
	KILLS_IN_VAIN = 100,
	OOM_SCORE_HOLDER = -900,
};

struct holder {
	struct session *s;
	pid_t worker;		/* 0: none */
	pid_t unmounter;	/* 0: none */
	int signal_fd, timer_fd, tell_fd;
	int oom_score;		/* what workers should have */
	bool ready, ending, detached, done;
	int status;
	unsigned in_vain;
	uint64_t replies_before;
};

static int oom_score_read(void)
{
	cleanup_fd int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		return 0;
	return atoi(text);
}

/* Best effort: needs CAP_SYS_RESOURCE to go down, and none to go back up. */
static void oom_score_write(int score)
{
	cleanup_fd int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", score);

	if (fd >= 0 && write(fd, text, (size_t)n) < 0)
		return;
}

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

/* It cannot go on. */
static void give_up(struct holder *h)
{
	h->status = 1;
	h->done = true;
}

static void start_worker(struct holder *h)
{
	struct session *s = h->s;

	h->replies_before = record_replies(s->record);
	atomic_store(&s->record->phase, RECORD_STARTING);
	h->worker = fork();
	if (h->worker == 0) {
		close(h->signal_fd);
		close(h->timer_fd);
		if (h->tell_fd >= 0)
			close(h->tell_fd);
		oom_score_write(h->oom_score);
		exit(session_work(s));
	}
	if (h->worker < 0) {
		h->worker = 0;
		log_error("cannot start a worker for '%s': %s\nUnmounting. Free some memory or processes, then mount again.",
			  s->mount.path, strerror(errno));
		give_up(h);
	}
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool brought_something(const struct holder *h, bool killed)
{
	const struct record *r = h->s->record;

	if (record_replies(r) != h->replies_before)
		return true;
	/* Nobody may have asked for anything. */
	return killed && atomic_load(&r->phase) == RECORD_SERVING;
}

static void describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d, %s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

static void replace_worker(struct holder *h, int status)
{
	struct record *r = h->s->record;
	bool killed = was_killed(status);
	char why[64];

	describe(status, why, sizeof(why));
	h->in_vain = brought_something(h, killed) ? 0 : h->in_vain + 1;
	if (h->in_vain >= (killed ? KILLS_IN_VAIN : CRASHES_IN_VAIN)) {
		log_error("workers for '%s' die before they serve (%s)\nUnmounting. Their messages are in this log; please report crashes.",
			  h->s->mount.path, why);
		give_up(h);
		return;
	}

	log_warn("a worker for '%s' died (%s); another takes over",
		 h->s->mount.path, why);
	atomic_store(&r->crashed, !killed);
	atomic_fetch_add(&r->generation, 1);
	start_worker(h);
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
		replace_worker(h, status);
	} else {
		if (WIFSIGNALED(status))
			log_error("the worker for '%s' died while starting (signal %d, %s)\nPlease report it.",
				  h->s->mount.path, WTERMSIG(status),
				  strsignal(WTERMSIG(status)));
		give_up(h);	/* else it said why */
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
		give_up(h);
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
	give_up(h);
}

static void reap(struct holder *h)
{
	int status;

	if (h->unmounter && waitpid(h->unmounter, &status, WNOHANG) > 0)
		on_unmounter_end(h, status);
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

	h->ready = true;
	(void)close(take_fd(&h->s->serving_fd));
	if (!h->s->config->foreground)
		ready_drop_stdio();

	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", getpid());
	if (ready_notify(text) < 0)
		log_warn("cannot tell the service manager (NOTIFY_SOCKET): %s",
			 strerror(errno));
	if (tell_fd < 0)
		return;
	if (ready_tell(tell_fd) < 0)
		begin_end(h);	/* who asked for the mount is gone */
	close(tell_fd);
}

static void wait_and_act(struct holder *h)
{
	struct pollfd fds[] = {
		{ .fd = h->signal_fd, .events = POLLIN },
		{ .fd = h->s->serving_fd, .events = POLLIN },
		{ .fd = h->timer_fd, .events = POLLIN },
	};

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
		return;
	/* In this order: a worker may have answered, and died since. */
	if (fds[1].revents)
		on_ready(h);
	if (fds[0].revents)
		on_signal(h);
	if (fds[2].revents && !h->done)
		end_now(h);
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
	h->timer_fd = neg_errno(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	return h->timer_fd < 0 ? h->timer_fd : 0;
}

static void hold(struct holder *h)
{
	h->oom_score = oom_score_read();
	if (h->oom_score > OOM_SCORE_HOLDER)
		oom_score_write(OOM_SCORE_HOLDER);

	start_worker(h);
	while (!h->done)
		wait_and_act(h);

	/* After a clean end both are gone, and the mount as well. */
	kill_and_reap(&h->unmounter);
	detach(h);
	kill_and_reap(&h->worker);
}

int session_hold(struct session *s, int take_tell_fd)
{
	struct holder h = {
		.s = s, .signal_fd = -1, .timer_fd = -1, .tell_fd = take_tell_fd,
	};
	int r;

	s->holder = getpid();
	r = open_waits(&h);
	if (r < 0)
		log_error("cannot wait for signals: %s\nRaise the limit of open files.",
			  strerror(-r));
	if (r == 0)
		r = mount_fuse(s->config, &s->mount, &s->device_fd);
	if (r == 0) {
		(void)chdir("/");	/* pin no directory of the user's */
		hold(&h);
	}

	if (h.timer_fd >= 0)
		close(h.timer_fd);
	if (h.signal_fd >= 0)
		close(h.signal_fd);
	if (h.tell_fd >= 0)
		close(h.tell_fd);
	return r < 0 ? 1 : h.status;
}
