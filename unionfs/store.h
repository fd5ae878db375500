/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/store.h - small blocks of plain data in memory that outlives the worker
 *
 * How it works. The memory is pages; a page holds blocks of one size and kind, and
 * bits that say which of them are in use. So a successor finds every block by
 * walking the pages. What is only needed to allocate is kept beside, in the worker.
 * A block is found by its *ref*, which means the same in the next worker. Pages that
 * became empty are given back to the system, but for some.
 *
 * A worker may die between any two stores. The bit is set before a block is filled
 * and cleared after it was emptied: who adopts the store must look at each block, and
 * free those that make no sense.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unionfs/locks.h"

#define STORE_PAGE_BYTES 4096
#define STORE_BLOCK_MAX	 2016	/* two of them fill a page */
#define STORE_UNIT	 16	/* sizes and addresses are multiples of it */
#define STORE_CLASSES	 (STORE_BLOCK_MAX / STORE_UNIT + 1)

enum store_kind {
	STORE_NAME,
	STORE_DIR,
	STORE_LEFT,
	STORE_KINDS,
};

struct store_page;
struct store_page_info;

struct store {
	struct lock lock;		/* guards all below; a leaf */
	struct store_page *pages;	/* lent; one each STORE_PAGE_BYTES */
	_Atomic uint32_t *page_count;	/* lent; pages ever used */
	uint32_t page_max;
	struct store_page_info *info;	/* of each page */
	uint32_t with_room[STORE_KINDS][STORE_CLASSES]; /* first of a list of pages */
	uint32_t empty;			/* first of a list */
	uint32_t empty_count;
};

/**
 * store_init() - use memory for blocks, or go on using it
 * @pages:	@page_max pages, zeroed or as a predecessor left them; lent
 * @page_count:	beside them, 0 or as left; lent
 *
 * Return: 0; -ENOMEM.
 */
int store_init(struct store *s, void *pages, uint32_t page_max,
	       _Atomic uint32_t *page_count);
void store_done(struct store *s);

/** store_alloc() - a block of at most STORE_BLOCK_MAX bytes, as it comes; NULL if full */
void *store_alloc(struct store *s, enum store_kind kind, size_t bytes);
void store_free(struct store *s, void *block);

/** store_ref() - what a block is called in the state, > 0; 0 for NULL */
uint32_t store_ref(const struct store *s, const void *block);

/** store_at() - the block of a ref; NULL for 0 and for what names no block of @kind */
void *store_at(const struct store *s, enum store_kind kind, uint32_t ref);

/** store_size() - how many bytes a block has room for */
size_t store_size(const struct store *s, const void *block);

/** store_walk() - call @visit with each block of a kind; it may free that one */
void store_walk(struct store *s, enum store_kind kind,
		void (*visit)(void *arg, void *block), void *arg);
