/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/pool.h - a few threads for what takes long, so that lookups never wait */
#pragma once

struct pool;

struct task {
	struct task *next;
	void (*run)(struct task *task);	/* owns the task from then on */
};

/** pool_new() - @threads threads, started when first needed; NULL without memory */
struct pool *pool_new(unsigned threads);

/** pool_free() - run what is queued, then end; accepts NULL, returns NULL */
struct pool *pool_free(struct pool *pool);

/** pool_submit() - run a task in its turn; -errno if there is no thread to do it */
int pool_submit(struct pool *pool, struct task *task);
