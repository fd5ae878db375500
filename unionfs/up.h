/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/up.h - what must be done before an object can be changed: copying it up
 *
 * How it works. Directories are copied up from the top, each under its parent's lock
 * and its own. A file's copy is built with no lock held; INODE_COPYING keeps
 * others from beginning the same, and only those who want to change this one
 * inode wait. It is published under the locks of the directory that has its name
 * then, which may be another than when the copy began, or none: an object whose
 * last name went meanwhile lives on as a descriptor.
 *
 * A large file that is to be written goes up in two steps: its attributes first, as
 * a metacopy, which is quick; then its data into that. A crash in between leaves
 * a correct metacopy.
 */
#pragma once

#include "unionfs/inode.h"

struct call;
struct unionfs;

enum up_need {
	UP_ATTRS,		/* the object itself; its data may stay below */
	UP_DATA,		/* and its data */
	UP_EMPTY,		/* it is about to be truncated to nothing */
};

/** up_dir() - make sure that a directory has an upper part; 0, -EROFS, -errno */
int up_dir(struct unionfs *u, struct inode *dir) EXCLUDES(dir->lock);

/**
 * up_name() - make sure that the upper has an inode, and by this name of it
 *
 * Of a file with several lower names only the one it was copied up by is in the
 * upper; the others lead there through the index. What is to be moved or removed
 * must be there itself. Return: as up_object(); 0 also if the name is not the inode's.
 */
int up_name(struct unionfs *u, const struct call *call, struct inode *dir,
	    const char *name, struct inode *inode) EXCLUDES(dir->lock, inode->lock);

/**
 * up_object() - make sure that what an inode shows is in the upper
 *
 * Return: 0, and it will stay so; -EROFS; -EINPROGRESS if this takes long and
 * @call may not wait; -EINTR if cancelled; -errno.
 */
int up_object(struct unionfs *u, const struct call *call, struct inode *inode,
	      enum up_need need) EXCLUDES(inode->lock);
