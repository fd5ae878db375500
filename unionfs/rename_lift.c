/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/rename_impl.h"

#include <errno.h>
#include <linux/fs.h>

#include "unionfs/dir.h"
#include "unionfs/protattr.h"

void rename_side_done(struct rename *r, struct side *s)
{
	cleanup_dirfd_(&s->ref);
	s->ref.d = NULL;
	if (s->inode)
		inode_forget(&r->u->inodes, inode_node_id(s->inode), 1);
	s->inode = NULL;
}

int rename_side_find(struct rename *r, struct side *s)
{
	int e;

	if (s->dir->dir->is_removed)
		return -ENOENT;
	e = lookup_named(r->u, s->dir, s->name, &s->f, &s->inode);
	if (e == -ENOENT && !s->f.is_visible)
		return 0;
	return e;
}

/*
 * Whether the directories' flags forbid it: known before anything is copied up for what
 * will be refused. Without flags, the usual case, it costs nothing.
 */
static int check_dirs(struct rename *r)
{
	struct side *s = &r->to;
	int e;

	lock_take(&s->dir->lock);
	e = protattr_get(r->u, s->dir);
	if (e > 0 && !(e & FS_IMMUTABLE_FL)) {
		e = rename_side_find(r, s);
		if (e >= 0 && s->inode)
			e = -EPERM;
	} else if (e > 0) {
		e = -EPERM;
	}
	lock_drop(&s->dir->lock);
	rename_side_done(r, s);
	if (e < 0)
		return e;
	lock_scope(&r->from.dir->lock);
	return protattr_check(r->u, r->from.dir, PROTATTR_FLAGS);
}

/*
 * Whether the objects' own flags forbid it. Names of one object are no matter of
 * flags: nothing is done to them.
 */
static int check_objects(struct rename *r)
{
	struct side sides[] = {
		{ .dir = r->from.dir, .name = r->from.name, .ref.cache = &r->u->fds },
		{ .dir = r->to.dir, .name = r->to.name, .ref.cache = &r->u->fds },
	};
	int e = 0;

	for (unsigned i = 0; i < 2 && e >= 0; i++) {
		lock_take(&sides[i].dir->lock);
		e = rename_side_find(r, &sides[i]);
		lock_drop(&sides[i].dir->lock);
	}
	for (unsigned i = 0; i < 2 && e >= 0; i++) {
		if (sides[i].inode && sides[0].inode != sides[1].inode)
			e = protattr_check_unlocked(r->u, sides[i].inode,
						    PROTATTR_FLAGS);
	}
	rename_side_done(r, &sides[0]);
	rename_side_done(r, &sides[1]);
	return e < 0 ? e : 0;
}

int rename_lift_dirs(struct rename *r)
{
	bool are_up;
	int e = check_dirs(r);

	rwlock_take_read(&r->u->inodes.lock);
	are_up = dir_has_upper(r->from.dir->dir) && dir_has_upper(r->to.dir->dir);
	rwlock_drop_read(&r->u->inodes.lock);
	if (e >= 0 && !are_up && !union_is_read_only(r->u))
		e = check_objects(r);
	if (e >= 0)
		e = up_dir(r->u, r->from.dir);
	return e < 0 ? e : up_dir(r->u, r->to.dir);
}

/* Both names may change meanwhile. */
static int lift(struct rename *r, struct side *s)
{
	int e;

	lock_take(&s->dir->lock);
	e = rename_side_find(r, s);
	lock_drop(&s->dir->lock);
	if (e >= 0 && !s->inode)
		e = -ENOENT;
	if (e >= 0 && s->f.layer != LAYER_TOP)
		e = check_objects(r);
	if (e >= 0)
		e = up_name(r->u, r->call, s->dir, s->name, s->inode);
	rename_side_done(r, s);
	return e;
}

/* See change_unlink(): a name of several goes. */
static bool must_rise(struct rename *r, struct side *s)
{
	bool rises;
	int e;

	if (workdir_index_fd(r->u->work) < 0)
		return false;
	lock_take(&s->dir->lock);
	e = rename_side_find(r, s);
	lock_drop(&s->dir->lock);
	rises = e >= 0 && s->inode && !inode_is_dir(s->inode) &&
		s->f.layer != LAYER_TOP && s->f.stx.stx_nlink > 1;
	rename_side_done(r, s);
	return rises;
}

int rename_lift(struct rename *r)
{
	int e = lift(r, &r->from);

	if (e >= 0 && (r->is_exchange || must_rise(r, &r->to)))
		e = lift(r, &r->to);
	return e;
}
