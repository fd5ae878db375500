/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/locks.h - the order in which the union's locks are taken
 *
 * Take in this order, never backwards:
 *
 *	unionfs.rename		every rename between directories, and of a directory
 *	inode.lock		a directory before what is in it, directories before
 *				others, then by node id
 *	inode_table.lock	which inodes exist, their names, parts of directories
 *	fdcache.lock, data.lock, merge_cache.lock, unionfs.copying, pool's,
 *	passthrough.lock
 *				leaves: nothing else is taken while one is held
 *
 * "A directory before what is in it" needs no search: who holds a directory's
 * lock knows that nothing can be moved out of it meanwhile. Two directories of
 * which neither is in the other are locked only by a rename, which holds
 * unionfs.rename and so knows how they lie.
 *
 * No lock is held while file data is copied, across a fuse_reply_*(), or
 * while waiting for another process. Reads and writes hold none while the data
 * moves: they pin the backing descriptor (data.h) instead.
 */
#pragma once

#include "common/lock.h"
