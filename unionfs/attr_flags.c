/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/attr.h"
#include "unionfs/protattr.h"
#include "unionfs/union.h"
#include "unionfs/up.h"
#include "unionfs/where.h"

/* Only files and directories have flags, and only they are safe to open. */
static int open_for_flags(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
	cleanup_where struct where w = WHERE_INIT;
	char path[32];
	int r;

	if (inode->type != DT_REG && inode->type != DT_DIR)
		return -ENOTTY;
	r = where_find(u, inode, &w);
	if (r < 0)
		return r;
	if (w.name[0])
		return neg_errno(openat(w.dir_fd, w.name, flags | O_NOFOLLOW));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w.dir_fd);
	return neg_errno(open(path, flags));
}

/*
 * What the object's own filesystem says of it, and what its mark does. The kernel asks
 * for the second form also before it has flags set, to see who may.
 */
int attr_get_flags(struct unionfs *u, struct inode *inode, int *ret)
{
	cleanup_fd int fd = -1;
	int r;

	lock_scope(&inode->lock);
	fd = open_for_flags(u, inode);
	r = fd < 0 ? fd : neg_errno(ioctl(fd, FS_IOC_GETFLAGS, ret));
	if (r >= 0)
		r = protattr_get(u, inode);
	if (r < 0)
		return r;
	*ret |= r;
	return 0;
}

int attr_get_xflags(struct unionfs *u, struct inode *inode, struct fsxattr *ret)
{
	cleanup_fd int fd = -1;
	int r;

	lock_scope(&inode->lock);
	fd = open_for_flags(u, inode);
	r = fd < 0 ? fd : neg_errno(ioctl(fd, FS_IOC_FSGETXATTR, ret));
	if (r >= 0)
		r = protattr_get(u, inode);
	if (r < 0)
		return r;
	if (r & FS_APPEND_FL)
		ret->fsx_xflags |= FS_XFLAG_APPEND;
	if (r & FS_IMMUTABLE_FL)
		ret->fsx_xflags |= FS_XFLAG_IMMUTABLE;
	return 0;
}

int attr_set_flags(struct unionfs *u, const struct call *call,
		   struct inode *inode, int flags)
{
	int own = flags & ~PROTATTR_FLAGS, r;
	cleanup_fd int fd = -1;

	r = up_object(u, call, inode, UP_ATTRS);
	if (r < 0)
		return r;
	lock_scope(&inode->lock);
	fd = open_for_flags(u, inode);
	r = fd < 0 ? fd : neg_errno(ioctl(fd, FS_IOC_SETFLAGS, &own));
	return r < 0 ? r : protattr_set(u, inode, flags);
}

int attr_set_xflags(struct unionfs *u, const struct call *call,
		    struct inode *inode, const struct fsxattr *xflags)
{
	struct fsxattr own = *xflags;
	cleanup_fd int fd = -1;
	int flags = 0, r;

	own.fsx_xflags &= ~PROTATTR_XFLAGS;
	if (xflags->fsx_xflags & FS_XFLAG_APPEND)
		flags |= FS_APPEND_FL;
	if (xflags->fsx_xflags & FS_XFLAG_IMMUTABLE)
		flags |= FS_IMMUTABLE_FL;
	r = up_object(u, call, inode, UP_ATTRS);
	if (r < 0)
		return r;
	lock_scope(&inode->lock);
	fd = open_for_flags(u, inode);
	r = fd < 0 ? fd : neg_errno(ioctl(fd, FS_IOC_FSSETXATTR, &own));
	return r < 0 ? r : protattr_set(u, inode, flags);
}
