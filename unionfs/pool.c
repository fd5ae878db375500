/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/lock.h"

struct pool {
	struct lock lock;	/* guards all below */
	pthread_cond_t wake;
	struct task *first, **last;
	unsigned idle, started, max;
	bool is_ending;
	cpu_set_t cpus;		/* where its threads may run; empty: not known */
	pthread_t threads[];
};

struct pool *pool_new(unsigned threads)
{
	struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(pthread_t));

	if (!p)
		return NULL;
	lock_init(&p->lock);
	pthread_cond_init(&p->wake, NULL);
	p->last = &p->first;
	p->max = threads;
	if (sched_getaffinity(0, sizeof(p->cpus), &p->cpus) < 0)
		CPU_ZERO(&p->cpus);
	return p;
}

static struct task *next_task(struct pool *p)
{
	struct task *task;

	lock_scope(&p->lock);
	p->idle++;
	while (!p->first && !p->is_ending)
		lock_wait(&p->lock, &p->wake);
	p->idle--;
	task = p->first;
	if (task) {
		p->first = task->next;
		if (!p->first)
			p->last = &p->first;
	}
	return task;
}

static void *serve(void *arg)
{
	struct pool *p = arg;
	struct task *task;

	/* Who submits may be tied to a CPU just now (common/pairing.h); we are not. */
	if (CPU_COUNT(&p->cpus))
		(void)sched_setaffinity(0, sizeof(p->cpus), &p->cpus);
	while ((task = next_task(p)))
		task->run(task);
	return NULL;
}

int pool_submit(struct pool *p, struct task *task)
{
	int error = 0;

	lock_scope(&p->lock);
	if (p->idle == 0 && p->started < p->max) {
		error = pthread_create(&p->threads[p->started], NULL, serve, p);
		if (error == 0)
			p->started++;
	}
	if (p->started == 0)
		return -error;

	task->next = NULL;
	*p->last = task;
	p->last = &task->next;
	pthread_cond_signal(&p->wake);
	return 0;
}

struct pool *pool_free(struct pool *p)
{
	if (!p)
		return NULL;

	lock_take(&p->lock);
	p->is_ending = true;
	pthread_cond_broadcast(&p->wake);
	lock_drop(&p->lock);
	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->wake);
	lock_done(&p->lock);
	free(p);
	return NULL;
}
