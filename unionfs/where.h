/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/where.h - reaching an object in its layer: a directory descriptor, one name
 */
#pragma once

#include <sys/stat.h>

#include "unionfs/fdcache.h"
#include "unionfs/inode.h"
#include "unionfs/origin.h"

struct where {
	int dir_fd;		/* lent */
	const char *name;	/* "": @dir_fd is the object; lent, under inode.lock */
	struct dirfd_ref ref;
	char index_name[2 * ORIGIN_MAX + 1];
};

static inline void where_done_(struct where *w)
{
	cleanup_dirfd_(&w->ref);
}

#define cleanup_where __attribute__((cleanup(where_done_)))
#define WHERE_INIT    { .dir_fd = -1 }

/**
 * where_find() - where the object is that provides an inode's attributes
 *
 * Return: 0; -ESTALE if it cannot be reached any more; any open(2) error.
 */
int where_find(struct unionfs *u, struct inode *inode, struct where *ret)
	REQUIRES(inode->lock);

/** where_stat() - statx(2) of it, with the number of links to show; 0 or -errno */
int where_stat(struct unionfs *u, struct inode *inode, struct statx *ret_stx)
	REQUIRES(inode->lock);

/** where_origin() - the record of the lower object that an inode has a name of */
int where_origin(struct unionfs *u, struct inode *inode, struct origin *ret)
	REQUIRES(inode->lock);

/** where_nlink() - put the number of links to show into @stx */
void where_nlink(struct unionfs *u, const struct inode *inode,
		 const struct where *w, struct statx *stx);

/** stat_in() - attributes of an object of a layer, as that layer keeps them; 0 or -errno */
int stat_in(struct unionfs *u, unsigned layer, int dir_fd, const char *name,
	    struct statx *ret_stx);

/** stat_at() - what the disk itself says: type on disk, size, times, links */
int stat_at(int dir_fd, const char *name, struct statx *ret_stx);
