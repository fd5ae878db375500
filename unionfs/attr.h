/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/attr.h - attributes as the union shows them, and changing them */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "unionfs/inode.h"

struct call;
struct fsxattr;
struct unionfs;

/** attr_shown() - what a client sees of an object's attributes */
void attr_shown(struct unionfs *u, struct inode *inode, const struct statx *stx,
		struct stat *ret);

/** attr_get() - 0 or -errno */
int attr_get(struct unionfs *u, struct inode *inode, struct stat *ret)
	EXCLUDES(inode->lock);

/** attr_get_birth() - the same, and those of the layer's object, in which stx_btime is
 *	what kernel overlay shows, too: that of the copy once there is one */
int attr_get_birth(struct unionfs *u, struct inode *inode, struct stat *ret,
		   struct statx *ret_real) EXCLUDES(inode->lock);

struct attr_change {
	struct stat st;		/* ids as the client gave them */
	int set;		/* FUSE_SET_ATTR_* */
	bool is_open;		/* ftruncate(2): changes times whatever the size was */
};

/**
 * attr_set() - change attributes; copies up what must be
 *
 * Return: 0 with the new attributes; -EROFS; -EOVERFLOW for ids that the layers
 * cannot hold; -EINPROGRESS, see up_object(); -errno.
 */
int attr_set(struct unionfs *u, const struct call *call, struct inode *inode,
	     const struct attr_change *change, struct stat *ret)
	EXCLUDES(inode->lock);

/** attr_drop_privileges() - a write takes suid and sgid away; 1 if there were any, 0,
 *	or -errno */
int attr_drop_privileges(struct unionfs *u, const struct call *call, int fd);

/** attr_get_flags() - FS_*_FL flags as chattr(1) sees them; 0 or -errno */
int attr_get_flags(struct unionfs *u, struct inode *inode, int *ret)
	EXCLUDES(inode->lock);

/** attr_get_xflags() - the same, in the form of FS_IOC_FSGETXATTR */
int attr_get_xflags(struct unionfs *u, struct inode *inode, struct fsxattr *ret)
	EXCLUDES(inode->lock);

/** attr_set_flags() - set them; copies the object up first. Who may set them is seen to
 *	by the kernel */
int attr_set_flags(struct unionfs *u, const struct call *call,
		   struct inode *inode, int flags) EXCLUDES(inode->lock);

/** attr_set_xflags() - the same, in the form of FS_IOC_FSSETXATTR: project ids, too */
int attr_set_xflags(struct unionfs *u, const struct call *call,
		    struct inode *inode, const struct fsxattr *xflags)
	EXCLUDES(inode->lock);
