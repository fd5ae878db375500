/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/data.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/copy_up.h"
#include "unionfs/force.h"
#include "unionfs/up.h"
#include "unionfs/union.h"
#include "unionfs/where.h"

void data_init(struct data *d, unsigned max)
{
	*d = (struct data){ .max = max };
	lock_init(&d->lock);
	pthread_cond_init(&d->idle, NULL);
	d->newest.newer = d->newest.older = &d->newest;
}

static void list_drop(struct backing *b)
{
	b->newer->older = b->older;
	b->older->newer = b->newer;
}

static void list_add(struct data *d, struct backing *b)
{
	b->newer = &d->newest;
	b->older = d->newest.older;
	b->older->newer = b;
	d->newest.older = b;
}

static void destroy_locked(struct data *d, struct backing *b) REQUIRES(d->lock)
{
	list_drop(b);
	d->count--;
	b->inode->backing = NULL;
	close(b->fd);
	free(b);
}

static void shrink_locked(struct data *d) REQUIRES(d->lock)
{
	struct backing *b = d->newest.newer, *newer;

	for (; d->count > d->max && b != &d->newest; b = newer) {
		newer = b->newer;
		if (b->pins == 0 && !b->is_kept)
			destroy_locked(d, b);
	}
}

void data_done(struct data *d)
{
	lock_take(&d->lock);
	while (d->newest.older != &d->newest)
		destroy_locked(d, d->newest.older);
	lock_drop(&d->lock);
	pthread_cond_destroy(&d->idle);
	lock_done(&d->lock);
}

struct backing *data_pin(struct data *d, struct inode *inode, bool for_write)
{
	struct backing *b;

	lock_scope(&d->lock);
	b = inode->backing;
	if (!b || (for_write && !b->is_writable))
		return NULL;
	b->pins++;
	list_drop(b);
	list_add(d, b);
	return b;
}

void data_put(struct data *d, struct backing *b)
{
	lock_scope(&d->lock);
	if (--b->pins == 0)
		pthread_cond_broadcast(&d->idle);
}

void data_retire(struct data *d, struct inode *inode)
{
	lock_scope(&d->lock);
	while (inode->backing && inode->backing->pins > 0)
		lock_wait(&d->lock, &d->idle);
	if (inode->backing)
		destroy_locked(d, inode->backing);
}

void data_release(struct data *d, struct inode *inode)
{
	lock_scope(&d->lock);
	if (!inode->backing)
		return;
	if (inode->fd == inode->backing->fd)
		inode->fd = -1;		/* it was lent */
	destroy_locked(d, inode->backing);
}

void data_keep(struct data *d, struct inode *inode)
{
	lock_scope(&d->lock);
	if (inode->backing)
		inode->backing->is_kept = true;
}

int data_lend(struct data *d, struct inode *inode)
{
	lock_scope(&d->lock);
	if (!inode->backing || !inode->backing->is_writable)
		return -1;
	inode->backing->is_kept = true;
	return inode->backing->fd;
}

bool data_unlend(struct data *d, struct inode *inode)
{
	lock_scope(&d->lock);
	if (!inode->backing || inode->backing->fd != inode->fd)
		return false;
	inode->backing->is_kept = false;
	return true;
}

int data_install(struct data *d, struct inode *inode, int take_fd,
		 bool is_writable, struct backing **ret)
{
	struct backing *b = calloc(1, sizeof(*b));

	if (!b) {
		close(take_fd);
		return -ENOMEM;
	}
	data_retire(d, inode);
	b->fd = take_fd;
	b->is_writable = is_writable;
	b->inode = inode;

	lock_scope(&d->lock);
	inode->backing = b;
	list_add(d, b);
	d->count++;
	b->pins = 1;
	shrink_locked(d);
	b->pins = !!ret;
	if (ret)
		*ret = b;
	return 0;
}

/* For writing even if only to read: the next request may be a write. */
static int open_upper(struct unionfs *u, const struct where *w,
		      bool *ret_writable)
{
	int fd = union_is_read_only(u) ? -EROFS :
					 force_open(w->dir_fd, w->name, O_RDWR);

	*ret_writable = fd >= 0;
	if (fd == -EACCES || fd == -EPERM || fd == -EROFS || fd == -ETXTBSY)
		fd = force_open(w->dir_fd, w->name, O_RDONLY);
	return fd;
}

static int open_backing(struct unionfs *u, struct inode *inode,
			bool *ret_writable) REQUIRES(inode->lock)
{
	cleanup_where struct where w = WHERE_INIT;
	int r = data_is_metacopy(u, inode);

	*ret_writable = false;
	if (r < 0)
		return r;
	if (r > 0)
		return data_open_below(u, inode);

	r = where_find(u, inode, &w);
	if (r < 0)
		return r;
	if (inode->layer == LAYER_TOP)
		return open_upper(u, &w, ret_writable);
	return copy_up_open_source(w.dir_fd, w.name);
}

static int open_locked(struct unionfs *u, struct inode *inode,
		       struct backing **ret) REQUIRES(inode->lock)
{
	bool is_writable;
	int fd = open_backing(u, inode, &is_writable);

	if (fd < 0)
		return fd;
	return data_install(&u->data, inode, fd, is_writable, ret);
}

int data_read(struct unionfs *u, struct inode *inode, struct backing **ret)
{
	if (inode->type != DT_REG)
		return -EINVAL;

	*ret = data_pin(&u->data, inode, false);
	if (*ret)
		return 0;

	lock_scope(&inode->lock);
	return data_read_locked(u, inode, ret);
}

int data_read_locked(struct unionfs *u, struct inode *inode, struct backing **ret)
{
	*ret = data_pin(&u->data, inode, false);
	return *ret ? 0 : open_locked(u, inode, ret);
}

int data_write(struct unionfs *u, const struct call *call, struct inode *inode,
	       struct backing **ret)
{
	int r;

	if (inode->type != DT_REG)
		return -EINVAL;

	/* One of several names may be new, and not in the upper yet. */
	*ret = inode_has(inode, INODE_INDEXED) ? NULL : data_pin(&u->data, inode, true);
	if (*ret)
		return 0;

	r = up_object(u, call, inode, UP_DATA);
	if (r < 0)
		return r;

	lock_scope(&inode->lock);
	*ret = data_pin(&u->data, inode, true);
	if (*ret)
		return 0;
	data_retire(&u->data, inode);
	r = open_locked(u, inode, ret);
	if (r == 0 && !(*ret)->is_writable) {
		data_put(&u->data, take_ptr(*ret));
		r = -EACCES;
	}
	return r;
}

/* The metacopy itself, of which nobody else holds a descriptor. */
static int open_metacopy(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock)
{
	cleanup_where struct where w = WHERE_INIT;
	int r = where_find(u, inode, &w);

	return r < 0 ? r : force_open(w.dir_fd, w.name, O_RDONLY);
}

static int sync_fd(int fd, bool only_data)
{
	return neg_errno(only_data ? fdatasync(fd) : fsync(fd));
}

int data_sync(struct unionfs *u, struct inode *inode, bool only_data)
{
	struct backing *b = NULL;
	cleanup_fd int fd = -1;
	int r = 0;

	if (inode->type != DT_REG)
		return -EINVAL;
	lock_take(&inode->lock);
	if (inode->layer == LAYER_TOP) {
		r = data_is_metacopy(u, inode);
		if (r > 0)
			r = fd = open_metacopy(u, inode);
		else if (r == 0)
			r = data_read_locked(u, inode, &b);
	}
	lock_drop(&inode->lock);

	/* Without the lock: it waits for the disk. */
	if (r >= 0 && (b || fd >= 0))
		r = sync_fd(b ? b->fd : fd, only_data);
	if (b)
		data_put(&u->data, b);
	return r < 0 ? r : 0;
}
