/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/ops_prune.c - no more inodes than max_inodes
 *
 * An inode stays as long as the kernel remembers it, and the kernel forgets when it is
 * short of memory, not when we are. So above the limit it is asked to, for the inodes
 * that a hand going round the slots meets next. It leaves alone what is open, mapped,
 * somebody's working directory or the parent of a name, and we keep each inode until
 * its FORGET comes: nothing depends on the choice but what will be looked up again.
 *
 * A kernel before 6.18 could only be told that names are no longer right
 * (FUSE_NOTIFY_INVAL_ENTRY), and would unmount what is mounted on them.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "unionfs/ops.h"

#define BATCH 512

struct prune {
	struct task task;	/* first */
	struct unionfs *u;
};

/* An eighth below the limit, so that it is not asked for each new one. */
static uint32_t excess(struct unionfs *u)
{
	uint32_t target = u->options->max_inodes - u->options->max_inodes / 8;

	rwlock_read_scope(&u->inodes.lock);
	return u->inodes.live_count > target ? u->inodes.live_count - target : 0;
}

static uint32_t slot_count(struct unionfs *u)
{
	rwlock_read_scope(&u->inodes.lock);
	return u->inodes.slot_count;
}

/* In a thread of its own: the kernel may wait for pages that we have to write. */
static void prune(struct task *task)
{
	struct prune *p = (struct prune *)task;
	struct unionfs *u = p->u;
	uint32_t wanted = excess(u), left = slot_count(u);
	uint64_t ids[BATCH];
	unsigned n;
	int r = 0;

	while (r == 0 && wanted > 0 && left > 0) {
		n = inode_collect(&u->inodes, &u->prune_hand, &left, ids,
				  wanted < BATCH ? wanted : BATCH);
		if (n > 0)
			r = session_notify_prune(u->session, ids, n);
		wanted -= n;
	}
	if (r == -EINVAL && !atomic_exchange(&u->cannot_prune, true))
		log_warn("more than %u inodes, and this kernel cannot be asked to forget any\nGoing on without that limit; it takes Linux 6.18.",
			 u->options->max_inodes);
	else if (r < 0 && r != -EINVAL)
		log_debug("asking the kernel to forget inodes: %s", strerror(-r));
	atomic_store(&u->is_pruning, false);
	free(p);
}

void ops_prune(struct unionfs *u)
{
	struct prune *p;

	if (!u->options->max_inodes || atomic_load(&u->cannot_prune) ||
	    !inode_table_is_above(&u->inodes, u->options->max_inodes) ||
	    atomic_exchange(&u->is_pruning, true))
		return;
	p = malloc(sizeof(*p));
	if (p)
		*p = (struct prune){ .task.run = prune, .u = u };
	if (p && pool_submit(u->notifier, &p->task) == 0)
		return;
	/* The next lookup tries again. */
	free(p);
	atomic_store(&u->is_pruning, false);
}
