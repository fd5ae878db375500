/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/merge.h - the names of a directory of the union, all layers put together
 *
 * How it works. The table is built once by reading the directory's part in each
 * layer, and kept up to date by our own changes: nobody else writes the upper, and
 * lower layers do not change. It answers for a name without a system call,
 * whatever the number of layers.
 *
 * Buckets are chosen by the top bits of a name's hash and sorted by hash inside, so
 * walking them is walking the names by hash, also after the table has grown. The
 * hash is therefore the readdir cookie: it stays right while names come and go,
 * and when the table was dropped and built again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unionfs/hash.h"
#include "unionfs/inode.h"

struct unionfs;

enum merge_flag {
	MERGE_VISIBLE = 1 << 0,
	MERGE_WHITEOUT = 1 << 1,   /* the upper holds a whiteout of it */
	MERGE_BELOW = 1 << 2,	   /* the lower layers show it, the upper left aside */
	MERGE_CUT = 1 << 3,	   /* what deeper layers hold does not matter */
	MERGE_INO = 1 << 4,	   /* .ino is what stat shows */
};

struct merge_entry {
	struct merge_entry *next;
	uint64_t hash;		/* and readdir cookie, > MERGE_COOKIE_FIRST */
	uint64_t ino;
	uint16_t *layers;	/* of a directory in several: owned, count first; or NULL */
	uint16_t layer;		/* that provides it */
	uint8_t type;		/* DT_* */
	uint8_t flags;		/* enum merge_flag */
	uint8_t length;
	char text[];		/* NUL-terminated */
};

#define MERGE_COOKIE_FIRST 16	/* smaller ones are for "." and ".." */

struct merge {
	struct merge_entry **buckets;
	uint32_t count;		/* entries */
	uint32_t visible;	/* of which names to show */
	unsigned bits;		/* 2^bits buckets */
	size_t bytes;
	uint32_t slot;		/* of the directory */
	struct merge *newer, *older;
};

struct merge_cache {
	struct lock lock;	/* guards the list and the sum */
	struct merge newest;	/* ends of the list; .older and .newer */
	size_t bytes, max_bytes;
	struct hash_key key;
};

/** merge_cache_init() - .key is left to be set */
void merge_cache_init(struct merge_cache *c, size_t max_bytes);
void merge_cache_done(struct merge_cache *c);

struct merge *merge_new(void);
struct merge *merge_free(struct merge *m);

struct merge_entry *merge_find(const struct merge_cache *c, const struct merge *m,
			       const char *text);

/** merge_add() - a new name, with no flags; NULL without memory */
struct merge_entry *merge_add(const struct merge_cache *c, struct merge *m,
			      const char *text);

/** merge_remove() - take a name out and free it */
void merge_remove(struct merge *m, struct merge_entry *e);

/** merge_set() - change the flags, and count what is visible */
void merge_set(struct merge *m, struct merge_entry *e, unsigned flags);

/** merge_add_layer() - a directory is in this layer too; 0 or -ENOMEM */
int merge_add_layer(struct merge *m, struct merge_entry *e, unsigned layer);

/** merge_drop_layers() - it is in one layer only */
void merge_drop_layers(struct merge *m, struct merge_entry *e);

/** merge_next() - the first visible name after a cookie, or NULL */
struct merge_entry *merge_next(const struct merge *m, uint64_t cookie);

/**
 * merge_build() - make the table of a directory that has none
 *
 * An AUFS opaque mark met on the way cuts the directory's parts.
 * Return: 0; -ENOMEM; any error of reading a directory.
 */
int merge_build(struct unionfs *u, struct inode *inode) REQUIRES(inode->lock);

/** merge_attach() - give a directory its table, which may push others out */
void merge_attach(struct unionfs *u, struct inode *inode, struct merge *m)
	REQUIRES(inode->lock);

/** merge_touch() - it was used; and its size may have changed */
void merge_touch(struct merge_cache *c, struct merge *m, size_t bytes_before);

/** merge_detach() - drop a directory's table, if it has one */
void merge_detach(struct merge_cache *c, struct inode *inode);
