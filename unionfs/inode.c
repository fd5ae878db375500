/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/inode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unionfs/dir_record.h"
#include "unionfs/inode_slots.h"
#include "unionfs/name.h"

#define NO_SLOT	    UINT32_MAX
#define FIRST_HEADS 1024
#define MANY	    4096	/* inodes whose memory is worth giving back */

struct inode *inode_at(struct inode_table *t, uint32_t slot)
{
	return &t->inodes[slot];
}

bool inode_is_live(struct inode_table *t, uint32_t slot)
{
	return slot < t->slot_count && t->inodes[slot].type != DT_UNKNOWN;
}

static uint32_t *heads_new(uint32_t count)
{
	uint32_t *heads = malloc(count * sizeof(*heads));

	if (heads)
		memset(heads, 0xff, count * sizeof(*heads));
	return heads;
}

/* Finalizer of murmur3: inode numbers come in runs, buckets must not. */
static uint32_t key_hash(uint64_t ino, uint16_t dev)
{
	uint64_t x = ino ^ (uint64_t)dev << 48;

	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	return (uint32_t)x;
}

static uint32_t *real_head(struct inode_table *t, const struct inode *inode)
{
	return &t->real_heads[key_hash(inode->real_ino, inode->real_dev) &
			      t->head_mask];
}

static uint32_t *origin_head(struct inode_table *t, const struct inode *inode)
{
	return &t->origin_heads[key_hash(inode->origin_ino, inode->origin_dev) &
				t->head_mask];
}

static void real_link(struct inode_table *t, struct inode *inode)
{
	uint32_t *head = real_head(t, inode);

	inode->real_next = *head;
	*head = inode->slot;
}

static void origin_link(struct inode_table *t, struct inode *inode)
{
	uint32_t *head = origin_head(t, inode);

	inode->origin_next = *head;
	*head = inode->slot;
}

static void real_unlink(struct inode_table *t, struct inode *inode)
{
	uint32_t *at = real_head(t, inode);

	if (!inode_has(inode, INODE_HASHED))
		return;
	while (*at != inode->slot)
		at = &inode_at(t, *at)->real_next;
	*at = inode->real_next;
	inode->flags &= ~INODE_HASHED;
}

static void origin_unlink(struct inode_table *t, struct inode *inode)
{
	uint32_t *at = origin_head(t, inode);

	if (!inode_has(inode, INODE_ALIASED))
		return;
	while (*at != inode->slot)
		at = &inode_at(t, *at)->origin_next;
	*at = inode->origin_next;
	inode->flags &= ~INODE_ALIASED;
}

struct inode *inode_find(struct inode_table *t, struct inode_key key)
{
	uint32_t bucket = key_hash(key.ino, key.dev) & t->head_mask;
	struct inode *inode;
	uint32_t slot;

	for (slot = t->real_heads[bucket]; slot != NO_SLOT;
	     slot = inode->real_next) {
		inode = inode_at(t, slot);
		if (inode->real_ino == key.ino && inode->real_dev == key.dev)
			return inode;
	}
	for (slot = t->origin_heads[bucket]; slot != NO_SLOT;
	     slot = inode->origin_next) {
		inode = inode_at(t, slot);
		if (inode->origin_ino == key.ino &&
		    inode->origin_dev == key.dev)
			return inode;
	}
	return NULL;
}

/* Twice the heads, with nothing in them; false, and nothing done, without memory. */
static bool heads_double(struct inode_table *t)
{
	uint32_t count = 2 * (t->head_mask + 1);
	uint32_t *real = heads_new(count), *origin = heads_new(count);

	if (!real || !origin) {
		free(real);
		free(origin);
		return false;
	}
	free(t->real_heads);
	free(t->origin_heads);
	t->real_heads = real;
	t->origin_heads = origin;
	t->head_mask = count - 1;
	return true;
}

/* Without memory the chains just get longer. */
static void heads_grow(struct inode_table *t)
{
	if (!heads_double(t))
		return;
	for (uint32_t i = 0; i < t->slot_count; i++) {
		struct inode *inode = inode_at(t, i);

		if (inode_has(inode, INODE_HASHED))
			real_link(t, inode);
		if (inode_has(inode, INODE_ALIASED))
			origin_link(t, inode);
	}
}

/* ---- the table ---- */

/* What init and adoption have in common. */
static int table_begin(struct inode_table *t, struct state *state,
		       void (*release)(void *arg, struct inode *inode),
		       void *release_arg)
{
	*t = (struct inode_table){ .state = state,
				   .inodes = state_inodes(state),
				   .head_mask = FIRST_HEADS - 1,
				   .release = release,
				   .release_arg = release_arg };
	rwlock_init(&t->lock);
	t->real_heads = heads_new(FIRST_HEADS);
	t->origin_heads = heads_new(FIRST_HEADS);
	if (!t->real_heads || !t->origin_heads || slots_init(t) < 0 ||
	    names_init(t) < 0)
		return -ENOMEM;
	return store_init(&t->store, state_pages(state), STATE_PAGE_MAX,
			  &state->page_count);
}

int inode_table_init(struct inode_table *t, struct state *state,
		     void (*release)(void *arg, struct inode *inode),
		     void *release_arg)
{
	struct inode *root;
	int r = table_begin(t, state, release, release_arg);

	if (r < 0)
		return r;
	rwlock_write_scope(&t->lock);
	root = inode_new(t, DT_DIR);
	if (!root)
		return -ENOMEM;

	root->nlookup = 1;
	return 0;
}

/* A name whose parent and inode are there gets its place in the lists again. */
static void adopt_name(void *table, void *block)
{
	struct inode_table *t = table;
	struct name *name = block;

	rwlock_assert_held(&t->lock);	/* by inode_table_adopt() */
	if (!name_is_sane(t, name) || !inode_is_live(t, name->inode) ||
	    !inode_is_live(t, name->parent) ||
	    inode_at(t, name->parent)->type != DT_DIR)
		store_free(&t->store, name);
	else
		names_link(t, name);
}

/* Without a name nothing but a descriptor of the holder's leads to it. */
static bool is_lost(const struct inode *inode)
{
	return inode->slot != 0 && !inode->names && !inode->place;
}

static void adopt_inode(struct inode_table *t, struct inode *inode)
	REQUIRES(t->lock)
{
	bool is_hashed = inode_has(inode, INODE_HASHED);
	bool is_aliased = inode_has(inode, INODE_ALIASED);

	inode->flags &= ~(INODE_HASHED | INODE_ALIASED);
	if (is_hashed)
		inode_hash(t, inode, inode_real(inode));
	if (is_aliased)
		inode_alias(t, inode,
			    (struct inode_key){ inode->origin_ino,
						inode->origin_dev });
}

int inode_table_adopt(struct inode_table *t, struct state *state,
		      void (*release)(void *arg, struct inode *inode),
		      void *release_arg)
{
	int r = table_begin(t, state, release, release_arg);

	if (r < 0)
		return r;
	rwlock_write_scope(&t->lock);
	slots_adopt(t);
	if (!inode_is_live(t, 0) || inode_at(t, 0)->type != DT_DIR)
		return -EPROTO;
	/* Before anything is linked: the flags still say what the last worker did. */
	while (t->live_count > t->head_mask && heads_double(t))
		;
	/* That has linked what is linked below. */
	memset(t->real_heads, 0xff, (t->head_mask + 1) * sizeof(*t->real_heads));
	memset(t->origin_heads, 0xff, (t->head_mask + 1) * sizeof(*t->origin_heads));
	store_walk(&t->store, STORE_NAME, adopt_name, t);
	for (uint32_t i = 0; i < t->slot_count; i++) {
		if (inode_is_live(t, i))
			adopt_inode(t, inode_at(t, i));
	}
	for (uint32_t i = 0; i < t->slot_count; i++) {
		struct inode *inode = inode_at(t, i);

		if (inode_is_live(t, i) && is_lost(inode))
			inode->nlookup = 0;
		if (inode_is_live(t, i))
			inode_drop_unused(t, inode);
	}
	return 0;
}

void inode_table_done(struct inode_table *t)
{
	if (!t->state)
		return;
	for (uint32_t i = 0; i < t->slot_count; i++) {
		struct inode *inode = inode_at(t, i);

		if (inode->type != DT_UNKNOWN)
			t->release(t->release_arg, inode);
	}
	slots_done(t);
	free(t->real_heads);
	free(t->origin_heads);
	names_done(t);
	store_done(&t->store);
	rwlock_done(&t->lock);
	t->state = NULL;
}

static struct inode *by_node_id(struct inode_table *t, uint64_t id)
	REQUIRES_SHARED(t->lock)
{
	uint32_t slot = (uint32_t)id - 1;
	struct inode *inode;

	if ((uint32_t)id == 0 || slot >= t->slot_count)
		return NULL;

	inode = inode_at(t, slot);
	if (inode->type == DT_UNKNOWN ||
	    inode->generation - (uint32_t)(id >> 32) > inode->older_ids)
		return NULL;
	return inode;
}

struct inode *inode_by_node_id(struct inode_table *t, uint64_t id)
{
	rwlock_read_scope(&t->lock);
	return by_node_id(t, id);
}

void inode_renew(struct inode_table *t, struct inode *inode)
{
	(void)t;
	inode->older_ids++;
	inode->generation++;
}

struct inode *inode_new(struct inode_table *t, uint8_t type)
{
	struct inode *inode = slot_take(t);

	if (!inode)
		return NULL;

	inode->nlookup = 0;
	inode->fd = -1;
	inode->place = 0;
	inode->flags = 0;
	inode->refs = 0;
	inode->names = NULL;
	inode->dir = NULL;
	inode->dir_ref = 0;
	inode->backing = NULL;
	inode->cached_opens = inode->passed_opens = 0;
	inode->backing_id = 0;
	inode->passes_below = inode->passes_as_root = false;
	inode->mappers = 0;
	inode->older_ids = 0;
	__atomic_store_n(&inode->type, type, __ATOMIC_RELEASE);
	if (++t->live_count > t->head_mask)
		heads_grow(t);
	if (t->live_count > t->most_count)
		t->most_count = t->live_count;
	return inode;
}

static void inode_free(struct inode_table *t, struct inode *inode)
	REQUIRES(t->lock)
{
	uint32_t dir_ref;

	real_unlink(t, inode);
	origin_unlink(t, inode);
	t->release(t->release_arg, inode);
	if (inode->fd >= 0)
		close(inode->fd);
	inode->fd = -1;
	/* Never again, whoever comes upon the slot: not even if we die now. */
	inode->generation++;
	__atomic_store_n(&inode->type, DT_UNKNOWN, __ATOMIC_RELEASE);
	dir_ref = inode->dir_ref;
	inode->dir_ref = 0;
	dir_discard(t, dir_ref);
	slot_give(t, inode);
	t->live_count--;
}

/*
 * Frees the inode if nothing keeps it. Its names go with it, and each may have
 * been what kept its parent: a name at a time, so that a chain of a thousand
 * directories needs no stack.
 */
void inode_drop_unused(struct inode_table *t, struct inode *inode)
{
	while (inode && inode->refs == 0 && inode->nlookup == 0) {
		struct inode *parent = NULL;

		while (inode->names) {
			struct inode *p = inode_at(t, inode->names->parent);

			names_unlink(t, inode->names);
			if (--p->refs > 0 || p->nlookup > 0)
				continue;
			if (parent)
				inode_drop_unused(t, parent);
			parent = p;
		}
		inode_free(t, inode);
		inode = parent;
	}
}

void inode_hash(struct inode_table *t, struct inode *inode, struct inode_key key)
{
	real_unlink(t, inode);
	inode->real_ino = key.ino;
	inode->real_dev = key.dev;
	real_link(t, inode);
	inode->flags |= INODE_HASHED;
}

void inode_alias(struct inode_table *t, struct inode *inode, struct inode_key key)
{
	origin_unlink(t, inode);
	inode->origin_ino = key.ino;
	inode->origin_dev = key.dev;
	origin_link(t, inode);
	inode->flags |= INODE_ALIASED;
}

void inode_hold(struct inode_table *t, struct inode *inode)
{
	(void)t;
	inode->refs++;
}

void inode_put_locked(struct inode_table *t, struct inode *inode)
{
	inode->refs--;
	inode_drop_unused(t, inode);
}

void inode_put(struct inode_table *t, struct inode *inode)
{
	rwlock_write_scope(&t->lock);
	inode_put_locked(t, inode);
}

bool inode_table_has_shrunk(struct inode_table *t)
{
	bool has_shrunk;

	rwlock_take_read(&t->lock);
	has_shrunk = t->most_count > MANY && t->live_count < t->most_count / 4;
	rwlock_drop_read(&t->lock);
	if (!has_shrunk)
		return false;

	/* Another thread may have been quicker, and said so. */
	rwlock_write_scope(&t->lock);
	has_shrunk = t->live_count < t->most_count / 4;
	t->most_count = t->live_count;
	return has_shrunk;
}

bool inode_table_is_above(struct inode_table *t, uint32_t count)
{
	rwlock_read_scope(&t->lock);
	return t->live_count > count;
}

void inode_forget(struct inode_table *t, uint64_t id, uint64_t n)
{
	struct inode *inode;

	/* Found under the lock: a successor may let it go at the same time. */
	rwlock_write_scope(&t->lock);
	inode = by_node_id(t, id);
	if (!inode || id == INODE_ROOT_ID)
		return;
	inode->nlookup -= n < inode->nlookup ? n : inode->nlookup;
	inode_drop_unused(t, inode);
}
