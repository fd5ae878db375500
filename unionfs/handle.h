/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/handle.h - open files of a mount with data=passthrough or data=all
 *
 * How it works. The kernel itself reads and writes the backing file of an inode that
 * is opened so, and must be given the same file by every open of the inode: the
 * upper's, or where lower files are passed as well, the lower one. Otherwise a lower
 * file is opened the ordinary way, through our READ; so are all opens of an inode as
 * long as one such is left, for the kernel allows one way at a time.
 *
 * Once an inode is in the upper and was closed, it is opened in passthrough for ever
 * after: pages cached before are not used any more.
 *
 * When a file whose lower data is passed is to be written, it is copied up and gets a
 * new node id (inode_renew()), which is another inode to the kernel and can be given
 * another file. OPEN by the older id answers -ESTALE: the kernel then looks the name
 * up again and nobody sees it. Files open until then go on reading what they had. Once
 * these are closed the older id may be opened again, with the same file as the new one:
 * a bind mount of the file knows no other.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "unionfs/inode.h"

struct call;
struct unionfs;

struct opened {
	int32_t backing_id;	/* 0: through our READ and WRITE */
	bool is_direct;		/* only maps are passed */
	bool keeps_pages;	/* those cached before are right */
};

/**
 * handle_open() - open a regular file
 * @id:		the node id that the request named
 * @flags:	as open(2)'s; O_TRUNC truncates; with O_CREAT it was just made
 * @is_plain:	it is known to have no set-id bits
 *
 * Return: 0, to be given back with handle_release(); -EINPROGRESS, see up_object();
 * -ESTALE if the inode must be opened by its newer node id; whatever copying up may fail with.
 */
int handle_open(struct unionfs *u, const struct call *call, struct inode *inode,
		uint64_t id, int flags, bool is_plain, struct opened *ret)
	EXCLUDES(inode->lock);

/** handle_release() - one open with this backing id and these flags was closed */
void handle_release(struct unionfs *u, struct inode *inode, uint64_t id,
		    int32_t backing_id, int flags) EXCLUDES(inode->lock);

/** handle_leave_lower() - its data is another now: if the kernel reads lower data,
 *	no one shall open that again. Return: 1 if so, else 0; -ENOMEM */
int handle_leave_lower(struct unionfs *u, struct inode *inode)
	EXCLUDES(inode->lock);

/** handle_ask_anew() - what the kernel knows of its attributes by this id has changed */
void handle_ask_anew(struct unionfs *u, uint64_t id);

/** handle_changed() - by its other node ids the inode must be asked for anew */
void handle_changed(struct unionfs *u, struct inode *inode, uint64_t id);

/** handle_is_passed() - does the kernel read and write its file at the moment */
bool handle_is_passed(struct inode *inode) EXCLUDES(inode->lock);
