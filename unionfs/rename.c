/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/rename.c - moving a name, or exchanging two
 *
 * How it works. What moves is copied up before any lock is taken (rename_lift.c). Then the union's
 * rename lock, the directories' and the objects' are taken in their order, and what
 * the names mean is looked at again. Marks that the new place needs (redirect,
 * opaque, impure) are set while the object still stands in the old one, where they
 * change nothing. One renameat2(2) then makes the change, the source's whiteout
 * with it.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/change.h"
#include "unionfs/copy_up.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/entry.h"
#include "unionfs/lookup.h"
#include "unionfs/marks.h"
#include "unionfs/protattr.h"
#include "unionfs/rename_impl.h"
#include "unionfs/union.h"
#include "unionfs/up.h"
#include "unionfs/where.h"

static bool is_below(struct inode_table *t, const struct inode *inode,
		     const struct inode *ancestor)
{
	rwlock_read_scope(&t->lock);
	while (inode != ancestor && inode->slot != 0 && inode->names)
		inode = inode_at(t, inode->names->parent);
	return inode == ancestor;
}

static void lock_pair(struct inode *first, struct inode *second)
	NO_THREAD_SAFETY_ANALYSIS;
static void lock_pair(struct inode *first, struct inode *second)
{
	if (first)
		lock_take(&first->lock);
	if (second && second != first)
		lock_take(&second->lock);
}

static void unlock_pair(struct inode *a, struct inode *b)
	NO_THREAD_SAFETY_ANALYSIS;
static void unlock_pair(struct inode *a, struct inode *b)
{
	if (a)
		lock_drop(&a->lock);
	if (b && b != a)
		lock_drop(&b->lock);
}

static void lock_dirs(struct rename *r)
{
	struct inode *a = r->from.dir, *b = r->to.dir;
	bool b_first;

	if (is_below(&r->u->inodes, a, b))
		b_first = true;
	else if (is_below(&r->u->inodes, b, a))
		b_first = false;
	else
		b_first = b->slot < a->slot;
	lock_pair(b_first ? b : a, b_first ? a : b);
}

static void lock_objects(struct rename *r)
{
	struct inode *a = r->from.inode, *b = r->to.inode;
	bool b_first = a && b && b->slot < a->slot;

	/* One may have a name in the other, besides the one it is known by here. */
	if (a && b && inode_is_dir(a) != inode_is_dir(b))
		b_first = inode_is_dir(b);
	lock_pair(b_first ? b : a, b_first ? a : b);
}

/* ---- the change itself ---- */

/* Where marks are files they hide only what is below, so the source's comes first. */
static int move_between_marks(struct rename *r, bool wants_mark)
{
	int from = r->from.ref.d->fd, to = r->to.ref.d->fd, e = 0;
	struct workdir *work = r->u->work;

	if (wants_mark)
		e = whiteout_make(work, from, r->from.name);
	if (e < 0 && e != -EEXIST)
		return e;
	wants_mark &= e != -EEXIST;

	e = neg_errno(renameat(from, r->from.name, to, r->to.name));
	if (e >= 0 && r->to.f.is_whiteout) {
		e = whiteout_clear(work, to, r->to.name);
		if (e < 0)
			(void)renameat(to, r->to.name, from, r->from.name);
	}
	if (e < 0 && wants_mark)
		(void)aufs_mark_clear(r->u->ns, from, r->from.name);
	return e;
}

static int two_steps(struct rename *r, bool wants_whiteout)
{
	int from = r->from.ref.d->fd, to = r->to.ref.d->fd, e;

	e = neg_errno(renameat(from, r->from.name, to, r->to.name));
	if (e < 0 || !wants_whiteout)
		return e;
	e = whiteout_make(r->u->work, from, r->from.name);
	/* What was replaced does not come back, so that move stays. */
	if (e < 0 && !r->to.inode)
		(void)renameat(to, r->to.name, from, r->from.name);
	return e;
}

static int move_object(struct rename *r)
{
	const struct layer_traits *traits = layer_traits(r->u->layers[LAYER_TOP]);
	bool wants_whiteout = r->from.f.is_below;
	int from = r->from.ref.d->fd, to = r->to.ref.d->fd, e;

	if (r->is_exchange)
		return neg_errno(renameat2(from, r->from.name, to, r->to.name,
					   RENAME_EXCHANGE));

	if (workdir_options(r->u->work)->aufs_whiteouts)
		return move_between_marks(r, wants_whiteout);

	/* A directory cannot be renamed over a whiteout: they change places. */
	if (inode_is_dir(r->from.inode) && r->to.f.is_whiteout) {
		e = neg_errno(renameat2(from, r->from.name, to, r->to.name,
					RENAME_EXCHANGE));
		if (e >= 0 && !wants_whiteout)
			e = neg_errno(unlinkat(from, r->from.name, 0));
		return e;
	}
	if (wants_whiteout && traits->has_rename_whiteout)
		return neg_errno(renameat2(from, r->from.name, to, r->to.name,
					   RENAME_WHITEOUT));
	return two_steps(r, wants_whiteout);
}

static struct name *named(struct rename *r, const struct side *s)
	REQUIRES_SHARED(r->u->inodes.lock)
{
	struct name *n = s->inode ? name_find(&r->u->inodes, s->dir->slot, s->name)
				  : NULL;

	return n && n->inode == s->inode->slot ? n : NULL;
}

/*
 * With the inode table held, for paths to directories lead through what moves. New
 * names are made first, so that nothing can fail once the change is made.
 */
static int commit(struct rename *r)
	REQUIRES(r->from.dir->lock, r->to.dir->lock, r->from.inode->lock,
		 r->to.inode->lock)
{
	struct name *x = NULL, *y = NULL, *new_x = NULL, *new_y = NULL;
	int e = 0;

	rwlock_write_scope(&r->u->inodes.lock);
	x = named(r, &r->from);
	y = named(r, &r->to);
	if (inode_is_dir(r->from.inode))
		e = dir_freeze(&r->u->inodes, r->from.inode);
	if (e >= 0 && r->is_exchange && inode_is_dir(r->to.inode))
		e = dir_freeze(&r->u->inodes, r->to.inode);
	if (e < 0)
		return e == -ENAMETOOLONG ? -EXDEV : e;

	new_x = name_add(&r->u->inodes, r->to.dir, r->to.name, r->from.inode, LAYER_TOP);
	if (r->is_exchange)
		new_y = name_add(&r->u->inodes, r->from.dir, r->from.name, r->to.inode,
				 LAYER_TOP);
	e = new_x && (new_y || !r->is_exchange) ? move_object(r) : -ENOMEM;
	if (e < 0) {
		if (new_x)
			name_remove(&r->u->inodes, new_x);
		if (new_y)
			name_remove(&r->u->inodes, new_y);
		return e;
	}
	if (x)
		name_remove(&r->u->inodes, x);
	if (y)
		name_remove(&r->u->inodes, y);
	return 0;
}

static void show_results(struct rename *r)
	REQUIRES(r->from.dir->lock, r->to.dir->lock)
{
	entry_show(r->u, r->to.dir, r->to.name, r->from.inode);
	if (r->is_exchange)
		entry_show(r->u, r->from.dir, r->from.name, r->to.inode);
	else
		entry_hide(r->u, r->from.dir, r->from.name, r->from.f.is_below);
	(void)aufs_set_literal(r->u->ns, r->to.ref.d->fd, r->to.name);
}

static void target_gone(struct rename *r) REQUIRES(r->to.inode->lock)
{
	struct inode *y = r->to.inode;

	if (!inode_is_dir(y))
		return;
	y->dir->is_removed = true;
	dir_save(&r->u->inodes, y);
	merge_detach(&r->u->merges, y);
	fdcache_forget(&r->u->fds, y->slot);
}

static int keep_target(struct rename *r) REQUIRES(r->to.inode->lock)
{
	struct name *n;

	rwlock_take_read(&r->u->inodes.lock);
	n = named(r, &r->to);
	rwlock_drop_read(&r->u->inodes.lock);
	return change_keep(r->u, r->to.inode, n, &r->kept);
}

/* By which a successor sees where it is; 0, which it is nowhere, if unknown. */
static uint64_t upper_ino(const struct side *s)
{
	struct statx stx;

	if (s->f.has_stx)
		return s->f.stx.stx_ino;
	if (inode_has(s->inode, INODE_HASHED) && s->inode->layer == LAYER_TOP)
		return s->inode->real_ino;
	return stat_at(s->ref.d->fd, s->name, &stx) < 0 ? 0 : stx.stx_ino;
}

static void begin_intent(struct rename *r)
{
	struct intent *i = intent_prepare(r->u, INTENT_RENAME, r->call);

	r->intent = i;
	intent_set_name(i, 0, r->from.dir, r->from.name);
	intent_set_name(i, 1, r->to.dir, r->to.name);
	if (!i)
		return;
	i->inode[0] = r->from.inode->slot;
	if (r->to.inode)
		i->inode[1] = r->to.inode->slot;
	i->ino = upper_ino(&r->from);
	i->flags = INTENT_COUNTED;
	if (r->is_exchange)
		i->flags |= INTENT_EXCHANGE;
	if (r->from.f.is_below)
		i->flags |= INTENT_LEAVES_WHITEOUT;
	if (r->to.f.is_whiteout)
		i->flags |= INTENT_OVER_WHITEOUT;
	if (r->kept)
		i->flags |= INTENT_KEPT;
	if (inode_is_dir(r->from.inode))
		i->flags |= INTENT_IS_DIR;
	intent_begin(i);
}

/* May one side's object leave its name, or, if there is none, the name be taken? */
static int check_side(struct rename *r, const struct side *s)
	REQUIRES(s->dir->lock, s->inode->lock)
{
	int e = protattr_check(r->u, s->dir, s->inode ? PROTATTR_FLAGS
						      : FS_IMMUTABLE_FL);

	return e < 0 || !s->inode ? e : protattr_check(r->u, s->inode, PROTATTR_FLAGS);
}

/* All locks are held. */
static int rename_locked(struct rename *r) NO_THREAD_SAFETY_ANALYSIS;
static int rename_locked(struct rename *r)
{
	bool replaces = r->to.inode && !r->is_exchange;
	int e = 0;

	/* Not what was copied up? */
	if (r->from.f.layer != LAYER_TOP ||
	    (r->is_exchange && r->to.f.layer != LAYER_TOP))
		return -EAGAIN;
	if (r->to.inode == r->from.inode)
		return r->no_replace ? -EEXIST : 0;

	e = check_side(r, &r->from);
	if (e >= 0)
		e = check_side(r, &r->to);
	if (e >= 0 && replaces)
		e = rename_check_target(r);
	if (e >= 0)
		e = rename_prepare(r, &r->from, &r->to);
	if (e >= 0 && r->is_exchange)
		e = rename_prepare(r, &r->to, &r->from);
	if (e >= 0)
		e = change_mark_impure(r->u, r->to.dir, r->to.ref.d->fd,
				       r->from.inode);
	if (e >= 0 && r->is_exchange)
		e = change_mark_impure(r->u, r->from.dir, r->from.ref.d->fd,
				       r->to.inode);
	if (e >= 0 && replaces)
		e = keep_target(r);
	if (e >= 0) {
		begin_intent(r);
		e = commit(r);
	}
	if (e < 0) {
		intent_drop(r->intent);
		if (r->to.inode)
			change_unkeep(r->u, r->to.inode, r->kept);
		return e;
	}
	show_results(r);
	if (replaces)
		target_gone(r);
	if (replaces && !inode_is_dir(r->to.inode))
		change_drop_index(r->u, r->to.inode);
	intent_done(r->intent, NULL);
	return 0;
}

/* Under the directories' locks. */
static int rename_in_dirs(struct rename *r) NO_THREAD_SAFETY_ANALYSIS;
static int rename_in_dirs(struct rename *r)
{
	int e = rename_side_find(r, &r->from);

	if (e >= 0)
		e = rename_side_find(r, &r->to);
	if (e >= 0 && (!r->from.inode || (r->is_exchange && !r->to.inode)))
		e = -ENOENT;
	if (e >= 0)
		e = fdcache_get(r->u, r->from.dir, LAYER_TOP, &r->from.ref.d);
	if (e >= 0)
		e = fdcache_get(r->u, r->to.dir, LAYER_TOP, &r->to.ref.d);
	if (e < 0)
		return e;
	/* The kernel does not ask for these; they would lock us out. */
	if (r->to.inode == r->from.dir || r->from.inode == r->to.dir)
		return r->to.inode == r->from.dir ? -ENOTEMPTY : -EINVAL;

	lock_objects(r);
	e = rename_locked(r);
	unlock_pair(r->from.inode, r->to.inode);
	return e;
}

static int attempt(struct rename *r)
{
	int e = rename_lift(r);

	if (e < 0)
		return e;

	lock_take(&r->u->rename);
	lock_dirs(r);
	e = rename_in_dirs(r);
	unlock_pair(r->from.dir, r->to.dir);
	lock_drop(&r->u->rename);
	rename_side_done(r, &r->from);
	rename_side_done(r, &r->to);
	return e;
}

int change_rename(struct unionfs *u, const struct call *call, struct inode *dir,
		  const char *name, struct inode *to_dir, const char *to_name,
		  unsigned flags)
{
	struct rename r = {
		.u = u,
		.call = call,
		.from = { .dir = dir, .name = name, .ref.cache = &u->fds },
		.to = { .dir = to_dir, .name = to_name, .ref.cache = &u->fds },
		.is_exchange = flags & RENAME_EXCHANGE,
		.no_replace = flags & RENAME_NOREPLACE,
	};
	int e;

	if (flags & ~(RENAME_EXCHANGE | RENAME_NOREPLACE) ||
	    (r.is_exchange && r.no_replace))
		return -EINVAL;
	if (call->was_done)
		return 0;
	e = rename_lift_dirs(&r);
	if (e < 0)
		return e;
	do {
		e = attempt(&r);
	} while (e == -EAGAIN);
	return e;
}
