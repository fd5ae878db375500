/* SPDX-License-Identifier: Apache-2.0 */
/* common/load.h - whether more threads want to run than there are CPUs */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct load {
	int fd;				/* owned, /proc/loadavg; -1: not known */
	unsigned cpus;			/* that are online */
	_Atomic int64_t looked_ns;	/* when there */
	_Atomic unsigned running;	/* threads, as it said, */
	_Atomic unsigned before;	/* and as it said the time before */
};

/**
 * load_init() - begin to look
 * @looks:	false: nobody may read /proc/loadavg here, as for who may serve it.
 *		The load then never counts as high, nor where it cannot be read.
 */
void load_init(struct load *l, bool looks);

/**
 * load_is_high() - whether more threads want to run than there are CPUs
 * @aside:	so many do not count, as they make room for others
 *
 * One more is allowed: who asks and who serves take turns. Known for 10 ms at a time;
 * any thread may ask.
 */
bool load_is_high(struct load *l, unsigned aside);

/** load_done() - look no more */
void load_done(struct load *l);
