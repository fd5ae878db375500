/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/protattr.h - files that must not change, or only grow: chattr +i and +a
 *
 * Set on the upper object itself these flags would keep the overlay from its own work
 * there, so a mark says them, "protattr", of the letters "a" and "i", and the overlay
 * sees to it that they are obeyed. Only files and directories have it. A lower object
 * has the flags themselves; its copy gets the mark.
 *
 * Objects that certainly have neither are remembered as INODE_UNPROTECTED: lower ones by
 * the look that every lookup takes, and what was made in this mount. Others are looked
 * at once.
 */
#pragma once

#include "unionfs/inode.h"

struct unionfs;

/** protattr_get() - FS_IMMUTABLE_FL, FS_APPEND_FL, both or 0; or -errno */
int protattr_get(struct unionfs *u, struct inode *inode) REQUIRES(inode->lock);

/** protattr_check() - -EPERM if the inode has any of these flags; 0; -errno */
int protattr_check(struct unionfs *u, struct inode *inode, int flags)
	REQUIRES(inode->lock);

/** protattr_check_unlocked() - protattr_check() for who does not hold the inode */
int protattr_check_unlocked(struct unionfs *u, struct inode *inode, int flags)
	EXCLUDES(inode->lock);

/** protattr_check_write() - may one write, who opened it with these O_* flags */
int protattr_check_write(struct unionfs *u, struct inode *inode, int open_flags)
	EXCLUDES(inode->lock);

/** protattr_set() - write the mark of an upper object, or take it away */
int protattr_set(struct unionfs *u, struct inode *inode, int flags)
	REQUIRES(inode->lock);

#define PROTATTR_FLAGS	(FS_APPEND_FL | FS_IMMUTABLE_FL)
#define PROTATTR_XFLAGS (FS_XFLAG_APPEND | FS_XFLAG_IMMUTABLE)
