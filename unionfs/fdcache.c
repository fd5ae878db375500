/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/fdcache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/errors.h"
#include "unionfs/dir.h"
#include "unionfs/union.h"

#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int fdcache_init(struct fdcache *c, unsigned max)
{
	unsigned size = 64;

	while (size < max)
		size *= 2;
	*c = (struct fdcache){ .mask = size - 1, .max = max };
	lock_init(&c->lock);
	c->newest.newer = c->newest.older = &c->newest;
	c->buckets = calloc(size, sizeof(*c->buckets));
	return c->buckets ? 0 : -ENOMEM;
}

static void list_drop(struct dirfd *d)
{
	d->newer->older = d->older;
	d->older->newer = d->newer;
}

static void list_add(struct fdcache *c, struct dirfd *d)
{
	d->newer = &c->newest;
	d->older = c->newest.older;
	d->older->newer = d;
	c->newest.older = d;
}

/* By slot alone: all layers of a directory meet in one bucket, to be forgotten. */
static struct dirfd **bucket(struct fdcache *c, uint32_t slot)
{
	return &c->buckets[(slot * 0x9e3779b1u >> 7) & c->mask];
}

static struct dirfd *find_locked(struct fdcache *c, uint32_t slot, unsigned layer)
	REQUIRES(c->lock)
{
	struct dirfd *d = *bucket(c, slot);

	while (d && (d->slot != slot || d->layer != layer))
		d = d->next;
	if (!d)
		return NULL;

	list_drop(d);
	list_add(c, d);
	d->pins++;
	return d;
}

static void unhash(struct fdcache *c, struct dirfd *d)
{
	struct dirfd **at = bucket(c, d->slot);

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	list_drop(d);
	c->count--;
}

static void destroy(struct dirfd *d)
{
	close(d->fd);
	free(d);
}

static void shrink_locked(struct fdcache *c) REQUIRES(c->lock)
{
	struct dirfd *d = c->newest.newer;

	while (c->count > c->max && d != &c->newest) {
		struct dirfd *newer = d->newer;

		if (d->pins == 0) {
			unhash(c, d);
			destroy(d);
		}
		d = newer;
	}
}

void fdcache_done(struct fdcache *c)
{
	while (c->buckets && c->newest.older != &c->newest) {
		struct dirfd *d = c->newest.older;

		unhash(c, d);
		destroy(d);
	}
	free(c->buckets);
	lock_done(&c->lock);
}

void fdcache_put(struct fdcache *c, struct dirfd *d)
{
	lock_scope(&c->lock);
	if (--d->pins == 0 && d->is_dead)
		destroy(d);
}

void fdcache_forget(struct fdcache *c, uint32_t slot)
{
	struct dirfd *d, *next;

	lock_scope(&c->lock);
	for (d = *bucket(c, slot); d; d = next) {
		next = d->next;
		if (d->slot != slot)
			continue;
		unhash(c, d);
		d->is_dead = true;
		if (d->pins == 0)
			destroy(d);
	}
}

/* Takes over @fd. Another thread may have been quicker: then its one is used. */
static int insert(struct fdcache *c, uint32_t slot, unsigned layer, int fd,
		  struct dirfd **ret)
{
	struct dirfd *d;

	lock_scope(&c->lock);
	*ret = find_locked(c, slot, layer);
	if (*ret) {
		close(fd);
		return 0;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	d->fd = fd;
	d->slot = slot;
	d->layer = layer;
	d->pins = 1;
	d->next = *bucket(c, slot);
	*bucket(c, slot) = d;
	list_add(c, d);
	c->count++;
	shrink_locked(c);
	*ret = d;
	return 0;
}

/*
 * Directories are read through these descriptors, which must not move a lower
 * directory's atime; where that may not be asked for, or the directory not be read,
 * names in it can be reached all the same.
 */
static int open_dir(int at, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NOATIME | DIR_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = neg_errno(syscall(SYS_openat2, at, path, &how, sizeof(how)));

	if (fd == -EPERM) {
		how.flags &= ~O_NOATIME;
		fd = neg_errno(syscall(SYS_openat2, at, path, &how, sizeof(how)));
	}
	if (fd == -EACCES) {
		how.flags = O_PATH | DIR_FLAGS;
		fd = neg_errno(syscall(SYS_openat2, at, path, &how, sizeof(how)));
	}
	return fd;
}

static int get_shared(struct unionfs *u, struct inode *dir, unsigned layer,
		      struct dirfd **ret) REQUIRES_SHARED(u->inodes.lock);

/* A descriptor for a part, through the parent's where it has no path of its own. */
static int open_part(struct unionfs *u, struct inode *dir, unsigned layer)
	REQUIRES_SHARED(u->inodes.lock)
{
	const struct part *part = dir_part(dir->dir, layer);
	const struct name *name;
	struct dirfd *parent;
	int r;

	if (layer == LAYER_TOP && dir->fd >= 0)
		return neg_errno(fcntl(dir->fd, F_DUPFD_CLOEXEC, 0));
	if (!part)
		return -ESTALE;
	if (dir->slot == 0)
		return open_dir(layer_root_fd(u->layers[layer]), ".");
	if (part->path && part->path[0] == '/')
		return open_dir(layer_root_fd(u->layers[layer]), part->path + 1);

	name = name_live(dir, layer);
	if (!name)
		name = name_of(dir, dir->names ? dir->names->layer : layer);
	if (!name)
		return -ESTALE;
	r = get_shared(u, inode_at(&u->inodes, name->parent), layer, &parent);
	if (r < 0)
		return r;
	r = open_dir(parent->fd, part->path ? part->path : name->text);
	fdcache_put(&u->fds, parent);
	return r;
}

static int get_shared(struct unionfs *u, struct inode *dir, unsigned layer,
		      struct dirfd **ret)
{
	int fd;

	lock_take(&u->fds.lock);
	*ret = find_locked(&u->fds, dir->slot, layer);
	lock_drop(&u->fds.lock);
	if (*ret)
		return 0;

	fd = open_part(u, dir, layer);
	return fd < 0 ? fd : insert(&u->fds, dir->slot, layer, fd, ret);
}

int fdcache_get(struct unionfs *u, struct inode *dir, unsigned layer,
		struct dirfd **ret)
{
	lock_take(&u->fds.lock);
	*ret = find_locked(&u->fds, dir->slot, layer);
	lock_drop(&u->fds.lock);
	if (*ret)
		return 0;

	rwlock_read_scope(&u->inodes.lock);
	return get_shared(u, dir, layer, ret);
}
