/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/change.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/entry.h"
#include "unionfs/index.h"
#include "unionfs/lookup.h"
#include "unionfs/marks.h"
#include "unionfs/nameless.h"
#include "unionfs/protattr.h"
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
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	cleanup_where struct where w = WHERE_INIT;
	int r;

	*ret_kept = false;
	if (inode->layer != LAYER_TOP || inode->fd >= 0 ||
	    has_other_upper_name(inode, name))
		return 0;
	/* A file that is open for writing already needs no other descriptor. */
	r = data_lend(&u->data, inode);
	if (r >= 0) {
		nameless_hold(u, inode, r);
		*ret_kept = true;
		return 0;
	}
	r = keep_data(u, inode);
	/* Not through a descriptor of its own, if it is a directory without one. */
	if (r >= 0 && name && name->layer == LAYER_TOP)
		r = fdcache_get(u, inode_at(&u->inodes, name->parent), LAYER_TOP,
				&ref.d);
	else if (r >= 0)
		r = where_find(u, inode, &w);
	/* A successor has not got that open: a path leads it there. */
	if (r >= 0)
		r = change_redirect_fully(u, inode, ref.d ? ref.d->fd : w.dir_fd,
					  ref.d ? name->text : w.name);
	if (r < 0 && r != -ENAMETOOLONG && r != -ERANGE && r != -ENOSPC &&
	    r != -EDQUOT)
		return r;
	r = neg_errno(openat(ref.d ? ref.d->fd : w.dir_fd,
			     ref.d ? name->text : w.name[0] ? w.name : ".",
			     O_PATH | O_NOFOLLOW | O_CLOEXEC));
	if (r < 0)
		return r;
	nameless_hold(u, inode, r);
	*ret_kept = true;
	return 0;
}

void change_unkeep(struct unionfs *u, struct inode *inode, bool kept)
{
	if (kept)
		nameless_drop(u, inode);
}

void change_drop_index(struct unionfs *u, struct inode *inode)
{
	cleanup_where struct where w = WHERE_INIT;
	struct origin origin;
	struct statx stx;

	/* Should it fail, the next mount cleans the index. */
	if (!inode_has(inode, INODE_INDEXED) || where_find(u, inode, &w) < 0 ||
	    stat_at(w.dir_fd, w.name, &stx) < 0 ||
	    index_nlink(u->ns, w.dir_fd, w.name, &stx, 0) > 0)
		return;
	if (origin_read(u->ns, w.dir_fd, w.name, &origin) >= 0)
		(void)index_remove(u->work, &origin);
}

struct removal {
	struct unionfs *u;
	const struct call *call;
	struct inode *dir;
	const char *name;
	struct found f;
	struct inode *inode;	/* counted */
	struct dirfd_ref ref;
	struct intent *intent;
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

static void begin_intent(struct removal *m, bool kept)
{
	struct intent *i = intent_prepare(m->u, INTENT_REMOVE, m->call);

	m->intent = i;
	intent_set_name(i, 0, m->dir, m->name);
	if (!i)
		return;
	i->inode[0] = m->inode->slot;
	i->flags = INTENT_COUNTED;
	if (kept)
		i->flags |= INTENT_KEPT;
	if (m->f.layer != LAYER_TOP || m->f.is_below)
		i->flags |= INTENT_LEAVES_WHITEOUT;
	if (inode_is_dir(m->inode))
		i->flags |= INTENT_IS_DIR;
	intent_begin(i);
}

static int check_allowed(struct removal *m) REQUIRES(m->dir->lock, m->inode->lock)
{
	int r = protattr_check(m->u, m->dir, PROTATTR_FLAGS);

	return r < 0 ? r : protattr_check(m->u, m->inode, PROTATTR_FLAGS);
}

static void removal_done(struct removal *m)
{
	cleanup_dirfd_(&m->ref);
	m->ref.d = NULL;
	if (m->inode)
		inode_forget(&m->u->inodes, inode_node_id(m->inode), 1);
	m->inode = NULL;
}

static int check_name(struct removal *m)
{
	int r;

	lock_take(&m->dir->lock);
	r = lookup_named(m->u, m->dir, m->name, &m->f, &m->inode);
	if (r >= 0) {
		lock_take(&m->inode->lock);
		r = check_allowed(m);
		lock_drop(&m->inode->lock);
	}
	lock_drop(&m->dir->lock);
	removal_done(m);
	return r;
}

/* Copy up the directory, unless what for will be refused. */
static int rise(struct removal *m)
{
	bool is_up;
	int r = 0;

	rwlock_take_read(&m->u->inodes.lock);
	is_up = dir_has_upper(m->dir->dir);
	rwlock_drop_read(&m->u->inodes.lock);
	if (!is_up && !union_is_read_only(m->u))
		r = check_name(m);
	return r < 0 ? r : up_dir(m->u, m->dir);
}

static int remove_name(struct removal *m) REQUIRES(m->dir->lock, m->inode->lock)
{
	struct inode_table *t = &m->u->inodes;
	struct name *n = NULL;
	bool kept = false;
	int r;

	r = fdcache_get(m->u, m->dir, LAYER_TOP, &m->ref.d);
	if (r < 0)
		return r;
	rwlock_take_read(&t->lock);
	n = name_find(t, m->dir->slot, m->name);
	rwlock_drop_read(&t->lock);
	r = change_keep(m->u, m->inode, n, &kept);
	if (r >= 0) {
		begin_intent(m, kept);
		r = remove_object(m);
	}
	if (r < 0) {
		intent_drop(m->intent);
		change_unkeep(m->u, m->inode, kept);
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
	dir_save(&u->inodes, inode);
	merge_detach(&u->merges, inode);
	fdcache_forget(&u->fds, inode->slot);
}

/*
 * A lower file of several names is taken up before one of them goes: its number of
 * links is kept with the copy.
 */
static bool must_rise(struct removal *m)
{
	return m->f.layer != LAYER_TOP && m->f.stx.stx_nlink > 1 &&
	       workdir_index_fd(m->u->work) >= 0;
}

static int unlink_once(struct removal *m, const struct call *call)
{
	bool rises;
	int r;

	lock_take(&m->dir->lock);
	r = lookup_named(m->u, m->dir, m->name, &m->f, &m->inode);
	if (r >= 0 && inode_is_dir(m->inode))
		r = -EISDIR;
	rises = r >= 0 && must_rise(m);
	if (r >= 0) {
		lock_take(&m->inode->lock);
		r = check_allowed(m);
		if (r >= 0 && !rises)
			r = remove_name(m);
		if (r >= 0 && !rises)
			change_drop_index(m->u, m->inode);
		lock_drop(&m->inode->lock);
		intent_end(m->intent, r, NULL);
	}
	lock_drop(&m->dir->lock);
	if (r >= 0 && rises) {
		r = up_name(m->u, call, m->dir, m->name, m->inode);
		r = r < 0 ? r : -EAGAIN;
	}
	removal_done(m);
	return r;
}

int change_unlink(struct unionfs *u, const struct call *call, struct inode *dir,
		  const char *name)
{
	struct removal m = { .u = u, .call = call, .dir = dir, .name = name,
			     .ref.cache = &u->fds };
	int r = call->was_done ? 0 : rise(&m);

	if (r < 0 || call->was_done)
		return r;
	do {
		r = unlink_once(&m, call);
	} while (r == -EAGAIN);
	return r;
}

static int remove_dir_locked(struct removal *m)
	REQUIRES(m->dir->lock, m->inode->lock)
{
	int r = check_allowed(m);

	if (r >= 0)
		r = dir_table(m->u, m->inode);
	if (r < 0)
		return r;
	if (m->inode->dir->merge->visible > 0)
		return -ENOTEMPTY;
	r = remove_name(m);
	if (r >= 0)
		dir_gone(m->u, m->inode);
	return r;
}

int change_rmdir(struct unionfs *u, const struct call *call, struct inode *dir,
		 const char *name)
{
	struct removal m = { .u = u, .call = call, .dir = dir, .name = name,
			     .ref.cache = &u->fds };
	int r = call->was_done ? 0 : rise(&m);

	if (r < 0 || call->was_done)
		return r;
	lock_take(&m.dir->lock);
	r = lookup_named(u, m.dir, name, &m.f, &m.inode);
	if (r >= 0 && !inode_is_dir(m.inode))
		r = -ENOTDIR;
	if (r >= 0) {
		lock_take(&m.inode->lock);
		r = remove_dir_locked(&m);
		lock_drop(&m.inode->lock);
		intent_end(m.intent, r, NULL);
	}
	lock_drop(&m.dir->lock);
	removal_done(&m);
	return r;
}
