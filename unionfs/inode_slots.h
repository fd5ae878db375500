/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/inode_slots.h - the part of the inode table that finds free slots; for inode.c */
#pragma once

#include "unionfs/inode.h"

int slots_init(struct inode_table *t);
void slots_done(struct inode_table *t);

/** slots_adopt() - find out which slots are in use, and make the locks of all */
void slots_adopt(struct inode_table *t) REQUIRES(t->lock);

/** slot_take() - a slot that is not in use, NULL if there is none left */
struct inode *slot_take(struct inode_table *t) REQUIRES(t->lock);

/** slot_give() - the inode there is gone, its .type DT_UNKNOWN */
void slot_give(struct inode_table *t, struct inode *inode) REQUIRES(t->lock);
