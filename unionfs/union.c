/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/union.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/nameless.h"
#include "unionfs/recover.h"
#include "unionfs/where.h"

#define DIRFDS_MAX	 1024
#define BACKINGS_MAX	 1024
#define POOL_THREADS	 4
#define NOTIFIER_THREADS 2

int union_dev(struct unionfs *u, dev_t dev)
{
	struct state *s = u->state;
	unsigned i, count = s->dev_count;

	for (i = 0; i < count; i++) {
		if (s->devs[i] == dev)
			return i;
	}
	lock_scope(&u->dev_lock);
	for (; i < s->dev_count; i++) {
		if (s->devs[i] == dev)
			return i;
	}
	if (i == DEV_COUNT_MAX)
		return -ENFILE;
	s->devs[i] = dev;
	s->dev_count = i + 1;
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
	nameless_drop(u, inode);
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
	return 0;
}

/* In a fixed order, so that numbers are the same after a remount. */
static int number_devices(struct unionfs *u)
{
	for (unsigned i = u->work ? 0 : 1; i < u->layer_count; i++) {
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
	dir_save(&u->inodes, root);
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
	data_init(&u->data, fd_share(BACKINGS_MAX));
	merge_cache_init(&u->merges, options->table_bytes);
	u->pool = pool_new(POOL_THREADS);
	u->notifier = pool_new(NOTIFIER_THREADS);
	if (u->pool && u->notifier && fdcache_init(&u->fds, fd_share(DIRFDS_MAX)) == 0)
		r = layers_open(options, &u->opened, error);
	if (r == 0)
		r = take_layers(u);
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

/*
 * In a process with threads the kernel waits some milliseconds each time that the table
 * of descriptors grows: it grows now.
 */
static void provide_descriptors(void)
{
	int last = (int)fd_share(DIRFDS_MAX) + (int)fd_share(BACKINGS_MAX);
	cleanup_fd int fd = neg_errno(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, last));

	if (fd < 0)
		log_debug("cannot make room for %d descriptors: %s", last, strerror(-fd));
}

/* Which layers these are: a state speaks of them by their place in the list. */
static uint64_t layers_digest(const struct unionfs *u)
{
	static const struct hash_key key = { { 1, 2 } };
	uint64_t digest = u->layer_count * 65536 + u->merged_count;

	for (unsigned i = u->work ? 0 : 1; i < u->layer_count; i++) {
		struct stat st = { 0 };
		uint64_t words[3];

		if (fstat(layer_root_fd(u->layers[i]), &st) < 0)
			log_debug("layer %u cannot be looked at", i);
		words[0] = digest;
		words[1] = st.st_dev;
		words[2] = st.st_ino;
		digest = hash_bytes(&key, words, sizeof(words));
	}
	return digest;
}

static int start_first(struct unionfs *u)
{
	struct hash_key key;
	int r;

	if (getrandom(&key, sizeof(key), 0) != sizeof(key))
		key = (struct hash_key){ { 1, 2 } };
	state_init(u->state, &key, layers_digest(u));
	u->merges.key = key;
	r = inode_table_init(&u->inodes, u->state, release, u);
	if (r == 0)
		r = number_devices(u);
	if (r == 0)
		r = make_root(u);
	if (r == 0 && u->work)
		r = workdir_mark_volatile(u->work);
	if (r == 0)
		u->state->is_ready = true;
	return r;
}

int union_check(struct unionfs *u, const void *memory, size_t bytes)
{
	int r = state_check(memory, bytes, layers_digest(u));

	if (r == -EPROTO)
		log_error("this version cannot read what the running one remembers of its files\nIt goes on as it is. Unmount and mount again to use this version.");
	if (r == -ESTALE)
		log_error("the layers are not those that the running union has\nIt goes on as it is. Unmount and mount again to change them.");
	return r;
}

/* Every directory needs its parts, or it is of no use. */
static int load_dirs(struct unionfs *u)
{
	struct inode_table *t = &u->inodes;

	rwlock_write_scope(&t->lock);
	for (uint32_t i = 0; i < t->slot_count; i++) {
		struct inode *inode = inode_at(t, i);

		if (!inode_is_live(t, i) || !inode_is_dir(inode) ||
		    dir_load(t, inode) == 0)
			continue;
		/* Its place in the tree stays, but nothing is in it. */
		inode->dir = dir_new(NULL, 0);
		if (!inode->dir)
			return -ENOMEM;
		inode->dir->is_removed = true;
	}
	return 0;
}

static int start_next(struct unionfs *u)
{
	int r;

	/* The first worker may have died before it had set everything up. */
	if (!u->state->is_ready) {
		memset((void *)u->state, 0, sizeof(*u->state));
		return start_first(u);
	}
	u->merges.key = u->state->key;
	r = inode_table_adopt(&u->inodes, u->state, release, u);
	if (r < 0)
		return r;
	r = load_dirs(u);
	if (r >= 0)
		r = dir_sweep(&u->inodes);
	if (r >= 0)
		nameless_adopt(u);
	if (r >= 0 && u->work)
		recover(u);
	return r;
}

int union_start(struct unionfs *u, void *memory, bool is_first)
{
	int r;

	provide_descriptors();
	u->state = memory;
	r = is_first ? start_first(u) : start_next(u);
	if (r < 0)
		log_error("cannot set up the union: %s", strerror(-r));
	return r;
}

struct unionfs *union_close(struct unionfs *u)
{
	if (!u)
		return NULL;

	u->notifier = pool_free(u->notifier);
	u->pool = pool_free(u->pool);
	if (u->inodes.state)
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
