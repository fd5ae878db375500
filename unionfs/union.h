/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/union.h - the union: its layers and everything that is known of them
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/opt.h"
#include "unionfs/options.h"
#include "unionfs/data.h"
#include "unionfs/fdcache.h"
#include "unionfs/inode.h"
#include "unionfs/layers.h"
#include "unionfs/merge.h"
#include "unionfs/overlay_xattr.h"
#include "unionfs/passthrough.h"
#include "unionfs/pool.h"
#include "unionfs/workdir.h"

struct mounted;
struct session;

#define LAYER_TOP 0		/* index of the upper layer, whether there is one or not */

struct unionfs {
	const struct options *options;	/* lent */
	enum overlay_ns ns;
	struct layers opened;		/* owns what the next ones lend */
	struct layer **layers;		/* [0]: upper or NULL; then lower, top first */
	unsigned layer_count;		/* with [0] and data-only layers */
	unsigned merged_count;		/* without the data-only layers at the end */
	struct workdir *work;		/* NULL if read-only */
	bool can_open_handles;		/* origins can be looked at */

	struct lock dev_lock;
	struct state *state;		/* lent; outlives this process. NULL until started */

	struct lock rename;		/* see locks.h */
	struct inode_table inodes;
	struct fdcache fds;
	struct data data;
	struct merge_cache merges;

	struct lock copying;		/* guards INODE_COPYING going away */
	pthread_cond_t copying_done;
	bool passes_data;		/* data=passthrough or all, and granted */
	bool passes_lower;		/* data=all, or nothing is ever written */
	struct passthrough passthrough;
	struct pool *pool;		/* for copies */
	struct pool *notifier;		/* for what waits until we have answered writes,
					   which may be queued in the other */
	_Atomic bool is_pruning;	/* a task for it is queued or runs */
	_Atomic bool cannot_prune;
	uint32_t prune_hand;		/* that task's */
	struct session *session;	/* lent, once it runs */
	struct mounted *mounted;	/* main.c's */
};

/* Who asks, and how patient they are. */
struct call {
	uid_t uid;			/* as in the layers */
	gid_t gid;
	mode_t umask;
	pid_t pid;			/* 0 if it is in no namespace we see */
	bool may_wait;			/* else long work answers -EINPROGRESS first */
	bool is_privileged;		/* keeps suid and sgid when writing */
	uint64_t unique;		/* the request; 0: none */
	bool is_resent;			/* a worker died over it */
	bool was_done;			/* by a worker that died: only to be answered */
	uint64_t made_id;		/* then: the node id of what was made, or 0 */
	bool (*is_cancelled)(void *arg);
	void *arg;
};

/**
 * union_open() - open the layers that a configuration names
 * @error:	filled on failure with what failed on which thing and what to do
 *
 * Return: 0 or -errno.
 */
int union_open(const struct options *options, struct unionfs **ret_union,
	       struct opt_error *error);

/**
 * union_start() - make it ready to serve
 * @memory:	of state_bytes(); lent until union_close()
 * @is_first:	it is zero; else go on from what another worker left there
 *
 * Return: 0; -errno, and it has said why.
 */
int union_start(struct unionfs *u, void *memory, bool is_first);

/**
 * union_check() - whether union_start() could go on from this state; only looks
 *
 * Return: 0; -errno, and it has said why.
 */
int union_check(struct unionfs *u, const void *memory, size_t bytes);

/** union_close() - accepts NULL, returns NULL */
struct unionfs *union_close(struct unionfs *u);

/** union_dev() - the index of a device; -ENFILE if there are too many */
int union_dev(struct unionfs *u, dev_t dev);

/** union_key() - what identifies an object of a layer; 0 or -ENFILE */
int union_key(struct unionfs *u, const struct statx *stx, struct inode_key *ret_key);

/** union_ino() - the inode number shown for an object of a layer */
uint64_t union_ino(const struct inode_key *key);

static inline bool union_is_read_only(const struct unionfs *u)
{
	return !u->work;
}

/** union_root() - the inode of the union's root */
static inline struct inode *union_root(struct unionfs *u)
{
	return inode_at(&u->inodes, 0);
}
