/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/where.h - reaching an object in its layer: a directory descriptor, one name
 */
#pragma once

#include <sys/stat.h>

#include "unionfs/fdcache.h"
#include "unionfs/inode.h"

struct where {
	int dir_fd;		/* lent */
	const char *name;	/* "": @dir_fd is the object; lent, under inode.lock */
	struct dirfd_ref ref;
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

/** where_stat() - statx(2) of it; 0 or -errno */
int where_stat(struct unionfs *u, struct inode *inode, struct statx *ret_stx)
	REQUIRES(inode->lock);

/** stat_at() - statx(2) of an object of a layer; 0 or -errno */
int stat_at(int dir_fd, const char *name, struct statx *ret_stx);
