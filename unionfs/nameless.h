/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/nameless.h - upper objects that no name leads to, held by a descriptor
 *
 * How it works. A file may be open, or a directory be somebody's working directory,
 * when its last name goes. The kernel does not say so; so the object is held until the
 * kernel forgets the inode. The holder gets a descriptor as well, before the name goes:
 * a successor finds the object there.
 *
 * What the kernel forgot may be lost with a worker, and what a worker counted may never
 * have been said. So a successor asks the kernel for each inode that it took up. One that
 * has no name will not be looked up: if the kernel has it not, it never will. Only of a
 * file that was made without a name the kernel may yet be about to hear.
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

/**
 * nameless_ask() - in a successor, before it serves: let go what the kernel forgot
 *
 * Asks in a thread of its own. Where that cannot be started the next successor asks.
 */
void nameless_ask(struct unionfs *u);
