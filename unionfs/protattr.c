/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/protattr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "unionfs/force.h"
#include "unionfs/marks.h"
#include "unionfs/overlay_xattr.h"
#include "unionfs/union.h"
#include "unionfs/where.h"
#include "unionfs/xattr.h"

#define VALUE_MAX 32		/* of the kernel's overlay */

/* The mark is the overlay's business: the object's mode has no say in it. */
static ssize_t read_mark(struct unionfs *u, const struct where *w, char *value)
{
	ssize_t n = overlay_xattr_get(u->ns, w->dir_fd, w->name, OVERLAY_PROTATTR,
				      value, VALUE_MAX);
	mode_t mode;

	if (n != -EACCES || force_begin(w->dir_fd, w->name, &mode) < 0)
		return n;
	n = overlay_xattr_get(u->ns, w->dir_fd, w->name, OVERLAY_PROTATTR, value,
			      VALUE_MAX);
	force_end(w->dir_fd, w->name, mode);
	return n;
}

static int parse(const char *value, size_t length)
{
	int flags = 0;

	if (memchr(value, 'a', length))
		flags |= FS_APPEND_FL;
	if (memchr(value, 'i', length))
		flags |= FS_IMMUTABLE_FL;
	return flags;
}

static bool can_have(const struct unionfs *u, const struct inode *inode)
{
	return (inode->type == DT_REG || inode->type == DT_DIR) &&
	       !inode_has(inode, INODE_UNPROTECTED) &&
	       (inode->layer != LAYER_TOP ||
		layer_traits(u->layers[LAYER_TOP])->has_xattrs);
}

static int get_lower(struct unionfs *u, struct inode *inode, const struct where *w)
	REQUIRES(inode->lock)
{
	struct statx stx;
	int r = stat_in(u, inode->layer, w->dir_fd, w->name, &stx);

	if (r < 0)
		return r;
	r = protattr_of(&stx);
	if (r == 0)
		inode->flags |= INODE_UNPROTECTED;
	return r;
}

int protattr_get(struct unionfs *u, struct inode *inode)
{
	cleanup_where struct where w = WHERE_INIT;
	char attr[OVERLAY_ATTR_SIZE], value[VALUE_MAX];
	ssize_t n;
	int r;

	if (!can_have(u, inode))
		return 0;
	r = where_find(u, inode, &w);
	if (r < 0)
		return r;
	if (inode->layer != LAYER_TOP)
		return get_lower(u, inode, &w);
	overlay_xattr_name(u->ns, OVERLAY_PROTATTR, attr);
	n = xattr_may_have(u, inode, &w, attr) ? read_mark(u, &w, value) : -ENODATA;
	if (n == -ENODATA)
		inode->flags |= INODE_UNPROTECTED;
	/* Too long to be a mark: the kernel's overlay does not see one there either. */
	if (n == -ENODATA || n == -ERANGE)
		return 0;
	return n < 0 ? n : parse(value, n);
}

int protattr_check(struct unionfs *u, struct inode *inode, int flags)
{
	int has = protattr_get(u, inode);

	if (has < 0)
		return has;
	return has & flags ? -EPERM : 0;
}

int protattr_check_unlocked(struct unionfs *u, struct inode *inode, int flags)
{
	lock_scope(&inode->lock);
	return protattr_check(u, inode, flags);
}

int protattr_check_write(struct unionfs *u, struct inode *inode, int open_flags)
{
	/* Each write asks; only who sets a flag, which no write must wait for, unsets this. */
	if (inode_has(inode, INODE_UNPROTECTED))
		return 0;
	lock_scope(&inode->lock);
	return protattr_check(u, inode, open_flags & O_APPEND ? FS_IMMUTABLE_FL
							      : PROTATTR_FLAGS);
}

int protattr_set(struct unionfs *u, struct inode *inode, int flags)
{
	cleanup_where struct where w = WHERE_INIT;
	int r = where_find(u, inode, &w);

	if (r < 0)
		return r;
	/* First: a worker that goes on after us must not believe otherwise. */
	inode->flags &= ~INODE_UNPROTECTED;
	r = protattr_write(u->ns, w.dir_fd, w.name, flags);
	if (r >= 0 && !(flags & PROTATTR_FLAGS))
		inode->flags |= INODE_UNPROTECTED;
	return r;
}
