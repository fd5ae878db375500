/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/name.h - the half of the inode table that keeps names; for inode.c */
#pragma once

#include "unionfs/inode.h"

int names_init(struct inode_table *t);
void names_done(struct inode_table *t);

/** names_free() - free an inode's names without unlinking them from anywhere */
void names_free(struct inode *inode);

/** names_unlink() - take a name out of both lists and free it; its parent keeps
 *	the reference, which the caller gives back */
void names_unlink(struct inode_table *t, struct name *name) REQUIRES(t->lock);
