/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/ops_lost.c - when pages could not be written back
 *
 * The kernel counts a page as clean once it was written back, also where we answered
 * that it could not be; whoever reads the file then sees data that is nowhere. So
 * the pages are dropped, and the names too: with them goes the kernel's inode once
 * it is closed, whose size and time are those of the lost write.
 */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "unionfs/ops.h"

struct lost {
	struct task task;	/* first */
	struct unionfs *u;
	fuse_ino_t id;
};

/* The n-th name that is not gone, in a place of its own; false if there are fewer. */
static bool copy_name(struct unionfs *u, fuse_ino_t id, unsigned n,
		      fuse_ino_t *ret_parent, char text[NAME_MAX + 1])
{
	struct inode *inode = inode_by_node_id(&u->inodes, id);
	struct name *name;

	if (!inode)
		return false;
	lock_scope(&inode->lock);
	for (name = inode->names; name; name = name->inode_next) {
		if (name->is_gone || n-- > 0)
			continue;
		*ret_parent = inode_node_id(inode_at(&u->inodes, name->parent));
		memcpy(text, name->text, name->length + 1);
		return true;
	}
	return false;
}

static void set_pending(struct unionfs *u, fuse_ino_t id, bool pending)
{
	struct inode *inode = inode_by_node_id(&u->inodes, id);

	if (!inode)
		return;
	lock_scope(&inode->lock);
	inode->flags &= ~INODE_LOST;
	inode->flags |= pending ? INODE_LOST : 0;
}

/* In a thread of its own: one that serves requests would wait for its own answers. */
static void forget_pages(struct task *task)
{
	struct lost *l = (struct lost *)task;
	struct fuse_session *fuse = session_fuse(l->u->session);
	char text[NAME_MAX + 1];
	fuse_ino_t parent;

	/* Each may fail because the kernel has forgotten it already. */
	(void)fuse_lowlevel_notify_inval_inode(fuse, l->id, 0, 0);
	for (unsigned n = 0; copy_name(l->u, l->id, n, &parent, text); n++)
		(void)fuse_lowlevel_notify_inval_entry(fuse, parent, text,
						       strlen(text));
	set_pending(l->u, l->id, false);
	free(l);
}

bool ops_time_lost(struct inode *inode, const struct attr_change *c)
{
	const int times = FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_CTIME;

	if (!inode_has(inode, INODE_LOST_TIME) || c->set != times)
		return false;
	lock_scope(&inode->lock);
	inode->flags &= ~INODE_LOST_TIME;
	return true;
}

void ops_time_found(struct inode *inode)
{
	lock_scope(&inode->lock);
	inode->flags &= ~INODE_LOST_TIME;
}

void ops_pages_lost(struct unionfs *u, struct inode *inode, fuse_ino_t id)
{
	struct lost *l;

	lock_take(&inode->lock);
	inode->flags |= INODE_LOST_TIME;
	lock_drop(&inode->lock);
	/* Dropping the pages may lose more of them: once is enough. */
	if (inode_has(inode, INODE_LOST))
		return;
	l = malloc(sizeof(*l));
	if (!l)
		return;
	*l = (struct lost){ .task.run = forget_pages, .u = u, .id = id };
	set_pending(u, id, true);
	if (pool_submit(u->notifier, &l->task) < 0) {
		set_pending(u, id, false);
		free(l);
	}
}
