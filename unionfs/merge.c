/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/merge.h"

#include <errno.h>
#include <stdlib.h>

#include "unionfs/dir.h"
#include "unionfs/union.h"

#define FIRST_BITS 2
#define HASH_BITS  62		/* a cookie is a positive loff_t */
/* Names of equal hash get successive ones; more than this never happen. */
#define HASH_TWINS 8

void merge_cache_init(struct merge_cache *c, size_t max_bytes)
{
	*c = (struct merge_cache){ .max_bytes = max_bytes };
	c->newest.newer = c->newest.older = &c->newest;
	lock_init(&c->lock);
}

void merge_cache_done(struct merge_cache *c)
{
	lock_done(&c->lock);
}

struct merge *merge_new(void)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;

	m->bits = FIRST_BITS;
	m->buckets = calloc(1u << FIRST_BITS, sizeof(*m->buckets));
	m->bytes = sizeof(*m) + sizeof(*m->buckets) * (1u << FIRST_BITS);
	return m->buckets ? m : merge_free(m);
}

static void entry_free(struct merge_entry *e)
{
	free(e->layers);
	free(e);
}

struct merge *merge_free(struct merge *m)
{
	if (!m)
		return NULL;

	for (uint32_t i = 0; m->buckets && i < 1u << m->bits; i++) {
		for (struct merge_entry *e = m->buckets[i], *next; e; e = next) {
			next = e->next;
			entry_free(e);
		}
	}
	free(m->buckets);
	free(m);
	return NULL;
}

static uint64_t name_hash(const struct merge_cache *c, const char *text, size_t n)
{
	uint64_t hash = hash_bytes(&c->key, text, n) >> (64 - HASH_BITS);

	return hash > MERGE_COOKIE_FIRST ? hash : hash + MERGE_COOKIE_FIRST + 1;
}

static struct merge_entry **bucket_of(const struct merge *m, uint64_t hash)
{
	return &m->buckets[hash >> (HASH_BITS - m->bits)];
}

struct merge_entry *merge_find(const struct merge_cache *c, const struct merge *m,
			       const char *text)
{
	uint64_t hash = name_hash(c, text, strlen(text));
	struct merge_entry *e = *bucket_of(m, hash);

	while (e && e->hash < hash)
		e = e->next;
	while (e && e->hash < hash + HASH_TWINS && strcmp(e->text, text) != 0)
		e = e->next;
	return e && e->hash < hash + HASH_TWINS ? e : NULL;
}

/* Buckets split in two, each still sorted: appending keeps the order. */
static void grow(struct merge *m)
{
	unsigned bits = m->bits + 1;
	struct merge_entry **buckets = calloc(1u << bits, sizeof(*buckets));
	struct merge_entry **old = m->buckets;

	if (!buckets)
		return;		/* longer chains will do */

	for (uint32_t i = 0; i < 1u << m->bits; i++) {
		struct merge_entry **at[2] = { &buckets[2 * i],
					       &buckets[2 * i + 1] };

		for (struct merge_entry *e = old[i]; e; e = e->next) {
			unsigned half = (e->hash >> (HASH_BITS - bits)) & 1;

			*at[half] = e;
			at[half] = &e->next;
		}
		*at[0] = *at[1] = NULL;
	}
	free(old);
	m->buckets = buckets;
	m->bits = bits;
	m->bytes += sizeof(*buckets) << (bits - 1);
}

struct merge_entry *merge_add(const struct merge_cache *c, struct merge *m,
			      const char *text)
{
	size_t length = strlen(text);
	uint64_t hash = name_hash(c, text, length), first = hash;
	struct merge_entry *e, **at;

	if (m->count >= 1u << m->bits && m->bits < 30)
		grow(m);
	for (at = bucket_of(m, hash); *at && (*at)->hash <= hash; at = &(*at)->next) {
		if ((*at)->hash == hash)
			hash++;
	}
	if (hash - first >= HASH_TWINS || bucket_of(m, hash) != bucket_of(m, first))
		return NULL;
	e = calloc(1, sizeof(*e) + length + 1);
	if (!e)
		return NULL;

	e->hash = hash;
	e->length = length;
	memcpy(e->text, text, length);
	e->next = *at;
	*at = e;
	m->count++;
	m->bytes += sizeof(*e) + length + 1;
	return e;
}

void merge_remove(struct merge *m, struct merge_entry *e)
{
	struct merge_entry **at = bucket_of(m, e->hash);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	merge_set(m, e, 0);
	m->count--;
	merge_drop_layers(m, e);
	m->bytes -= sizeof(*e) + e->length + 1;
	free(e);
}

void merge_set(struct merge *m, struct merge_entry *e, unsigned flags)
{
	m->visible -= !!(e->flags & MERGE_VISIBLE);
	m->visible += !!(flags & MERGE_VISIBLE);
	e->flags = flags;
}

int merge_add_layer(struct merge *m, struct merge_entry *e, unsigned layer)
{
	unsigned count = e->layers ? e->layers[0] : 0;
	uint16_t *layers;

	if (count == 0) {
		layers = malloc(3 * sizeof(*layers));
		if (!layers)
			return -ENOMEM;
		layers[1] = e->layer;
		count = 1;
		m->bytes += 3 * sizeof(*layers);
	} else {
		layers = reallocarray(e->layers, count + 2, sizeof(*layers));
		if (!layers)
			return -ENOMEM;
		m->bytes += sizeof(*layers);
	}
	layers[++count] = layer;
	layers[0] = count;
	e->layers = layers;
	return 0;
}

void merge_drop_layers(struct merge *m, struct merge_entry *e)
{
	if (!e->layers)
		return;
	m->bytes -= (e->layers[0] + 1) * sizeof(*e->layers);
	free(e->layers);
	e->layers = NULL;
}

struct merge_entry *merge_next(const struct merge *m, uint64_t cookie)
{
	uint64_t i = cookie >> (HASH_BITS - m->bits);

	for (; i < 1u << m->bits; i++) {
		for (struct merge_entry *e = m->buckets[i]; e; e = e->next) {
			if (e->hash > cookie && (e->flags & MERGE_VISIBLE))
				return e;
		}
	}
	return NULL;
}

static void list_drop(struct merge *m)
{
	m->newer->older = m->older;
	m->older->newer = m->newer;
}

static void list_add(struct merge_cache *c, struct merge *m)
{
	m->newer = &c->newest;
	m->older = c->newest.older;
	m->older->newer = m;
	c->newest.older = m;
}

/*
 * Push out the tables not used for longest. Whose directory is busy is spared:
 * waiting for its lock here could be waiting for ourselves.
 */
static void shrink_locked(struct unionfs *u, struct merge_cache *c)
	REQUIRES(c->lock) NO_THREAD_SAFETY_ANALYSIS;
static void shrink_locked(struct unionfs *u, struct merge_cache *c)
{
	struct merge *m = c->newest.newer, *newer;

	for (; c->bytes > c->max_bytes && m != &c->newest; m = newer) {
		struct inode *victim = inode_at(&u->inodes, m->slot);

		newer = m->newer;
		if (!lock_try(&victim->lock))
			continue;
		list_drop(m);
		c->bytes -= m->bytes;
		victim->dir->merge = NULL;
		merge_free(m);
		lock_drop(&victim->lock);
	}
}

void merge_attach(struct unionfs *u, struct inode *inode, struct merge *m)
{
	struct merge_cache *c = &u->merges;

	lock_scope(&c->lock);
	m->slot = inode->slot;
	inode->dir->merge = m;
	list_add(c, m);
	c->bytes += m->bytes;
	shrink_locked(u, c);
}

void merge_touch(struct merge_cache *c, struct merge *m, size_t bytes_before)
{
	lock_scope(&c->lock);
	list_drop(m);
	list_add(c, m);
	c->bytes += m->bytes - bytes_before;
}

void merge_detach(struct merge_cache *c, struct inode *inode)
{
	struct merge *m = inode->dir->merge;

	lock_scope(&c->lock);
	if (!m)
		return;
	list_drop(m);
	c->bytes -= m->bytes;
	inode->dir->merge = merge_free(m);
}
