/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/nameless.h - upper objects that no name leads to, held by a descriptor
 *
 * How it works. A file may be open, or a directory be somebody's working directory,
 * when its last name goes. The kernel does not say so; so the object is held until the
 * kernel forgets the inode. The holder gets a descriptor as well, before the name goes:
 * a successor finds the object there.
 */
#pragma once

#include "unionfs/inode.h"

struct unionfs;

/**
 * nameless_hold() - hold an object
 * @take_fd:	of the object; or its backing's, from data_lend()
 *
 * Where the holder has no room the object is lost with this worker.
 */
void nameless_hold(struct unionfs *u, struct inode *inode, int take_fd)
	REQUIRES(inode->lock);

/** nameless_drop() - it has a name after all, or the inode goes; fine if not held */
void nameless_drop(struct unionfs *u, struct inode *inode);

/** nameless_adopt() - in a successor: take up what the holder has */
void nameless_adopt(struct unionfs *u);
