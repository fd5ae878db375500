// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "unionfs/ops.h"
#include "unionfs/xattr.h"

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct inode *inode = op_inode(req, ino);
	struct unionfs *u = op_union(req);
	struct stat st;

	if (inode)
		reply_attr(u, req, attr_get(u, inode, &st), &st);
}

static int run_setattr(struct op *op)
{
	struct stat st;
	int r = attr_set(op->u, &op->call, op->inode, &op->change, &st);

	return reply_attr(op->u, op->req, r, &st);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		       int to_set, struct fuse_file_info *fi)
{
	struct op op = { .id = ino, .run = run_setattr,
			 .change = { .st = *attr, .set = to_set } };

	if (op_begin(&op, req))
		op_run(&op);
}

static bool has_no_xattrs(fuse_req_t req)
{
	if (!op_union(req)->options->no_xattrs)
		return false;
	fuse_reply_err(req, ENOSYS);
	return true;
}

static void reply_xattr(fuse_req_t req, ssize_t n, const char *value, size_t size)
{
	if (n < 0)
		reply_result(req, n);
	else if (size == 0)
		fuse_reply_xattr(req, n);
	else
		fuse_reply_buf(req, value, n);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	struct inode *inode;
	cleanup_free char *value = NULL;

	if (has_no_xattrs(req))
		return;
	inode = op_inode(req, ino);
	if (!inode)
		return;
	value = malloc(size ? size : 1);
	reply_xattr(req,
		    value ? xattr_get(op_union(req), inode, name, value, size)
			  : -ENOMEM,
		    value, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct inode *inode;
	cleanup_free char *value = NULL;

	if (has_no_xattrs(req))
		return;
	inode = op_inode(req, ino);
	if (!inode)
		return;
	value = malloc(size ? size : 1);
	reply_xattr(req,
		    value ? xattr_list(op_union(req), inode, value, size) : -ENOMEM,
		    value, size);
}

static int run_setxattr(struct op *op)
{
	return reply_result(op->req,
			    xattr_set(op->u, &op->call, op->inode, op->name,
				      op->data, op->size, op->flags));
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	struct op op = { .id = ino, .name = name, .data = value, .size = size,
			 .flags = flags, .run = run_setxattr };

	if (!has_no_xattrs(req) && op_begin(&op, req))
		op_run(&op);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct op op = { .id = ino, .name = name, .run = run_setxattr };

	if (!has_no_xattrs(req) && op_begin(&op, req))
		op_run(&op);
}

void ops_init_attr(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = op_getattr;
	ops->setattr = op_setattr;
	ops->getxattr = op_getxattr;
	ops->listxattr = op_listxattr;
	ops->setxattr = op_setxattr;
	ops->removexattr = op_removexattr;
}
