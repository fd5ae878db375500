/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/force.h"
#include "unionfs/index.h"
#include "unionfs/metacopy.h"
#include "unionfs/redirect.h"
#include "unionfs/union.h"
#include "unionfs/up_impl.h"
#include "unionfs/where.h"

/* Data of more than this many bytes is not copied by a thread others wait for. */
#define LONG_BYTES (1024 * 1024)

void up_entry(struct unionfs *u, struct inode *dir, const char *name)
{
	struct merge *m = dir->dir->merge;
	struct merge_entry *e = m ? merge_find(&u->merges, m, name) : NULL;
	size_t before = m ? m->bytes : 0;
	unsigned layer;

	if (!e)
		return;
	layer = e->layer;
	e->layer = LAYER_TOP;
	if (e->type == DT_DIR) {
		/* Layers are listed top first; without memory, built anew. */
		if (e->layers)
			layer = e->layers[e->layers[0]];
		if (merge_add_layer(m, e, layer) < 0) {
			merge_detach(&u->merges, dir);
			return;
		}
		for (unsigned i = e->layers[0]; i > 1; i--)
			e->layers[i] = e->layers[i - 1];
		e->layers[1] = LAYER_TOP;
		if (e->layers[0] == 2)
			e->layers[2] = layer;
	}
	merge_touch(&u->merges, m, before);
}

int up_source(struct unionfs *u, struct inode *inode, struct copy_up *copy,
	      int *ret_fd)
{
	int r = data_is_metacopy(u, inode);

	if (r <= 0 || copy->data != COPY_UP_DATA)
		return r < 0 ? r : 0;
	*ret_fd = data_open_below(u, inode);
	copy->data_fd = *ret_fd;
	return *ret_fd < 0 ? *ret_fd : 0;
}

/* No data is wanted: neither that below nor what the mark speaks of. */
static int drop_data(struct unionfs *u, struct inode *inode, int fd)
	REQUIRES(inode->lock)
{
	int r = neg_errno(ftruncate(fd, 0));

	return r < 0 ? r : overlay_xattr_remove(u->ns, fd, "", OVERLAY_METACOPY);
}

/* Every reader of the lower data is done before anybody may write. */
static void data_is_here(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock)
{
	data_retire(&u->data, inode);
	inode->flags &= ~INODE_METACOPY;
	inode->flags |= INODE_DATA_HERE;
}

/* 0 and two descriptors, with INODE_COPYING set; 1 if there is nothing to do. */
static int fill_begin(struct unionfs *u, const struct call *call,
		      struct inode *inode, enum up_need need, int *ret_fd,
		      int *ret_data_fd) REQUIRES(inode->lock)
{
	cleanup_where struct where w = WHERE_INIT;
	struct statx stx;
	int r;

	if (inode_has(inode, INODE_COPYING) || inode_has(inode, INODE_DATA_HERE))
		return 1;
	r = where_find(u, inode, &w);
	if (r >= 0)
		r = stat_at(w.dir_fd, w.name, &stx);
	if (r < 0)
		return r;
	if (need == UP_DATA && stx.stx_size > LONG_BYTES && !call->may_wait)
		return -EINPROGRESS;

	*ret_fd = r = force_open(w.dir_fd, w.name, O_RDWR);
	if (r >= 0 && need == UP_EMPTY) {
		r = drop_data(u, inode, *ret_fd);
		if (r >= 0)
			data_is_here(u, inode);
		return r < 0 ? r : 1;
	}
	if (r >= 0)
		*ret_data_fd = r = data_open_below(u, inode);
	if (r >= 0)
		inode->flags |= INODE_COPYING;
	return r < 0 ? r : 0;
}

int up_fill(struct unionfs *u, const struct call *call, struct inode *inode,
	    enum up_need need)
{
	cleanup_fd int fd = -1, data_fd = -1;
	int r;

	lock_take(&inode->lock);
	r = fill_begin(u, call, inode, need, &fd, &data_fd);
	lock_drop(&inode->lock);
	if (r != 0)
		return r < 0 ? r : 0;

	r = copy_up_fill(u->ns, fd, data_fd, call->is_cancelled, call->arg);
	if (r >= 0) {
		lock_take(&inode->lock);
		data_is_here(u, inode);
		lock_drop(&inode->lock);
	}
	up_end(u, inode);
	return r;
}

static int link_object(const struct where *w, int dir_fd, const char *name)
{
	char path[32];

	if (w->name[0])
		return neg_errno(linkat(w->dir_fd, w->name, dir_fd, name, 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->dir_fd);
	return neg_errno(linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW));
}

/* Let a directory look as if nothing had been put into it. */
static void put_times(int dir_fd, const struct statx *stx)
{
	const struct timespec times[2] = {
		{ stx->stx_atime.tv_sec, stx->stx_atime.tv_nsec },
		{ stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec },
	};

	/* The change itself was made; that its time shows is no reason to fail. */
	(void)utimensat(dir_fd, "", times, AT_EMPTY_PATH);
}

/* What a successor needs to know if we die meanwhile. */
static int begin_intent(struct unionfs *u, struct inode *parent, int dir_fd,
			const struct name *name, struct inode *inode,
			struct intent **ret) REQUIRES(inode->lock)
{
	struct intent *i = intent_prepare(u, INTENT_UP_LINK, NULL);
	struct statx dir, stx;
	int r = stat_at(dir_fd, "", &dir);

	if (r >= 0)
		r = where_stat(u, inode, &stx);
	if (r < 0)
		return r;
	*ret = i;
	intent_set_name(i, 0, parent, name->text);
	intent_set_times(i, &dir);
	if (i) {
		i->inode[0] = inode->slot;
		i->nlink = stx.stx_nlink;
	}
	intent_begin(i);
	return 0;
}

/* Under both locks: a lower name of what is up becomes an upper name of it. */
static int link_locked(struct unionfs *u, struct inode *parent, struct name *name,
		       struct inode *inode) REQUIRES(parent->lock, inode->lock)
{
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	cleanup_where struct where w = WHERE_INIT;
	struct intent *intent = NULL;
	struct origin origin;
	struct statx stx;
	int r = fdcache_get(u, parent, LAYER_TOP, &ref.d);

	if (r >= 0)
		r = begin_intent(u, parent, ref.d->fd, name, inode, &intent);
	if (r >= 0 && inode_has(inode, INODE_INDEXED)) {
		r = where_origin(u, inode, &origin);
		if (r >= 0)
			r = index_link(u->work, &origin, ref.d->fd, name->text);
	} else if (r >= 0) {
		r = stat_at(ref.d->fd, "", &stx);
		if (r >= 0)
			r = where_find(u, inode, &w);
		if (r >= 0)
			r = link_object(&w, ref.d->fd, name->text);
		if (r >= 0)
			put_times(ref.d->fd, &stx);
	}
	if (r >= 0 && inode_has(inode, INODE_INDEXED) && !parent->dir->is_impure) {
		r = overlay_xattr_add(u->ns, ref.d->fd, "", OVERLAY_IMPURE, "y", 1);
		parent->dir->is_impure = true;
		dir_save(&u->inodes, parent);
	}
	if (r >= 0) {
		up_entry(u, parent, name->text);
		rwlock_take_write(&u->inodes.lock);
		name->layer = LAYER_TOP;
		rwlock_drop_write(&u->inodes.lock);
	}
	intent_drop(intent);
	return r < 0 ? r : 0;
}

int up_name(struct unionfs *u, const struct call *call, struct inode *dir,
	    const char *text, struct inode *inode)
{
	struct name *name;
	int r = up_object_as(u, call, inode, UP_ATTRS, dir, text);

	if (r >= 0)
		r = up_dir(u, dir);
	if (r < 0 || inode_is_dir(inode))
		return r;
	lock_scope(&dir->lock);
	lock_scope(&inode->lock);
	rwlock_take_read(&u->inodes.lock);
	name = name_find(&u->inodes, dir->slot, text);
	rwlock_drop_read(&u->inodes.lock);
	if (!name || name->inode != inode->slot || name->layer == LAYER_TOP ||
	    inode->layer != LAYER_TOP)
		return 0;
	return link_locked(u, dir, name, inode);
}

static struct name *name_below(const struct inode *inode)
{
	struct name *n = inode->names;

	while (n && (n->is_gone || n->layer == LAYER_TOP))
		n = n->inode_next;
	return n;
}

bool up_lacks_names(const struct inode *inode)
{
	return inode->layer == LAYER_TOP && name_below(inode);
}

/* Link one more name to the copy; 1 if the name is not there any more. */
static int link_name(struct unionfs *u, struct inode *parent, struct inode *inode)
{
	struct name *name;

	lock_scope(&parent->lock);
	lock_scope(&inode->lock);
	name = name_below(inode);
	if (!name || name->parent != parent->slot)
		return 1;
	return link_locked(u, parent, name, inode);
}

int up_other_names(struct unionfs *u, struct inode *inode)
{
	struct inode_table *t = &u->inodes;
	int r = 0;

	while (r >= 0) {
		struct inode *parent = NULL;
		struct name *name;

		rwlock_take_write(&t->lock);
		name = name_below(inode);
		if (inode->layer == LAYER_TOP && name) {
			parent = inode_at(t, name->parent);
			inode_hold(t, parent);
		}
		rwlock_drop_write(&t->lock);
		if (!parent)
			return 0;
		r = up_dir(u, parent);
		if (r >= 0)
			r = link_name(u, parent, inode);
		inode_put(t, parent);
	}
	/* The index leads there from the others, as long as it is there. */
	return inode_has(inode, INODE_INDEXED) ? 0 : r;
}
