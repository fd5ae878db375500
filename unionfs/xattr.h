/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/xattr.h - extended attributes as clients see them: the overlay's are hidden */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "unionfs/inode.h"

struct call;
struct unionfs;
struct where;

/**
 * xattr_may_have() - does an object have an attribute, as far as one listing tells
 * @attr:	its name on disk
 *
 * Learns what else the list says: that there is nothing for clients to see, no
 * capability, no mark of a metacopy. Return: false if it is certainly not there.
 */
bool xattr_may_have(struct unionfs *u, struct inode *inode, const struct where *w,
		    const char *attr) REQUIRES(inode->lock);

/** xattr_get() - the length, also if @size is 0; -ENODATA, -ERANGE, -errno */
ssize_t xattr_get(struct unionfs *u, struct inode *inode, const char *name,
		  void *value, size_t size) EXCLUDES(inode->lock);

/** xattr_list() - the same for the list of names, each followed by a NUL;
 *	"trusted." ones only for CAP_SYS_ADMIN */
ssize_t xattr_list(struct unionfs *u, const struct call *call,
		   struct inode *inode, char *list, size_t size) EXCLUDES(inode->lock);

/** xattr_set() - copies the object up first; @value NULL removes */
int xattr_set(struct unionfs *u, const struct call *call, struct inode *inode,
	      const char *name, const void *value, size_t size, int flags)
	EXCLUDES(inode->lock);
