/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/dir_record.h - what a directory is made of, written down for successors
 *
 * How it works. A record is written anew with each change and then takes the place
 * of the one before in a single store. What does not fit into one block of the store
 * goes on in another.
 */
#pragma once

#include "unionfs/inode.h"

/**
 * dir_save() - write down what inode.dir says
 *
 * Call it after each change of what lasts. Without room for it the directory is
 * stale for successors.
 */
void dir_save(struct inode_table *t, struct inode *inode);

/** dir_load() - make inode.dir from the record; 0, -ENOMEM, -EPROTO if it is unusable */
int dir_load(struct inode_table *t, struct inode *inode);

/** dir_discard() - a record is not needed any more; 0 is fine */
void dir_discard(struct inode_table *t, uint32_t ref);

/** dir_sweep() - free the records that belong to no directory; 0 or -ENOMEM */
int dir_sweep(struct inode_table *t);
