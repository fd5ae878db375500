/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/copy_up.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/force.h"
#include "unionfs/index.h"
#include "unionfs/nameless.h"
#include "unionfs/union.h"
#include "unionfs/up_impl.h"
#include "unionfs/where.h"

/* Copies of more than this many bytes are not made by a thread others wait for. */
#define LONG_BYTES  (1024 * 1024)

static bool holds_data(struct unionfs *u, struct inode *inode, int *ret_error)
	REQUIRES(inode->lock)
{
	int r = inode->type == DT_REG ? data_is_metacopy(u, inode) : 0;

	*ret_error = r < 0 ? r : 0;
	return r == 0;
}

/* Anonymous: no name shows the object any more, a descriptor will hold it. */
static int adopt_nameless(struct unionfs *u, struct inode *inode,
			  struct staged *staged) REQUIRES(inode->lock)
{
	int flags = inode->type == DT_REG ? O_RDWR : O_PATH;
	int fd = force_open(workdir_fd(u->work), staged->name, flags);

	if (fd < 0)
		return fd;
	nameless_hold(u, inode, fd);
	return 0;
}

/* The inode is the upper object from now on. */
static void turn_upper(struct unionfs *u, struct inode *inode,
		       const struct staged *staged, bool is_whole)
	REQUIRES(inode->lock)
{
	struct inode_key key;

	inode->layer = LAYER_TOP;
	inode->flags &= ~(INODE_METACOPY | INODE_DATA_HERE | INODE_NO_XATTRS);
	inode->flags |= is_whole ? INODE_DATA_HERE : INODE_METACOPY;
	if (union_key(u, &staged->stx, &key) < 0)
		return;
	rwlock_write_scope(&u->inodes.lock);
	inode_hash(&u->inodes, inode, key);
}

/*
 * Every reader of the lower data is done before anybody may write, and the copy is
 * open already; without memory for that it is opened again when needed.
 */
static void take_backing(struct unionfs *u, struct inode *inode,
			 struct staged *staged) REQUIRES(inode->lock)
{
	int fd = copy_up_take_fd(staged);

	data_retire(&u->data, inode);
	if (fd >= 0)
		(void)data_install(&u->data, inode, fd, true, NULL);
}

static void begin_intent(void *intent, const struct statx *dir)
{
	intent_set_times(intent, dir);
	intent_begin(intent);
}

/* What a successor needs to know if we die while the copy is shown. */
static struct intent *prepare_intent(struct unionfs *u, struct inode *parent,
				     const struct name *name, struct inode *inode,
				     bool is_indexed) REQUIRES(inode->lock)
{
	struct intent *i = intent_prepare(u, INTENT_UP, NULL);

	intent_set_name(i, 0, parent, name->text);
	if (!i)
		return NULL;
	i->inode[0] = inode->slot;
	i->flags = is_indexed ? INTENT_INDEXED : 0;
	i->flags |= inode_is_dir(inode) ? INTENT_IS_DIR : 0;
	i->key_ino = inode->real_ino;
	i->key_dev = inode->real_dev;
	return i;
}

/* Under the parent's lock and the inode's: the copy takes the name. */
static int publish_locked(struct unionfs *u, struct inode *parent,
			  struct name *name, struct inode *inode,
			  struct staged *staged, bool is_whole,
			  struct intent *intent)
	REQUIRES(parent->lock, inode->lock)
{
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	int r = fdcache_get(u, parent, LAYER_TOP, &ref.d);

	if (r >= 0)
		r = copy_up_publish(u->work, staged, ref.d->fd, name->text,
				    parent->dir->is_impure, begin_intent, intent);
	if (r < 0)
		return r;

	if (!parent->dir->is_impure) {
		parent->dir->is_impure = true;
		dir_save(&u->inodes, parent);
	}
	if (!inode_is_dir(inode) && is_whole)
		take_backing(u, inode, staged);
	up_entry(u, parent, name->text);
	rwlock_take_write(&u->inodes.lock);
	name->layer = LAYER_TOP;
	rwlock_drop_write(&u->inodes.lock);
	turn_upper(u, inode, staged, is_whole);
	return 0;
}

/* The kind of copy that @need asks for. */
static enum copy_up_data kind_of_copy(struct unionfs *u, const struct statx *stx,
				      enum up_need need)
{
	bool can_metacopy = u->options->metacopy &&
			    layer_traits(u->layers[LAYER_TOP])->has_xattrs;

	if (need == UP_EMPTY)
		return COPY_UP_NO_DATA;
	if (!can_metacopy)
		return COPY_UP_DATA;
	if (need == UP_ATTRS || stx->stx_size > LONG_BYTES)
		return COPY_UP_METACOPY;
	return COPY_UP_DATA;
}

struct ascent {
	struct unionfs *u;
	const struct call *call;
	struct inode *inode;
	struct copy_up copy;
	struct where from;
	struct staged staged;
	int data_fd;
	struct backing *backing; /* pinned; where the data is read from */
	struct statx stx;
	struct origin origin;	/* with several names: to enter the copy in the index */
	unsigned lower_nlink;
	struct inode *dir;	/* with .text: the name to come up by, if it can */
	const char *text;
};

/* The name that the copy is published by. */
static struct name *name_wanted(const struct ascent *a)
	REQUIRES_SHARED(a->u->inodes.lock)
{
	struct name *name = NULL;

	if (a->dir)
		name = name_find(&a->u->inodes, a->dir->slot, a->text);
	if (name && name->inode == a->inode->slot)
		return name;
	return name_live(a->inode, a->inode->layer);
}

/*
 * Decide on the copy, and keep others from making one too. The lower name stays
 * where it is as long as the inode does: it may be used without the lock.
 */
static int begin(struct ascent *a, enum up_need need)
{
	struct inode *inode = a->inode;
	struct statx *stx = &a->stx;
	int r;

	lock_scope(&inode->lock);
	if (inode->layer == LAYER_TOP || inode_has(inode, INODE_COPYING))
		return 1;		/* another was quicker */
	r = where_find(a->u, inode, &a->from);
	if (r >= 0)
		r = stat_in(a->u, inode->layer, a->from.dir_fd, a->from.name, stx);
	if (r < 0)
		return r;

	a->copy = (struct copy_up){
		.work = a->u->work,
		.from = a->u->layers[inode->layer],
		.from_dir_fd = a->from.dir_fd,
		.from_name = a->from.name,
		.from_stx = stx,
		.data_fd = -1,
		.data = kind_of_copy(a->u, stx, need),
		.with_origin = stx->stx_nlink == 1,
		.is_cancelled = a->call ? a->call->is_cancelled : NULL,
		.cancel_arg = a->call ? a->call->arg : NULL,
	};
	if (stx->stx_nlink > 1 && workdir_index_fd(a->u->work) >= 0) {
		r = origin_of(a->copy.from, a->from.dir_fd, a->from.name,
			      &a->origin);
		if (r < 0)
			return r;
		a->copy.with_origin = a->origin.length > 0;
		a->lower_nlink = stx->stx_nlink;
	}
	if (inode->type == DT_REG) {
		r = up_source(a->u, inode, &a->copy, &a->data_fd);
		if (r < 0)
			return r;
		if (a->copy.data == COPY_UP_DATA && stx->stx_size > LONG_BYTES &&
		    !a->call->may_wait)
			return -EINPROGRESS;
		/* Somebody read the file before: it need not be opened again. */
		if (a->copy.data == COPY_UP_DATA && a->copy.data_fd < 0)
			a->backing = data_pin(&a->u->data, inode, false);
		if (a->backing)
			a->copy.data_fd = a->backing->fd;
	}
	a->copy.has_no_xattrs = inode_has(inode, INODE_NO_XATTRS);
	inode->flags |= INODE_COPYING;
	return 0;
}

void up_wait(struct unionfs *u, struct inode *inode)
{
	lock_scope(&u->copying);
	while (inode_has(inode, INODE_COPYING))
		lock_wait(&u->copying, &u->copying_done);
}

void up_end(struct unionfs *u, struct inode *inode)
{
	lock_take(&inode->lock);
	lock_take(&u->copying);
	inode->flags &= ~INODE_COPYING;
	pthread_cond_broadcast(&u->copying_done);
	lock_drop(&u->copying);
	lock_drop(&inode->lock);
}

/*
 * The directory of a name that shows the inode, held and with an upper part; NULL
 * in *@ret if no name does.
 */
static int parent_take(const struct ascent *a, struct inode **ret)
{
	struct inode_table *t = &a->u->inodes;
	struct name *name;
	int r;

	rwlock_take_write(&a->u->inodes.lock);
	name = name_wanted(a);
	*ret = name ? inode_at(t, name->parent) : NULL;
	if (*ret)
		inode_hold(&a->u->inodes, *ret);
	rwlock_drop_write(&a->u->inodes.lock);
	if (!*ret)
		return 0;

	r = up_dir(a->u, *ret);
	if (r < 0) {
		inode_put(t, *ret);
		*ret = NULL;
	}
	return r;
}

/* A file of several names is entered in the index first, so that the others find it. */
static int publish_linked(struct ascent *a, struct inode *parent,
			  struct name *name)
	REQUIRES(parent->lock, a->inode->lock)
{
	struct inode_key lower = inode_real(a->inode);
	struct inode_table *t = &a->u->inodes;
	bool is_whole = a->copy.data != COPY_UP_METACOPY;
	bool is_indexed = a->origin.length > 0;
	struct intent *intent = prepare_intent(a->u, parent, name, a->inode,
					       is_indexed);
	int r = 0;

	if (is_indexed) {
		intent_begin(intent);
		r = index_add(a->u->work, &a->staged, &a->origin, a->lower_nlink);
		if (r < 0) {
			intent_drop(intent);
			return r;
		}
	}
	r = publish_locked(a->u, parent, name, a->inode, &a->staged, is_whole,
			   intent);
	if (r < 0 && is_indexed)
		(void)index_remove(a->u->work, &a->origin);	/* report r */
	if (r >= 0 && is_indexed) {
		rwlock_write_scope(&t->lock);
		a->inode->flags |= INODE_INDEXED;
		inode_alias(t, a->inode, lower);
	}
	intent_drop(intent);
	return r;
}

/* 1 if the name has moved on meanwhile: try again. */
static int publish_in(struct ascent *a, struct inode *parent)
{
	struct name *name;

	lock_scope(&parent->lock);
	lock_scope(&a->inode->lock);
	rwlock_take_read(&a->u->inodes.lock);
	name = name_wanted(a);
	rwlock_drop_read(&a->u->inodes.lock);
	if (!name || name->parent != parent->slot)
		return 1;
	return publish_linked(a, parent, name);
}

static int publish_nameless(struct ascent *a)
{
	int r;

	lock_scope(&a->inode->lock);
	if (name_live(a->inode, a->inode->layer))
		return 1;
	r = adopt_nameless(a->u, a->inode, &a->staged);
	if (r < 0)
		return r;
	data_retire(&a->u->data, a->inode);
	turn_upper(a->u, a->inode, &a->staged,
		   a->copy.data != COPY_UP_METACOPY);
	return 0;
}

static int publish(struct ascent *a)
{
	struct inode *parent;
	int r;

	do {
		r = parent_take(a, &parent);
		if (r < 0)
			return r;
		r = parent ? publish_in(a, parent) : publish_nameless(a);
		if (parent)
			inode_put(&a->u->inodes, parent);
	} while (r == 1);
	return r;
}

/* Bring a lower object up. 0 also if another thread did, or is at it. */
static int ascend(struct unionfs *u, const struct call *call,
		  struct inode *inode, enum up_need need, struct inode *dir,
		  const char *text)
{
	struct ascent a = { .u = u, .call = call, .inode = inode,
			    .from = WHERE_INIT, .data_fd = -1,
			    .dir = dir, .text = text };
	int r = begin(&a, need);

	if (r == 0) {
		r = copy_up_stage(&a.copy, &a.staged);
		/* Not later: who publishes waits for those who read. */
		if (a.backing)
			data_put(&u->data, a.backing);
		if (r == 0)
			r = publish(&a);
		copy_up_abandon(u->work, &a.staged);
		up_end(u, inode);
	}
	where_done_(&a.from);
	if (a.data_fd >= 0)
		close(a.data_fd);
	if (r == 0)
		r = up_other_names(u, inode);
	return r == 1 ? 0 : r;
}

int up_object(struct unionfs *u, const struct call *call, struct inode *inode,
	      enum up_need need)
{
	return up_object_as(u, call, inode, need, NULL, NULL);
}

int up_object_as(struct unionfs *u, const struct call *call, struct inode *inode,
		 enum up_need need, struct inode *dir, const char *name)
{
	if (union_is_read_only(u))
		return -EROFS;
	if (inode_is_dir(inode))
		return up_dir(u, inode);

	for (;;) {
		bool is_copying, is_upper, is_done, lacks_names;
		int r = 0;

		lock_take(&inode->lock);
		is_copying = inode_has(inode, INODE_COPYING);
		is_upper = inode->layer == LAYER_TOP;
		is_done = is_upper && !is_copying &&
			  (need == UP_ATTRS || holds_data(u, inode, &r));
		lacks_names = is_done && up_lacks_names(inode);
		lock_drop(&inode->lock);
		if (lacks_names)
			return up_other_names(u, inode);
		if (r < 0 || is_done)
			return r;
		if (is_copying && !call->may_wait)
			return -EINPROGRESS;

		if (is_copying)
			up_wait(u, inode);
		else if (is_upper)
			r = up_fill(u, call, inode, need);
		else
			r = ascend(u, call, inode, need, dir, name);
		if (r < 0)
			return r;
	}
}

/* The directory nearest to the root that has no upper part, and its parent; held. */
static struct inode *topmost_lower(struct inode_table *t, struct inode *dir,
				   struct inode **ret_parent)
{
	struct inode *parent;

	rwlock_write_scope(&t->lock);
	for (;;) {
		const struct name *name = name_live(dir, dir->layer);

		if (dir_has_upper(dir->dir) || !name)
			return NULL;
		parent = inode_at(t, name->parent);
		if (dir_has_upper(parent->dir))
			break;
		dir = parent;
	}
	inode_hold(t, dir);
	inode_hold(t, parent);
	*ret_parent = parent;
	return dir;
}

static int copy_dir_locked(struct unionfs *u, struct inode *parent,
			   struct inode *dir) REQUIRES(parent->lock, dir->lock)
{
	cleanup_where struct where from = WHERE_INIT;
	struct name *name = name_live(dir, dir->layer);
	struct staged staged = { 0 };
	struct intent *intent;
	struct copy_up copy;
	int r;

	if (dir_has_upper(dir->dir) || !name || name->parent != parent->slot)
		return 0;		/* done, or gone elsewhere: look again */
	r = dir_settle(u, dir);
	if (r >= 0)
		r = where_find(u, dir, &from);
	if (r < 0)
		return r;

	copy = (struct copy_up){ .work = u->work,
				 .from = u->layers[dir->layer],
				 .from_dir_fd = from.dir_fd,
				 .from_name = from.name,
				 .data_fd = -1,
				 .data = COPY_UP_NO_DATA,
				 .with_origin = true };
	r = copy_up_stage(&copy, &staged);
	if (r < 0)
		return r;
	/* First: a part that is written down, and is not there, must be taken back. */
	intent = prepare_intent(u, parent, name, dir, false);
	intent_begin(intent);
	rwlock_take_write(&u->inodes.lock);
	r = dir_add_upper(&u->inodes, dir);
	rwlock_drop_write(&u->inodes.lock);
	if (r == 0) {
		r = publish_locked(u, parent, name, dir, &staged, true, intent);
		if (r < 0)
			dir_drop_upper(u, dir);
	}
	intent_drop(intent);
	copy_up_abandon(u->work, &staged);
	return r;
}

int up_dir(struct unionfs *u, struct inode *dir)
{
	struct inode *lower, *parent;
	int r = 0;

	if (union_is_read_only(u))
		return -EROFS;

	while (r >= 0 && (lower = topmost_lower(&u->inodes, dir, &parent))) {
		lock_take(&parent->lock);
		lock_take(&lower->lock);
		r = copy_dir_locked(u, parent, lower);
		lock_drop(&lower->lock);
		lock_drop(&parent->lock);
		inode_put(&u->inodes, lower);
		inode_put(&u->inodes, parent);
	}
	if (r < 0)
		return r;

	rwlock_read_scope(&u->inodes.lock);
	return dir_has_upper(dir->dir) ? 0 : -ENOENT;	/* it was removed */
}
