/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/union.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "unionfs/dir.h"
#include "unionfs/where.h"

#define MERGE_BYTES_MAX	 (64 * 1024 * 1024)
#define DIRFDS_MAX	 1024
#define BACKINGS_MAX	 1024
#define POOL_THREADS	 4
#define NOTIFIER_THREADS 2

int union_dev(struct unionfs *u, dev_t dev)
{
	unsigned i, count = u->dev_count;

	for (i = 0; i < count; i++) {
		if (u->devs[i] == dev)
			return i;
	}
	lock_scope(&u->dev_lock);
	for (; i < u->dev_count; i++) {
		if (u->devs[i] == dev)
			return i;
	}
	if (i == DEV_COUNT_MAX)
		return -ENFILE;
	u->devs[i] = dev;
	u->dev_count = i + 1;
	return i;
}

int union_key(struct unionfs *u, const struct statx *stx, struct inode_key *ret_key)
{
	int dev = union_dev(u, makedev(stx->stx_dev_major, stx->stx_dev_minor));

	if (dev < 0)
		return dev;
	ret_key->ino = stx->stx_ino;
	ret_key->dev = dev;
	return 0;
}

/*
 * Objects of the first device keep their number. Others get the device's index in
 * the high bits; numbers that use those bits themselves are hashed with it.
 */
uint64_t union_ino(const struct inode_key *key)
{
	uint64_t x = key->ino;

	if (key->dev == 0)
		return x;
	if (x >> 48 == 0)
		return x | (uint64_t)key->dev << 48;

	x ^= (uint64_t)key->dev * 0x9e3779b97f4a7c15ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	return x | 1ULL << 63;
}

static void release(void *arg, struct inode *inode)
{
	struct unionfs *u = arg;

	data_release(&u->data, inode);
	if (!inode->dir)
		return;
	merge_detach(&u->merges, inode);
	fdcache_forget(&u->fds, inode->slot);
	inode->dir = dir_free(inode->dir);
}

static int take_layers(struct unionfs *u)
{
	struct layers *l = &u->opened;
	unsigned n = 1;

	u->layer_count = 1 + l->lower_count + l->data_count;
	u->merged_count = 1 + l->lower_count;
	u->layers = calloc(u->layer_count, sizeof(*u->layers));
	if (!u->layers)
		return -ENOMEM;

	u->layers[LAYER_TOP] = l->upper;
	u->work = l->work;
	for (size_t i = 0; i < l->lower_count + l->data_count; i++)
		u->layers[n++] = l->lowers[i];

	/* In a fixed order, so that numbers are the same after a remount. */
	for (unsigned i = l->upper ? 0 : 1; i < u->layer_count; i++) {
		int dev = union_dev(u, layer_traits(u->layers[i])->dev);

		if (dev < 0)
			return dev;
	}
	return 0;
}

static int make_root(struct unionfs *u)
{
	unsigned first = u->work ? 0 : 1, count = u->merged_count - first;
	uint16_t *layers = calloc(count, sizeof(*layers));
	struct inode *root = union_root(u);
	struct inode_key key;
	struct statx stx;
	int r;

	if (!layers)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		layers[i] = first + i;
	root->dir = dir_new(layers, count);
	free(layers);
	if (!root->dir)
		return -ENOMEM;
	root->layer = first;

	/* The number is that of the first lower layer, copied up or not. */
	r = stat_at(layer_root_fd(u->layers[1]), "", &stx);
	if (r == 0)
		r = union_key(u, &stx, &key);
	if (r < 0)
		return r;
	root->st_ino = union_ino(&key);
	rwlock_write_scope(&u->inodes.lock);
	inode_hash(&u->inodes, root, key);
	return 0;
}

/* A share of the descriptors there may be: the layers and others need some too. */
static unsigned fd_share(unsigned wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < wanted)
		return limit.rlim_cur / 4;
	return wanted;
}

int union_open(const struct options *options, struct unionfs **ret_union,
	       struct opt_error *error)
{
	struct unionfs *u = calloc(1, sizeof(*u));
	struct hash_key key;
	int r = -ENOMEM;

	if (!u)
		return -ENOMEM;

	u->options = options;
	u->ns = options_ns(options);
	u->can_open_handles = geteuid() == 0 && u->ns == OVERLAY_TRUSTED;
	lock_init(&u->dev_lock);
	lock_init(&u->rename);
	lock_init(&u->copying);
	passthrough_init(&u->passthrough);
	pthread_cond_init(&u->copying_done, NULL);
	if (getrandom(&key, sizeof(key), 0) != sizeof(key))
		key = (struct hash_key){ { 1, 2 } };
	data_init(&u->data, fd_share(BACKINGS_MAX));
	merge_cache_init(&u->merges, &key, MERGE_BYTES_MAX);
	u->pool = pool_new(POOL_THREADS);
	u->notifier = pool_new(NOTIFIER_THREADS);
	if (u->pool && u->notifier && fdcache_init(&u->fds, fd_share(DIRFDS_MAX)) == 0 &&
	    inode_table_init(&u->inodes, &key, release, u) == 0)
		r = layers_open(options, &u->opened, error);
	if (r == 0)
		r = take_layers(u);
	if (r == 0)
		r = make_root(u);
	if (r < 0) {
		if (!error->text[0])
			opt_error_set(error, "cannot set up the union: %s",
				      strerror(-r));
		union_close(u);
		return r;
	}
	*ret_union = u;
	return 0;
}

struct unionfs *union_close(struct unionfs *u)
{
	if (!u)
		return NULL;

	u->notifier = pool_free(u->notifier);
	u->pool = pool_free(u->pool);
	if (u->inodes.chunks)
		inode_table_done(&u->inodes);
	if (u->fds.buckets)
		fdcache_done(&u->fds);
	data_done(&u->data);
	merge_cache_done(&u->merges);
	layers_close(&u->opened);
	free(u->layers);
	pthread_cond_destroy(&u->copying_done);
	passthrough_done(&u->passthrough);
	lock_done(&u->copying);
	lock_done(&u->rename);
	lock_done(&u->dev_lock);
	free(u);
	return NULL;
}
