/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/name.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_NAME_HEADS 1024

static struct name **name_head(struct inode_table *t, uint32_t parent,
			       const char *text)
{
	uint64_t hash = hash_bytes(&t->state->key, text, strlen(text));

	hash += (uint64_t)parent * 0x9e3779b97f4a7c15ULL;
	return &t->name_heads[(hash >> 20) & t->name_mask];
}

int names_init(struct inode_table *t)
{
	t->name_heads = calloc(FIRST_NAME_HEADS, sizeof(struct name *));
	t->name_mask = FIRST_NAME_HEADS - 1;
	return t->name_heads ? 0 : -ENOMEM;
}

void names_done(struct inode_table *t)
{
	free(t->name_heads);
	t->name_heads = NULL;
}

static void hash_link(struct inode_table *t, struct name *name)
{
	struct name **head = name_head(t, name->parent, name->text);

	name->hash_next = *head;
	*head = name;
}

static void hash_unlink(struct inode_table *t, struct name *name)
{
	struct name **at = name_head(t, name->parent, name->text);

	if (name->is_gone)
		return;
	while (*at != name)
		at = &(*at)->hash_next;
	*at = name->hash_next;
}

static void inode_unlink(struct inode_table *t, struct name *name)
{
	struct name **at = &inode_at(t, name->inode)->names;

	while (*at != name)
		at = &(*at)->inode_next;
	*at = name->inode_next;
}

static void names_grow(struct inode_table *t)
{
	uint32_t old_count = t->name_mask + 1;
	struct name **old = t->name_heads;
	struct name **heads = calloc(2 * old_count, sizeof(struct name *));

	if (!heads)
		return;		/* longer chains will do */

	t->name_heads = heads;
	t->name_mask = 2 * old_count - 1;
	for (uint32_t i = 0; i < old_count; i++) {
		for (struct name *n = old[i], *next; n; n = next) {
			next = n->hash_next;
			hash_link(t, n);
		}
	}
	free(old);
}

struct name *name_find(struct inode_table *t, uint32_t parent, const char *text)
{
	struct name *n = *name_head(t, parent, text);

	while (n && (n->parent != parent || strcmp(n->text, text) != 0))
		n = n->hash_next;
	return n;
}

struct name *name_find_other(struct inode_table *t, uint32_t parent,
			     const char *text, const struct inode *except)
{
	struct name *n = *name_head(t, parent, text);

	while (n && (n->parent != parent || strcmp(n->text, text) != 0 ||
		     (except && n->inode == except->slot)))
		n = n->hash_next;
	return n;
}

struct name *name_live(const struct inode *inode, unsigned layer)
{
	struct name *any = NULL;

	for (struct name *n = inode->names; n; n = n->inode_next) {
		if (n->is_gone)
			continue;
		if (n->layer == layer)
			return n;
		any = any ? any : n;
	}
	return any;
}

struct name *name_of(const struct inode *inode, unsigned layer)
{
	struct name *gone = NULL;

	for (struct name *n = inode->names; n; n = n->inode_next) {
		if (n->layer != layer)
			continue;
		if (!n->is_gone)
			return n;
		gone = n;
	}
	return gone;
}

bool name_is_sane(const struct inode_table *t, const struct name *name)
{
	return name->length > 0 &&
	       sizeof(*name) + name->length < store_size(&t->store, name) &&
	       strnlen(name->text, name->length + 1) == name->length;
}

void names_link(struct inode_table *t, struct name *name)
{
	struct inode *inode = inode_at(t, name->inode);

	name->inode_next = inode->names;
	inode->names = name;
	inode_hold(t, inode_at(t, name->parent));
	if (!name->is_gone)
		hash_link(t, name);
	if (++t->name_count > 2 * t->name_mask)
		names_grow(t);
}

struct name *name_add(struct inode_table *t, struct inode *parent,
		      const char *text, struct inode *inode, unsigned layer)
{
	size_t length = strlen(text);
	struct name *n = store_alloc(&t->store, STORE_NAME,
				     sizeof(*n) + length + 1);

	if (!n)
		return NULL;

	*n = (struct name){ .parent = parent->slot,
			    .inode = inode->slot,
			    .layer = layer };
	memcpy(n->text, text, length + 1);
	__atomic_store_n(&n->length, length, __ATOMIC_RELEASE);
	names_link(t, n);
	return n;
}

void names_unlink(struct inode_table *t, struct name *name)
{
	hash_unlink(t, name);
	inode_unlink(t, name);
	t->name_count--;
	__atomic_store_n(&name->length, 0, __ATOMIC_RELEASE);
	store_free(&t->store, name);
}

void name_remove(struct inode_table *t, struct name *name)
{
	struct inode *parent = inode_at(t, name->parent);

	if (name->layer != 0) {
		hash_unlink(t, name);
		name->is_gone = true;
		return;
	}
	names_unlink(t, name);
	inode_put_locked(t, parent);
}

int name_move(struct inode_table *t, struct name *name, struct inode *parent,
	      const char *text)
{
	struct inode *old = inode_at(t, name->parent);

	if (!name_add(t, parent, text, inode_at(t, name->inode), name->layer))
		return -ENOMEM;

	names_unlink(t, name);
	inode_put_locked(t, old);
	return 0;
}
