/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/load.h - load averages of containers
 *
 * How it works. Counted every 5 s are the tasks of each container that run
 * or wait for a disk, and lets the averages decay by the time that really
 * passed, so a late pass is no wrong one. A container whose load is read for
 * the first time is counted then, as if it had been like that since it began.
 */
#pragma once

#include "procfs/container.h"

#define LOAD_PERIOD_S 5

/** load_sample() - count the tasks of all containers; to be called every so often */
void load_sample(struct containers *containers, struct host *host);

/** load_view() - fill the load of a view; 0 or as container_with_load() */
int load_view(struct container *c, struct host *host, struct view *v);

/**
 * load_decay() - one average after another sample
 * @average:	before; 11 bits after the point
 * @active:	tasks that run or wait, now
 * @elapsed_ns:	since the sample before
 * @minutes:	1, 5 or 15
 *
 * The kernel's own rule for any interval, not only for 5 s.
 */
uint64_t load_decay(uint64_t average, unsigned active, uint64_t elapsed_ns,
		    unsigned minutes);
