/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/fdcache.h - open descriptors of the layers' directories, a bounded number
 *
 * A descriptor that was given up is opened again through the parent's, one name at
 * a time: nothing resolves a path from a layer's root but a redirect.
 */
#pragma once

#include <stdint.h>

#include "unionfs/inode.h"

struct unionfs;

struct dirfd {
	int fd;
	uint32_t slot;
	uint16_t layer;
	bool is_dead;		/* the directory is gone: close at the last put */
	uint32_t pins;
	struct dirfd *next;	/* in its bucket */
	struct dirfd *newer, *older;
};

struct fdcache {
	struct lock lock;
	struct dirfd **buckets;
	unsigned mask;
	unsigned count, max;
	struct dirfd newest;	/* ends of the list of all; .older and .newer */
};

/** fdcache_init() - room for @max descriptors; 0 or -ENOMEM */
int fdcache_init(struct fdcache *c, unsigned max);
void fdcache_done(struct fdcache *c);

/**
 * fdcache_get() - a descriptor of a directory's part
 * @ret:	pinned until fdcache_put()
 *
 * The inode table must not be held. Return: 0; -ESTALE if the directory has no such
 * part; any open(2) error.
 */
int fdcache_get(struct unionfs *u, struct inode *dir, unsigned layer,
		struct dirfd **ret);
void fdcache_put(struct fdcache *c, struct dirfd *d);

/** fdcache_forget() - the slot will mean another directory */
void fdcache_forget(struct fdcache *c, uint32_t slot);

struct dirfd_ref {
	struct fdcache *cache;
	struct dirfd *d;
};

static inline void cleanup_dirfd_(struct dirfd_ref *ref)
{
	if (ref->d)
		fdcache_put(ref->cache, ref->d);
}

#define cleanup_dirfd __attribute__((cleanup(cleanup_dirfd_)))
