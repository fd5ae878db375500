/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/state.h - what a union's workers leave to their successors
 *
 * How it works. Inodes, their names and what directories are made of live in memory
 * that outlives the worker, where they are used: there is no copy to keep up. The
 * memory is sparse; what is not used takes none, and what was given up is given
 * back. Beside plain data, inodes and names hold what belongs to the present worker
 * only (locks, pointers, links of hash chains): a successor makes that anew.
 *
 * A successor believes nothing that it can check: see recover.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unionfs/hash.h"
#include "unionfs/intent.h"

/* Change the number with anything that a successor reads. */
#ifndef STATE_VERSION			/* of builds that try what happens then */
#define STATE_VERSION 2
#endif

#define CHUNK_BITS  8			/* inodes come in chunks of 256 */
#define CHUNK_SLOTS (1u << CHUNK_BITS)

#if __SIZEOF_POINTER__ >= 8
#define CHUNK_MAX	(1u << 16)	/* 16 million inodes */
#define STATE_PAGE_MAX	(1u << 20)	/* 4 GiB of names and directories */
#else
#define CHUNK_MAX	(1u << 10)
#define STATE_PAGE_MAX	(1u << 14)
#endif

#define DEV_COUNT_MAX 4096

struct inode;

struct state {
	uint64_t magic;
	uint32_t version, inode_bytes, name_bytes;
	uint32_t chunk_max, page_max;
	_Atomic uint32_t is_ready;	/* the rest was set up */
	uint64_t layers;		/* a digest: which they are */
	struct hash_key key;		/* of names */
	uint64_t devs[DEV_COUNT_MAX];	/* append only; see union_dev() */
	_Atomic uint32_t dev_count;
	_Atomic uint32_t chunk_count;	/* chunks ever used */
	_Atomic uint32_t page_count;	/* of the store */
	struct intents intents;
	/* Where a chunk that was given back goes on counting generations. */
	uint32_t generations[CHUNK_MAX];
};

/** state_bytes() - how much memory to ask for; nearly all of it stays unused */
size_t state_bytes(void);

/** state_inodes() - where the inodes are */
struct inode *state_inodes(struct state *s);

/** state_pages() - where the pages of the store are */
void *state_pages(struct state *s);

/** state_init() - make zeroed memory the state of a new mount */
void state_init(struct state *s, const struct hash_key *key, uint64_t layers);

/**
 * state_check() - can we go on from what is there
 *
 * Return: 0; -EPROTO if another version made it; -ESTALE if it is that of other layers.
 */
int state_check(const struct state *s, size_t bytes, uint64_t layers);

/** state_new() - memory of this process alone, for tests; NULL without */
struct state *state_new(void);
void state_free(struct state *s);
