/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/load.h - load averages of containers
 *
 * How it works. A thread counts every 5 s the tasks of each container that run
 * or wait for a disk, and lets the averages decay by the time that really
 * passed, so a late pass is no wrong one. A container whose load is read for
 * the first time is counted then, as if it had been like that since it began.
 */
#pragma once

#include "procfs/container.h"

struct load_sampler;

/** load_sampler_start() - begin to sample; 0, -ENOMEM or any thread's error */
int load_sampler_start(struct containers *containers, struct container_world *world,
		       struct load_sampler **ret);

/** load_sampler_stop() - and wait for the thread; accepts NULL, returns NULL */
struct load_sampler *load_sampler_stop(struct load_sampler *sampler);

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
