/* SPDX-License-Identifier: Apache-2.0 */
/* common/holder_impl.h - what the files of the holder share */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/guard.h"
#include "common/handover.h"
#include "common/session_impl.h"

enum upgrade_stage {
	UPGRADE_NONE,
	UPGRADE_CHECKING,	/* the new program says whether it could */
	UPGRADE_STOPPING,	/* the old worker finishes what it has in hand */
	UPGRADE_TAKING,		/* the new one is the worker, not serving yet */
};

struct holder {
	struct session *s;
	pid_t worker;		/* 0: none */
	pid_t unmounter;	/* 0: none */
	int signal_fd, timer_fd, tell_fd;
	int oom_score;		/* what workers should have */
	bool ready, ending, detached, done;
	int status;

	struct guard guard;

	/* workers.c */
	int exe_fd;		/* workers run this; -1: what we run ourselves */
	unsigned in_vain;
	int retry_ms;		/* until a worker is tried to be started again; 0: no */
	int64_t retry_at_ms;
	uint64_t replies_before;

	/* watchdog.c */
	int watchdog_fd;
	unsigned stuck_ticks;
	bool has_old_stuck;	/* the worker was told to end for a single request */
	uint64_t replies_at_tick, cpu_at_tick;
	uint64_t working_at_tick[RECORD_SLOTS];
	uint64_t user_at_tick[RECORD_SLOTS], system_at_tick[RECORD_SLOTS];
	unsigned old_ticks[RECORD_SLOTS];	/* it has that request */
	unsigned still_ticks[RECORD_SLOTS];	/* and does nothing for it */

	/* upgrade.c */
	enum upgrade_stage stage;
	int listen_fd, client_fd;
	int other_exe_fd;	/* the candidate's; while it takes over, the old */
	pid_t candidate;	/* 0: none */
};

/** holder_give_up() - it cannot go on: unmount and fail */
void holder_give_up(struct holder *h);

/** workers_init() - before the first is started */
void workers_init(struct holder *h);

/** workers_start() - fork, or execute the upgraded program */
void workers_start(struct holder *h);

/** workers_retry() - what workers_start() could not do, when it is time. Return: for
 *	poll(2), how long to wait for that; -1 */
int workers_retry(struct holder *h);

/** workers_exec() - in a fork: become a worker of the program @exe_fd */
_Noreturn void workers_exec(struct holder *h, int exe_fd,
			    enum handover_mode mode);

/** workers_replace() - one died, as @status of waitpid(2) says */
void workers_replace(struct holder *h, int status);

/** watchdog_init() - start its clock. Return: 0 or -errno */
int watchdog_init(struct holder *h);

/** watchdog_begin() - a worker is about to be started */
void watchdog_begin(struct holder *h);

/** watchdog_tick() - the clock ticked: look at the worker, and replace it if it does
 *	nothing */
void watchdog_tick(struct holder *h);

/** upgrade_init() - open the control socket; the mount must be known */
void upgrade_init(struct holder *h);

/** upgrade_done() - close it */
void upgrade_done(struct holder *h);

/** upgrade_on_connect() - someone asks for an upgrade */
void upgrade_on_connect(struct holder *h);

/** upgrade_on_checked() - the candidate ended, and so said what it thinks */
void upgrade_on_checked(struct holder *h, int status);

/** upgrade_on_serving() - a worker began to serve */
void upgrade_on_serving(struct holder *h);

/**
 * upgrade_on_worker_end() - the worker ended, not because the mount is gone
 *
 * Return: true if that was a part of an upgrade, and is dealt with.
 */
bool upgrade_on_worker_end(struct holder *h, int status);

/** upgrade_on_timeout() - something took too long */
void upgrade_on_timeout(struct holder *h);
