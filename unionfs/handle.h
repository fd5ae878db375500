/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/handle.h - open files of a mount with data=passthrough
 *
 * How it works. The kernel itself reads and writes the backing file of an inode that
 * is opened so, and must be given the same file by every open of the inode: the
 * upper's, or in a union that cannot change any. A lower file that may yet be copied
 * up is opened the ordinary way, through our READ; so are all opens of an inode as
 * long as one such is left, for the kernel allows one way at a time.
 *
 * Once an inode is in the upper and was closed, it is opened in passthrough for ever
 * after: pages cached before are not used any more.
 */
#pragma once

#include <stdint.h>

#include "unionfs/inode.h"

struct call;
struct unionfs;

struct opened {
	int32_t backing_id;	/* 0: through our READ and WRITE */
	bool keeps_pages;	/* those cached before are right */
};

/**
 * handle_open() - open a regular file
 * @flags:	as open(2)'s; O_TRUNC truncates
 *
 * Return: 0, to be given back with handle_release(); -EINPROGRESS, see up_object();
 * whatever copying up may fail with.
 */
int handle_open(struct unionfs *u, const struct call *call, struct inode *inode,
		int flags, struct opened *ret) EXCLUDES(inode->lock);

/** handle_release() - one open with this backing id was closed */
void handle_release(struct unionfs *u, struct inode *inode, int32_t backing_id)
	EXCLUDES(inode->lock);
