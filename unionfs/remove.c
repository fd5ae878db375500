// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/change.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/entry.h"
#include "unionfs/lookup.h"
#include "unionfs/marks.h"
#include "unionfs/union.h"
#include "unionfs/up.h"
#include "unionfs/where.h"

static bool has_other_upper_name(const struct inode *inode, const struct name *name)
{
	for (const struct name *n = inode->names; n; n = n->inode_next) {
		if (n != name && !n->is_gone && n->layer == LAYER_TOP)
			return true;
	}
	return false;
}

/* The data of a metacopy is found through its name: open it while there is one. */
static int keep_data(struct unionfs *u, struct inode *inode) REQUIRES(inode->lock)
{
	struct backing *b;
	int r = inode->type == DT_REG ? data_is_metacopy(u, inode) : 0;

	if (r <= 0)
		return r;
	b = data_pin(&u->data, inode, false);
	if (!b) {
		r = data_open_below(u, inode);
		if (r >= 0)
			r = data_install(&u->data, inode, r, false, &b);
		if (r < 0)
			return r;
	}
	data_keep(&u->data, inode);
	data_put(&u->data, b);
	return 0;
}

int change_keep(struct unionfs *u, struct inode *inode, const struct name *name,
		bool *ret_kept)
{
	cleanup_where struct where w = WHERE_INIT;
	int r;

	*ret_kept = false;
	if (inode->layer != LAYER_TOP || inode->fd >= 0 ||
	    has_other_upper_name(inode, name))
		return 0;
	r = keep_data(u, inode);
	if (r >= 0)
		r = where_find(u, inode, &w);
	if (r < 0)
		return r;
	r = neg_errno(openat(w.dir_fd, w.name[0] ? w.name : ".",
			     O_PATH | O_NOFOLLOW | O_CLOEXEC));
	if (r < 0)
		return r;
	inode->fd = r;
	*ret_kept = true;
	return 0;
}

void change_unkeep(struct inode *inode, bool kept)
{
	if (!kept)
		return;
	close(inode->fd);
	inode->fd = -1;
}

struct removal {
	struct unionfs *u;
	struct inode *dir;
	const char *name;
	struct found f;
	struct inode *inode;	/* held and locked; NULL if nobody knows it */
	struct dirfd_ref ref;
};

/* What is left in a directory that shows nothing goes with it. */
static int remove_dir(struct removal *m)
{
	struct workdir *work = m->u->work;
	char temp[TEMP_NAME_SIZE];
	int r = neg_errno(unlinkat(m->ref.d->fd, m->name, AT_REMOVEDIR));

	if (r != -ENOTEMPTY && r != -EEXIST)
		return r;
	workdir_temp_name(work, temp);
	r = neg_errno(renameat(m->ref.d->fd, m->name, workdir_fd(work), temp));
	if (r >= 0)
		workdir_remove(work, temp);
	return r;
}

static int remove_object(struct removal *m)
{
	bool is_dir = m->f.type == DT_DIR;
	struct workdir *work = m->u->work;

	if (m->f.layer != LAYER_TOP)
		return whiteout_make(work, m->ref.d->fd, m->name);
	if (m->f.is_below)
		return whiteout_replace(work, m->ref.d->fd, m->name, is_dir);
	if (is_dir)
		return remove_dir(m);
	return neg_errno(unlinkat(m->ref.d->fd, m->name, 0));
}

/* Under the locks of the directory and of the inode, if there is one. */
static int remove_name(struct removal *m) REQUIRES(m->dir->lock)
	NO_THREAD_SAFETY_ANALYSIS;
static int remove_name(struct removal *m)
{
	struct inode_table *t = &m->u->inodes;
	struct name *n = NULL;
	bool kept = false;
	int r;

	r = fdcache_get(m->u, m->dir, LAYER_TOP, &m->ref.d);
	if (r < 0)
		return r;
	if (m->inode) {
		rwlock_take_read(&t->lock);
		n = name_find(t, m->dir->slot, m->name);
		rwlock_drop_read(&t->lock);
		r = change_keep(m->u, m->inode, n, &kept);
	}
	if (r >= 0)
		r = remove_object(m);
	if (r < 0) {
		if (m->inode)
			change_unkeep(m->inode, kept);
		return r;
	}
	rwlock_take_write(&t->lock);
	if (n)
		name_remove(t, n);
	rwlock_drop_write(&t->lock);
	entry_hide(m->u, m->dir, m->name,
		   m->f.layer != LAYER_TOP || m->f.is_below);
	return 0;
}

static void dir_gone(struct unionfs *u, struct inode *inode)
{
	inode->dir->is_removed = true;
	merge_detach(&u->merges, inode);
	fdcache_forget(&u->fds, inode->slot);
}

static int check_unlink(struct removal *m)
{
	if (m->f.type == DT_DIR)
		return -EISDIR;
	m->inode = change_hold_named(m->u, m->dir, m->name);
	return 0;
}

/* The inode's lock is only there to take if the inode is. */
int change_unlink(struct unionfs *u, struct inode *dir, const char *name)
	NO_THREAD_SAFETY_ANALYSIS;
int change_unlink(struct unionfs *u, struct inode *dir, const char *name)
{
	struct removal m = { .u = u, .dir = dir, .name = name,
			     .ref.cache = &u->fds };
	int r = up_dir(u, dir);

	if (r < 0)
		return r;
	lock_take(&dir->lock);
	r = dir_find(u, dir, name, &m.f);
	if (r >= 0 && !m.f.is_visible)
		r = -ENOENT;
	if (r >= 0)
		r = check_unlink(&m);
	if (r >= 0 && m.inode)
		lock_take(&m.inode->lock);
	if (r >= 0)
		r = remove_name(&m);
	if (m.inode)
		lock_drop(&m.inode->lock);
	lock_drop(&dir->lock);
	cleanup_dirfd_(&m.ref);
	if (m.inode)
		inode_put(&u->inodes, m.inode);
	return r;
}

static int remove_dir_locked(struct removal *m)
	REQUIRES(m->dir->lock, m->inode->lock)
{
	int r = dir_table(m->u, m->inode);

	if (r < 0)
		return r;
	if (m->inode->dir->merge->visible > 0)
		return -ENOTEMPTY;
	r = remove_name(m);
	if (r >= 0)
		dir_gone(m->u, m->inode);
	return r;
}

int change_rmdir(struct unionfs *u, struct inode *dir, const char *name)
{
	struct removal m = { .u = u, .dir = dir, .name = name,
			     .ref.cache = &u->fds };
	int r = up_dir(u, dir);

	if (r < 0)
		return r;
	lock_take(&dir->lock);
	r = lookup_child(u, dir, name, &m.f, &m.inode);
	if (r >= 0 && !inode_is_dir(m.inode))
		r = -ENOTDIR;
	if (r >= 0) {
		lock_take(&m.inode->lock);
		r = remove_dir_locked(&m);
		lock_drop(&m.inode->lock);
	}
	lock_drop(&dir->lock);
	cleanup_dirfd_(&m.ref);
	if (m.inode)
		inode_forget(&u->inodes, inode_node_id(m.inode), 1);
	return r;
}
