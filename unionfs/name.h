/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/name.h - the half of the inode table that keeps names; for inode.c */
#pragma once

#include "unionfs/inode.h"

int names_init(struct inode_table *t);
void names_done(struct inode_table *t);

/** name_is_sane() - can that be a name, as a worker that died left it */
bool name_is_sane(const struct inode_table *t, const struct name *name);

/** names_link() - put a name that is complete into both lists */
void names_link(struct inode_table *t, struct name *name) REQUIRES(t->lock);

/** names_unlink() - take a name out of both lists and free it; its parent keeps
 *	the reference, which the caller gives back */
void names_unlink(struct inode_table *t, struct name *name) REQUIRES(t->lock);
