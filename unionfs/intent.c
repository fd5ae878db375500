/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/intent.h"

#include <stdio.h>
#include <string.h>

#include "unionfs/union.h"

/* The calling thread's, for as long as it lives. */
static _Thread_local struct intent_thread *mine;

static struct intent_thread *take_thread(struct unionfs *u)
{
	struct intent_thread *threads = u->state->intents.threads;

	for (unsigned n = 0; !mine && n < INTENT_THREADS; n++) {
		uint32_t free = 0;

		if (atomic_compare_exchange_strong(&threads[n].is_taken, &free, 1))
			mine = &threads[n];
	}
	return mine;
}

struct intent *intent_prepare(struct unionfs *u, enum intent_op op,
			      const struct call *call)
{
	struct intent_thread *t = take_thread(u);
	struct intent *i;

	if (!t)
		return NULL;
	i = call ? &t->asked : &t->up;
	atomic_store_explicit(&i->phase, INTENT_NONE, memory_order_release);
	i->op = op;
	i->flags = 0;
	i->unique = call ? call->unique : 0;
	i->node_id = 0;
	i->inode[0] = i->inode[1] = INTENT_NO_INODE;
	return i;
}

void intent_set_name(struct intent *i, unsigned n, const struct inode *dir,
		     const char *name)
{
	if (!i)
		return;
	i->dir[n] = dir->slot;
	snprintf(i->name[n], sizeof(i->name[n]), "%s", name);
}

void intent_set_times(struct intent *i, const struct statx *stx)
{
	if (!i)
		return;
	i->times[0] = stx->stx_atime.tv_sec;
	i->times[1] = stx->stx_atime.tv_nsec;
	i->times[2] = stx->stx_mtime.tv_sec;
	i->times[3] = stx->stx_mtime.tv_nsec;
}

void intent_begin(struct intent *i)
{
	if (i)
		atomic_store_explicit(&i->phase, INTENT_BEGUN,
				      memory_order_release);
}

void intent_done(struct intent *i, const struct inode *made)
{
	if (!i)
		return;
	i->node_id = made ? inode_node_id(made) : 0;
	atomic_store_explicit(&i->phase, INTENT_DONE, memory_order_release);
}

void intent_drop(struct intent *i)
{
	if (i)
		atomic_store_explicit(&i->phase, INTENT_NONE,
				      memory_order_release);
}

void intent_end(struct intent *i, int r, const struct inode *made)
{
	if (r < 0)
		intent_drop(i);
	else
		intent_done(i, made);
}

bool intent_was_done(const struct unionfs *u, uint64_t unique, uint64_t *ret_node_id)
{
	const struct intent_settled *s = u->state->intents.settled;

	for (unsigned n = 0; unique && n < INTENT_SETTLED; n++) {
		if (s[n].unique != unique)
			continue;
		*ret_node_id = s[n].node_id;
		return true;
	}
	return false;
}

void intent_remember(struct unionfs *u, uint64_t unique, uint64_t node_id)
{
	struct intents *all = &u->state->intents;
	struct intent_settled *s = &all->settled[all->next_settled % INTENT_SETTLED];

	if (!unique)
		return;
	s->unique = 0;
	s->node_id = node_id;
	__atomic_store_n(&s->unique, unique, __ATOMIC_RELEASE);
	all->next_settled++;
}
