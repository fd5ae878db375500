/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/lookup.h - from a name in a directory of the union to an inode */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "unionfs/inode.h"
#include "unionfs/merge.h"

struct found {
	bool is_visible;	/* the union shows the name */
	bool is_below;		/* so do the lower layers, the upper left aside */
	bool is_whiteout;	/* the upper holds a whiteout of it */
	bool has_stx;		/* .stx was needed to know */
	uint8_t type;		/* DT_* */
	uint16_t layer;		/* that provides it */
	struct merge_entry *entry; /* in the directory's table; NULL: none, or no table */
	struct statx stx;
};

/**
 * dir_find() - what the layers say about a name
 *
 * Settles the directory. No system call if it has a table of names; with one part
 * only it gets one when it was asked a few times.
 *
 * Return: 0, also if the name is not there; -errno.
 */
int dir_find(struct unionfs *u, struct inode *dir, const char *name,
	     struct found *ret) REQUIRES(dir->lock);

/** dir_table() - make sure that a directory has its table of names; 0 or -errno */
int dir_table(struct unionfs *u, struct inode *dir) REQUIRES(dir->lock);

/** found_entry() - the same answer for a name of the table */
void found_entry(struct merge_entry *entry, struct found *ret);

/**
 * lookup_found() - the inode of a name that dir_find() found visible
 * @found:	.stx is filled
 * @ret:	counted: give back with inode_forget(..., 1)
 */
int lookup_found(struct unionfs *u, struct inode *dir, const char *name,
		 struct found *found, struct inode **ret) REQUIRES(dir->lock);

/**
 * lookup_named() - lookup_child() for who need not see the attributes
 *
 * @found has them only for a lower object that is no directory, where there is an
 * index of hard links.
 */
int lookup_named(struct unionfs *u, struct inode *dir, const char *name,
		 struct found *found, struct inode **ret) REQUIRES(dir->lock);

/** lookup_child() - dir_find() and lookup_found(); -ENOENT if it is not visible */
int lookup_child(struct unionfs *u, struct inode *dir, const char *name,
		 struct found *found, struct inode **ret) REQUIRES(dir->lock);

/**
 * lookup_new() - the inode of an object that was just made in the upper
 * @stx:	of the object
 */
int lookup_new(struct unionfs *u, struct inode *dir, const char *name,
	       const struct statx *stx, struct inode **ret) REQUIRES(dir->lock);

/**
 * lookup_nameless() - the inode of a new object that has no name
 * @take_fd:	holds it; closed on failure
 */
int lookup_nameless(struct unionfs *u, const struct statx *stx, int take_fd,
		    struct inode **ret);
