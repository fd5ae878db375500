/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/dir.h - which layers a directory of the union is made of
 *
 * How it works. A directory has a part in each layer that really contains it, top
 * first. A part is found through the parent's part in the same layer, by the
 * directory's name or by another one, or by a path from the layer's root: a
 * redirect bends the way. A new directory's parts are candidates, layers whose
 * listing has a directory of that name; dir_settle() reads the marks of each
 * (opaque, redirect) and leaves those that count.
 *
 * Parts change under the directory's lock and the inode table's together, so
 * either is enough to read them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "unionfs/inode.h"

struct merge;
struct unionfs;

struct part {
	uint16_t layer;
	bool has_xattr_whiteouts;
	char *path;		/* owned. NULL: as named in the parent's part; else a
				   name there, or a path "/..." from the layer's root */
};

struct dir {
	struct part *parts;
	uint16_t count;
	bool is_settled;
	bool is_impure;		/* the upper part may hold copied-up objects */
	bool is_removed;
	uint8_t lookups;	/* answered without a table */
	char *redirect;		/* owned; stored at the upper part; NULL: none */
	struct merge *merge;	/* table of names, or NULL */
};

/**
 * dir_new() - for an inode whose candidate parts are in these layers
 * @layers:	top first; NULL leaves that to be filled in
 *
 * Return: NULL without memory.
 */
struct dir *dir_new(const uint16_t *layers, unsigned count);
struct dir *dir_free(struct dir *dir);

/** dir_part() - the part in a layer, or NULL */
struct part *dir_part(const struct dir *dir, unsigned layer);

static inline bool dir_has_upper(const struct dir *dir)
{
	return dir->count > 0 && dir->parts[0].layer == 0;
}

/** dir_has_lower() - is anything of it below the upper layer */
static inline bool dir_has_lower(const struct dir *dir)
{
	return dir->count > dir_has_upper(dir);
}

/** dir_settle() - find out which candidates count; 0 or -errno */
int dir_settle(struct unionfs *u, struct inode *inode) REQUIRES(inode->lock);

/** dir_cut() - what is below the first @count parts is hidden */
void dir_cut(struct unionfs *u, struct inode *inode, unsigned count)
	REQUIRES(inode->lock);

/** dir_add_upper() - it was copied up; 0 or -ENOMEM */
int dir_add_upper(struct inode_table *t, struct inode *inode)
	REQUIRES(t->lock, inode->lock);

/** dir_drop_upper() - it was not copied up after all */
void dir_drop_upper(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock);

/**
 * dir_layer_path() - where a part lies in its layer: "/a/b"; freed by the caller
 *
 * Return: 0; -ENAMETOOLONG; -ENOMEM.
 */
int dir_layer_path(struct inode_table *t, const struct inode *inode,
		   unsigned layer, char **ret_path) REQUIRES_SHARED(t->lock);

/**
 * dir_union_path() - the path that a redirect to this place must name: names from
 *	the root, but what is redirected by where its redirect leads
 * @name:	a name in the directory
 */
int dir_union_path(struct inode_table *t, const struct inode *dir,
		   const char *name, char **ret_path) REQUIRES_SHARED(t->lock);

/**
 * dir_freeze() - find the lower parts by path from now on: the directory moves
 *
 * Return: 0; -ENOMEM, -ENAMETOOLONG with nothing changed.
 */
int dir_freeze(struct inode_table *t, struct inode *inode)
	REQUIRES(t->lock, inode->lock);
