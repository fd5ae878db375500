/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/inode_slots.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NO_SLOT	   UINT32_MAX
#define NO_CHUNK   UINT32_MAX
#define KEEP_EMPTY 16		/* empty chunks that are not given back */

struct chunk {
	uint32_t next, previous;	/* with room */
	uint32_t free_slot;		/* first of a list through real_next */
	uint16_t used;			/* slots in use */
	uint16_t fresh;			/* slots from here on were never used */
};

int slots_init(struct inode_table *t)
{
	t->with_room = NO_CHUNK;
	t->chunks = calloc(CHUNK_MAX, sizeof(*t->chunks));
	return t->chunks ? 0 : -ENOMEM;
}

void slots_done(struct inode_table *t)
{
	for (uint32_t i = 0; i < t->slot_count; i++) {
		if ((i & (CHUNK_SLOTS - 1)) < t->chunks[i >> CHUNK_BITS].fresh)
			lock_done(&t->inodes[i].lock);
	}
	free(t->chunks);
	t->chunks = NULL;
}

static void list_add(struct inode_table *t, uint32_t n)
{
	t->chunks[n].next = t->with_room;
	t->chunks[n].previous = NO_CHUNK;
	if (t->with_room != NO_CHUNK)
		t->chunks[t->with_room].previous = n;
	t->with_room = n;
}

static void list_drop(struct inode_table *t, uint32_t n)
{
	struct chunk *c = &t->chunks[n];

	if (c->previous == NO_CHUNK)
		t->with_room = c->next;
	else
		t->chunks[c->previous].next = c->next;
	if (c->next != NO_CHUNK)
		t->chunks[c->next].previous = c->previous;
}

/*
 * Gives an empty chunk's memory back. Generations must not be used again: they
 * will go on from the highest.
 */
static void chunk_punch(struct inode_table *t, uint32_t n)
{
	struct chunk *c = &t->chunks[n];
	struct inode *inodes = &t->inodes[n << CHUNK_BITS];
	uint32_t highest = t->state->generations[n];

	for (unsigned i = 0; i < c->fresh; i++) {
		if (inodes[i].generation > highest)
			highest = inodes[i].generation;
		lock_done(&inodes[i].lock);
	}
	t->state->generations[n] = highest;
	if (madvise(inodes, CHUNK_SLOTS * sizeof(*inodes), MADV_REMOVE) < 0)
		memset((void *)inodes, 0, CHUNK_SLOTS * sizeof(*inodes));
	c->fresh = 0;
	c->free_slot = NO_SLOT;
}

/* A slot of the chunk that is not in use, its lock made. */
static struct inode *chunk_take(struct inode_table *t, uint32_t n)
{
	struct chunk *c = &t->chunks[n];
	struct inode *inode;

	if (c->used == 0 && c->fresh > 0)
		t->empty_count--;
	if (c->free_slot != NO_SLOT) {
		inode = &t->inodes[c->free_slot];
		c->free_slot = inode->real_next;
		/* Another inode, another lock: its place in the order is new. */
		lock_done(&inode->lock);
	} else {
		inode = &t->inodes[(n << CHUNK_BITS) + c->fresh];
		inode->slot = (n << CHUNK_BITS) + c->fresh++;
		inode->generation = t->state->generations[n];
	}
	lock_init(&inode->lock);
	if (++c->used == CHUNK_SLOTS)
		list_drop(t, n);
	return inode;
}

void slot_give(struct inode_table *t, struct inode *inode)
{
	uint32_t n = inode->slot >> CHUNK_BITS;
	struct chunk *c = &t->chunks[n];

	inode->real_next = c->free_slot;
	c->free_slot = inode->slot;
	if (c->used-- == CHUNK_SLOTS)
		list_add(t, n);
	if (c->used > 0)
		return;
	if (t->empty_count < KEEP_EMPTY)
		t->empty_count++;
	else
		chunk_punch(t, n);
}

struct inode *slot_take(struct inode_table *t)
{
	uint32_t n = t->with_room;

	if (n == NO_CHUNK) {
		n = t->state->chunk_count;
		if (n == CHUNK_MAX)
			return NULL;
		t->chunks[n] = (struct chunk){ .free_slot = NO_SLOT };
		t->state->chunk_count = n + 1;
		t->slot_count = (n + 1) << CHUNK_BITS;
		list_add(t, n);
	}
	return chunk_take(t, n);
}

/* ---- who could go ---- */

static bool can_go(const struct inode *inode)
{
	return inode->type != DT_UNKNOWN && inode->slot != 0 &&
	       inode->nlookup > 0 &&
	       !inode->place;	/* without a name: only its last close helps */
}

unsigned inode_collect(struct inode_table *t, uint32_t *hand, uint32_t *left,
		       uint64_t *ids, unsigned max)
{
	unsigned found = 0;

	rwlock_read_scope(&t->lock);
	while (*left > 0 && found < max) {
		uint32_t slot = *hand < t->slot_count ? *hand : 0;
		const struct chunk *c = &t->chunks[slot >> CHUNK_BITS];
		uint32_t steps = 1;

		/* Looking at memory that was given back would make it take some. */
		if (c->used == 0)
			steps = CHUNK_SLOTS - (slot & (CHUNK_SLOTS - 1));
		else if ((slot & (CHUNK_SLOTS - 1)) < c->fresh &&
			 can_go(&t->inodes[slot]))
			ids[found++] = inode_node_id(&t->inodes[slot]);
		*hand = slot + steps;
		*left -= steps < *left ? steps : *left;
	}
	return found;
}

/* ---- a successor ---- */

/* What the dead worker had of its own is worth nothing. */
static void forget_worker(struct inode *inode)
{
	inode->flags &= ~(INODE_COPYING | INODE_LOST | INODE_LOST_TIME);
	inode->refs = 0;
	inode->fd = -1;
	inode->names = NULL;
	inode->dir = NULL;
	inode->backing = NULL;
	lock_init(&inode->lock);
}

static void adopt_slot(struct inode_table *t, struct chunk *c, uint32_t floor,
		       uint32_t slot)
{
	struct inode *inode = &t->inodes[slot];

	if (inode->generation < floor)
		inode->generation = floor;
	if (inode->slot != slot)
		inode->type = DT_UNKNOWN;
	inode->slot = slot;
	forget_worker(inode);
	if (inode->type != DT_UNKNOWN) {
		c->used++;
		t->live_count++;
		return;
	}
	inode->real_next = c->free_slot;
	c->free_slot = slot;
}

/* A chunk of zeroes is one that was given back, or never used. */
static bool is_untouched(const struct inode *inodes)
{
	for (unsigned i = 0; i < CHUNK_SLOTS; i++) {
		if (inodes[i].type != DT_UNKNOWN || inodes[i].generation)
			return false;
	}
	return true;
}

static void adopt_chunk(struct inode_table *t, uint32_t n)
{
	struct inode *inodes = &t->inodes[n << CHUNK_BITS];
	struct chunk *c = &t->chunks[n];

	*c = (struct chunk){ .free_slot = NO_SLOT };
	if (is_untouched(inodes)) {
		/* Looking at it has made it take memory. */
		(void)madvise(inodes, CHUNK_SLOTS * sizeof(*inodes), MADV_REMOVE);
	} else {
		c->fresh = CHUNK_SLOTS;
		for (unsigned i = CHUNK_SLOTS; i-- > 0;)
			adopt_slot(t, c, t->state->generations[n],
				   (n << CHUNK_BITS) + i);
		t->empty_count += c->used == 0;
	}
	if (c->used < CHUNK_SLOTS)
		list_add(t, n);
}

void slots_adopt(struct inode_table *t)
{
	uint32_t count = t->state->chunk_count;

	if (count > CHUNK_MAX) {
		count = CHUNK_MAX;
		t->state->chunk_count = count;
	}
	t->slot_count = count << CHUNK_BITS;
	for (uint32_t n = count; n-- > 0;)
		adopt_chunk(t, n);
}
