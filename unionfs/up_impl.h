/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/up_impl.h - the steps of copying up that up.c and up_data.c share */
#pragma once

#include "unionfs/copy_up.h"
#include "unionfs/inode.h"
#include "unionfs/up.h"

/** up_entry() - in its directory's table the name is the upper's now */
void up_entry(struct unionfs *u, struct inode *dir, const char *name)
	REQUIRES(dir->lock);

/**
 * up_source() - where a lower file's data is, if the file is a metacopy itself
 * @ret_fd:	the data, or -1; owned by the caller
 *
 * Completes @copy: the data's descriptor, and for a metacopy the redirect that
 * leads to the data.
 */
int up_source(struct unionfs *u, struct inode *inode, struct copy_up *copy,
	      int *ret_fd) REQUIRES(inode->lock);

/** up_object_as() - up_object(), by this name if the inode has it */
int up_object_as(struct unionfs *u, const struct call *call, struct inode *inode,
		 enum up_need need, struct inode *dir, const char *name);

/** up_fill() - bring up the data of a metacopy in the upper, or drop it */
int up_fill(struct unionfs *u, const struct call *call, struct inode *inode,
	    enum up_need need);

/**
 * up_other_names() - link the other names known of a hard-linked file to its copy
 *
 * Also where the index would find the copy: an upper that is taken away from its index,
 * to become a lower layer, must hold what was seen under every name.
 */
int up_other_names(struct unionfs *u, struct inode *inode);

/** up_lacks_names() - it is up, and by a name that is known it is not yet */
bool up_lacks_names(const struct inode *inode) REQUIRES(inode->lock);

/** up_wait() - until nobody copies the inode */
void up_wait(struct unionfs *u, struct inode *inode);

/** up_end() - INODE_COPYING goes away */
void up_end(struct unionfs *u, struct inode *inode);
