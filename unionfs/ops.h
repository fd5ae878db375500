/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/ops.h - the FUSE operations: find the objects, call the core, reply once
 *
 * How it works. What may take long (copying up a large file) is described by a struct
 * op and run twice if need be: first by the thread that took the request, with
 * op.call.may_wait unset; when the core answers -EINPROGRESS, again by the pool
 * on a copy of the op, which waits and replies from there.
 */
#pragma once

#include "common/session.h"
#include "unionfs/attr.h"
#include "unionfs/handle.h"
#include "unionfs/union.h"

struct op {
	struct task task;		/* first */
	fuse_req_t req;
	struct session_passed *passed;	/* once it is in the pool */
	struct unionfs *u;
	struct call call;
	/* Replies and returns 0, or returns -EINPROGRESS without having replied. */
	int (*run)(struct op *op);
	fuse_ino_t id, other_id;
	struct inode *inode, *other;
	const char *name, *other_name;	/* lent; in a copy they are its own */
	const void *data;
	size_t size;
	off_t offset, other_offset;
	bool notifies;			/* it waits for the kernel: not in the pool for copies */
	int flags;
	struct attr_change change;
	struct fuse_file_info fi;
};

/** op_begin() - fill in what the request says of its caller, and find op.id's inode
 *	(and op.other_id's); replies and returns false if they are not there */
bool op_begin(struct op *op, fuse_req_t req);

/** op_run() - see above */
void op_run(struct op *op);

/** op_union() - what the session was started with */
struct unionfs *op_union(fuse_req_t req);

/** op_inode() - the inode of a node id; replies -ESTALE and returns NULL if unknown:
 *	then @req is gone, too late to ask op_union() */
struct inode *op_inode(fuse_req_t req, fuse_ino_t id);

/** reply_result() - 0 or an error; any error but -EINPROGRESS; returns 0 */
int reply_result(fuse_req_t req, int r);

/** reply_entry() - an inode that was counted once for the kernel, or an error */
int reply_entry(struct unionfs *u, fuse_req_t req, int r, struct inode *inode,
		const struct stat *st);

/** reply_attr() - attributes, or an error; @id is the one that was asked by */
int reply_attr(struct unionfs *u, fuse_req_t req, int r, const struct inode *inode,
	       fuse_ino_t id, const struct stat *st);

/** entry_param() - the same answer, to be put into something else */
struct fuse_entry_param entry_param(struct unionfs *u, const struct inode *inode,
				    const struct stat *st);

/**
 * opened_as() - tell the kernel how to treat an open file: the one place
 * @o:		from handle_open(); NULL with data=cached
 *
 * Right before the reply to OPEN or CREATE.
 */
void opened_as(struct unionfs *u, const struct opened *o, struct fuse_file_info *fi);

/** ops_prune() - if there are more inodes than there may be, have the kernel forget some */
void ops_prune(struct unionfs *u);

/**
 * ops_fetch_pages() - have the kernel write back what it has of op.inode; op.notifies is set
 *
 * Return: 0; -EINPROGRESS where op.call may not wait; -errno.
 */
int ops_fetch_pages(struct op *op);

/** ops_pages_lost() - a page of the kernel's could not be written back */
void ops_pages_lost(struct unionfs *u, struct inode *inode, fuse_ino_t id);

/**
 * ops_time_lost() - is this change the time of a write that was lost
 *
 * The kernel keeps the times of written files and hands them in after the pages: a
 * file that could not be written must not look as if it had been. True once.
 */
bool ops_time_lost(struct inode *inode, const struct attr_change *change);

/** ops_time_found() - something was written after all */
void ops_time_found(struct inode *inode);

/** ops_negotiate() - what to ask the kernel for; see struct session_service */
void ops_negotiate(void *userdata, struct fuse_conn_info *conn);

/* Each sets its operations in the table. */
void ops_init_session(struct fuse_lowlevel_ops *ops);
void ops_init_name(struct fuse_lowlevel_ops *ops);
void ops_init_change(struct fuse_lowlevel_ops *ops);
void ops_init_attr(struct fuse_lowlevel_ops *ops);
void ops_init_data(struct fuse_lowlevel_ops *ops);
