/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/workers.c - the holder's part in starting and replacing workers
 *
 * A worker is forked from the holder, or, after an upgrade, executed from the
 * program that took over. The latter finds what it needs through descriptors
 * that are named in its environment.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/crash.h"
#include "common/errors.h"
#include "common/handover.h"
#include "common/holder_impl.h"
#include "common/keep.h"
#include "common/log.h"

enum {
	/*
	 * Workers in a row that brought nothing about: a crash is ours and will
	 * come again; a kill is someone else's and may be repeated at will.
	 */
	CRASHES_IN_VAIN = 5,
	KILLS_IN_VAIN = 100,
	OOM_SCORE_HOLDER = -900,
	RETRY_FIRST_MS = 10,
	RETRY_LAST_MS = 2000,
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

void workers_init(struct holder *h)
{
	h->oom_score = oom_score_read();
	if (h->oom_score > OOM_SCORE_HOLDER) {
		oom_score_write(OOM_SCORE_HOLDER);
		if (oom_score_read() > OOM_SCORE_HOLDER)
			log_debug("the holder is not protected from the OOM killer: that takes CAP_SYS_RESOURCE");
	}
}

/* What every worker begins with, whichever way it is started. */
static void become_worker(struct holder *h)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	oom_score_write(h->oom_score);
	close(h->signal_fd);
	close(h->timer_fd);
	close(h->watchdog_fd);
	if (h->tell_fd >= 0)
		close(h->tell_fd);
	upgrade_done(h);
}

_Noreturn void workers_exec(struct holder *h, int exe_fd,
			    enum handover_mode mode)
{
	become_worker(h);
	handover_exec(h->s, exe_fd, mode);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* Whoever uses the mount waits meanwhile; the system may have room soon. */
static void retry_later(struct holder *h, int error)
{
	if (!h->retry_ms)
		log_error("cannot start a worker for '%s': %s\nTrying again until it can be. Free some memory or processes.",
			  h->s->mount.path, strerror(error));
	h->retry_ms = h->retry_ms ? h->retry_ms * 2 : RETRY_FIRST_MS;
	if (h->retry_ms > RETRY_LAST_MS)
		h->retry_ms = RETRY_LAST_MS;
	h->retry_at_ms = now_ms() + h->retry_ms;
}

int workers_retry(struct holder *h)
{
	if (h->retry_ms && now_ms() >= h->retry_at_ms)
		workers_start(h);
	return h->retry_ms ? h->retry_ms : -1;
}

void workers_start(struct holder *h)
{
	struct session *s = h->s;

	keep_collect(s);
	watchdog_begin(h);
	h->replies_before = record_replies(s->record);
	atomic_store(&s->record->phase, RECORD_STARTING);
	h->worker = fork();
	if (h->worker == 0 && h->exe_fd >= 0)
		workers_exec(h, h->exe_fd, HANDOVER_WORK);
	if (h->worker == 0) {
		become_worker(h);
		exit(session_work(s));
	}
	if (h->worker < 0) {
		int error = errno;

		h->worker = 0;
		if (h->ready) {
			retry_later(h, error);
			return;
		}
		log_error("cannot start a worker for '%s': %s\nUnmounting. Free some memory or processes, then mount again.",
			  s->mount.path, strerror(error));
		holder_give_up(h);
	} else if (h->retry_ms) {
		h->retry_ms = 0;
		log_warn("a worker for '%s' could be started", s->mount.path);
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

void workers_replace(struct holder *h, int status)
{
	struct record *r = h->s->record;
	bool killed = was_killed(status);
	char why[64];

	describe(status, why, sizeof(why));
	h->in_vain = brought_something(h, killed) ? 0 : h->in_vain + 1;
	if (h->in_vain >= (killed ? KILLS_IN_VAIN : CRASHES_IN_VAIN)) {
		log_error("workers for '%s' die before they serve (%s)\nUnmounting. Their messages are in this log; please report crashes.",
			  h->s->mount.path, why);
		holder_give_up(h);
		return;
	}

	log_warn("a worker for '%s' died (%s); another takes over",
		 h->s->mount.path, why);
	crash_log(h->s->crash_fd);
	atomic_store(&r->crashed, !killed);
	atomic_fetch_add(&r->generation, 1);
	workers_start(h);
}
