/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/watchdog.c - the holder's part in finding a worker that does nothing
 *
 * How it works. Four times in the time that it is given, the worker is looked at; if it
 * did nothing each time, it is replaced. It does nothing if requests wait and it takes
 * none, or if it has some in hand that were there the last time, has answered none, and
 * all its threads sleep: one that computes or waits for a disk is at work.
 *
 * Others may be answered while a single request is not. It is stuck, too, if its thread
 * slept all the time, or only computed without a system call; but not as long as a
 * request as old is worked on, for it may wait for that one.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/holder_impl.h"
#include "common/log.h"

enum {
	TICKS = 4,		/* in the time a worker may be stuck */
	DEFAULT_S = 120,
	COMPUTING = 64,		/* so much more CPU time of its own than of the kernel */
	IDLE_CPU = 2,		/* clock ticks that threads of other business may use */
};

int watchdog_init(struct holder *h)
{
	int seconds = h->s->config->watchdog_s;
	struct itimerspec every = { 0 };

	h->watchdog_fd = neg_errno(timerfd_create(CLOCK_MONOTONIC,
						  TFD_CLOEXEC | TFD_NONBLOCK));
	if (h->watchdog_fd < 0)
		return h->watchdog_fd;
	if (seconds < 0)
		return 0;
	every.it_interval.tv_nsec = 1000000000L / TICKS;
	every.it_interval.tv_sec = (seconds ? seconds : DEFAULT_S) / TICKS;
	if (every.it_interval.tv_sec)
		every.it_interval.tv_nsec = 0;
	every.it_value = every.it_interval;
	return neg_errno(timerfd_settime(h->watchdog_fd, 0, &every, NULL));
}

void watchdog_begin(struct holder *h)
{
	h->stuck_ticks = 0;
	h->replies_at_tick = record_replies(h->s->record);
	memset(h->working_at_tick, 0, sizeof(h->working_at_tick));
	memset(h->old_ticks, 0, sizeof(h->old_ticks));
	memset(h->still_ticks, 0, sizeof(h->still_ticks));
	h->has_old_stuck = false;
}

/* From a stat file of proc(5): the state, and the CPU time in clock ticks. */
static bool read_times(const char *path, char *ret_state, uint64_t *ret_user,
		       uint64_t *ret_system)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned long long user = 0, system = 0;
	char text[1024];
	const char *rest;
	ssize_t n;

	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	rest = strrchr(text, ')');	/* the name before it may hold anything */
	if (!rest || sscanf(rest, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			    ret_state, &user, &system) != 3)
		return false;
	*ret_user = user;
	*ret_system = system;
	return true;
}

static bool read_stat(const char *path, char *ret_state, uint64_t *ret_cpu)
{
	uint64_t user, system;

	if (!read_times(path, ret_state, &user, &system))
		return false;
	*ret_cpu = user + system;
	return true;
}

/* Of all threads, for one may wait for what another does. */
static bool thread_sleeps(const struct holder *h, const char *tid)
{
	char path[64], state;
	uint64_t cpu;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", h->worker, tid);
	return !read_stat(path, &state, &cpu) || strchr("STt", state);
}

static bool threads_sleep(const struct holder *h)
{
	_Alignas(struct dirent64) char entries[4096];
	cleanup_fd int fd = -1;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task", h->worker);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while ((n = getdents64(fd, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(entries + at);

			if (d->d_name[0] != '.' && !thread_sleeps(h, d->d_name))
				return false;
			at += d->d_reclen;
		}
	}
	return n == 0;
}

static bool process_rests(struct holder *h)
{
	uint64_t before = h->cpu_at_tick;
	char path[64], state;

	snprintf(path, sizeof(path), "/proc/%d/stat", h->worker);
	return read_stat(path, &state, &h->cpu_at_tick) &&
	       h->cpu_at_tick - before <= IDLE_CPU;
}

/* The request in this slot is the one of the last tick. */
static void look_at_old(struct holder *h, unsigned i)
{
	uint64_t user = h->user_at_tick[i], system = h->system_at_tick[i];
	bool is_first = h->old_ticks[i]++ == 0, sleeps, computes;
	char path[64], state;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", h->worker,
		 atomic_load(&h->s->record->slots[i].tid));
	if (!read_times(path, &state, &h->user_at_tick[i], &h->system_at_tick[i])) {
		h->still_ticks[i] = 0;
		return;
	}
	user = h->user_at_tick[i] - user;
	system = h->system_at_tick[i] - system;
	sleeps = strchr("STt", state) && user + system == 0;
	computes = state == 'R' && user > 0 &&
		   system <= 1 + user / COMPUTING;	/* interrupts count there */
	if (!is_first && (sleeps || computes))
		h->still_ticks[i]++;
	else
		h->still_ticks[i] = 0;
}

/* A single request that nobody works on, while others may be answered. */
static bool has_stuck_one(const struct holder *h)
{
	bool is_stuck = false;

	for (unsigned i = 0; i < RECORD_SLOTS; i++) {
		if (h->old_ticks[i] >= TICKS && !h->still_ticks[i])
			return false;
		is_stuck |= h->still_ticks[i] >= TICKS;
	}
	return is_stuck;
}

/* Each time in full, for what is seen now is compared with the next time. */
static bool holds_requests(struct holder *h)
{
	bool rests = process_rests(h), takes_some = false, holds_some = false;

	for (unsigned i = 0; i < RECORD_SLOTS; i++) {
		uint64_t now = atomic_load(&h->s->record->slots[i].working);

		takes_some |= now && now != h->working_at_tick[i];
		holds_some |= now && now == h->working_at_tick[i];
		if (now && now == h->working_at_tick[i])
			look_at_old(h, i);
		else
			h->old_ticks[i] = h->still_ticks[i] = 0;
		h->working_at_tick[i] = now;
	}
	return rests && holds_some && !takes_some && threads_sleep(h);
}

static bool leaves_requests(const struct holder *h)
{
	struct pollfd p = { .fd = h->s->device_fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

static bool does_nothing(struct holder *h)
{
	uint64_t replies = record_replies(h->s->record);
	bool progress = replies != h->replies_at_tick;
	bool holds = holds_requests(h);

	h->replies_at_tick = replies;
	return !progress && (holds || leaves_requests(h));
}

void watchdog_tick(struct holder *h)
{
	uint64_t ticks;

	if (read(h->watchdog_fd, &ticks, sizeof(ticks)) < 0 || !h->worker)
		return;
	h->stuck_ticks = does_nothing(h) ? h->stuck_ticks + 1 : 0;
	if (has_stuck_one(h) && h->stuck_ticks < TICKS && !h->has_old_stuck) {
		h->has_old_stuck = true;	/* once: a worker that stays is killed */
		h->stuck_ticks = TICKS;
	} else if (h->has_old_stuck) {
		h->stuck_ticks = TICKS + 1;
	}
	if (h->stuck_ticks < TICKS)
		return;
	if (h->stuck_ticks == TICKS) {
		log_warn("the worker for '%s' answers nobody; it is replaced",
			 h->s->mount.path);
		(void)kill(h->worker, SIGABRT);	/* says where it was */
	} else {
		(void)kill(h->worker, SIGKILL);	/* it is stopped, too */
	}
}
