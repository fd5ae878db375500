/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "unionfs/ops.h"
#include "unionfs/protattr.h"
#include "unionfs/xattr.h"

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct unionfs *u = op_union(req);
	struct inode *inode = op_inode(req, ino);
	struct statx real;
	struct stat st;
	int r;

	if (!inode)
		return;
	r = attr_get_birth(u, inode, &st, &real);
	if (r >= 0 && session_request_asks_birth() && real.stx_mask & STATX_BTIME)
		session_extend_attr(&(struct timespec){ real.stx_btime.tv_sec,
							real.stx_btime.tv_nsec });
	reply_attr(u, req, r, inode, ino, &st);
}

static int run_setattr(struct op *op)
{
	struct stat st;
	int r = attr_set(op->u, &op->call, op->inode, &op->change, &st);

	if (r == 0 && op->change.set & FUSE_SET_ATTR_SIZE)
		r = handle_leave_lower(op->u, op->inode);
	if (r >= 0)
		handle_changed(op->u, op->inode, op->id);
	return reply_attr(op->u, op->req, r, op->inode, op->id, &st);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		       int to_set, struct fuse_file_info *fi)
{
	struct op op = { .id = ino, .run = run_setattr,
			 .change = { .st = *attr, .set = to_set,
				     .is_open = fi } };

	if (!op_begin(&op, req))
		return;
	op.call.is_privileged = !session_request_drops_privileges();
	if (ops_time_lost(op.inode, &op.change))
		op_getattr(req, ino, fi);
	else
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
	struct call call = { .pid = fuse_req_ctx(req)->pid };
	struct inode *inode;
	cleanup_free char *value = NULL;

	if (has_no_xattrs(req))
		return;
	inode = op_inode(req, ino);
	if (!inode)
		return;
	value = malloc(size ? size : 1);
	reply_xattr(req,
		    value ? xattr_list(op_union(req), &call, inode, value, size)
			  : -ENOMEM,
		    value, size);
}

static int run_setxattr(struct op *op)
{
	int r = xattr_set(op->u, &op->call, op->inode, op->name, op->data,
			  op->size, op->flags);

	if (r == 0)
		handle_changed(op->u, op->inode, op->id);
	return reply_result(op->req, r);
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

/*
 * What was written before a file is protected is in it: afterwards its pages are
 * refused.
 */
static int fetch_before(struct op *op, bool protects)
{
	return protects ? ops_fetch_pages(op) : 0;
}

static int run_set_flags(struct op *op)
{
	int flags, r;

	memcpy(&flags, op->data, sizeof(flags));
	r = fetch_before(op, flags & PROTATTR_FLAGS);
	return r < 0 ? r : attr_set_flags(op->u, &op->call, op->inode, flags);
}

static int run_set_xflags(struct op *op)
{
	struct fsxattr xflags;
	int r;

	memcpy(&xflags, op->data, sizeof(xflags));
	r = fetch_before(op, xflags.fsx_xflags & PROTATTR_XFLAGS);
	return r < 0 ? r : attr_set_xflags(op->u, &op->call, op->inode, &xflags);
}

/*
 * File attribute flags (chattr). Flags of a lower file cannot be kept by a copy on
 * another filesystem, so they are only read there, but for +i and +a.
 */
static int run_ioctl(struct op *op)
{
	struct fsxattr xflags = { 0 };
	int flags = 0, r;

	if (op->flags == (int)FS_IOC_GETFLAGS) {
		r = attr_get_flags(op->u, op->inode, &flags);
		if (r < 0)
			return reply_result(op->req, r);
		fuse_reply_ioctl(op->req, 0, &flags, sizeof(flags));
		return 0;
	}
	if (op->flags == (int)FS_IOC_FSGETXATTR) {
		r = attr_get_xflags(op->u, op->inode, &xflags);
		if (r < 0)
			return reply_result(op->req, r);
		fuse_reply_ioctl(op->req, 0, &xflags, sizeof(xflags));
		return 0;
	}
	r = op->flags == (int)FS_IOC_SETFLAGS ? run_set_flags(op) : run_set_xflags(op);
	if (r < 0)
		return reply_result(op->req, r);
	handle_changed(op->u, op->inode, op->id);
	handle_ask_anew(op->u, op->id);		/* the reply tells of no new ctime */
	fuse_reply_ioctl(op->req, 0, NULL, 0);
	return 0;
}

static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
		     struct fuse_file_info *fi, unsigned flags, const void *in_buf,
		     size_t in_size, size_t out_size)
{
	struct op op = { .id = ino, .flags = cmd, .data = in_buf, .size = in_size,
			 .notifies = true, .run = run_ioctl };
	bool reads = (cmd == FS_IOC_GETFLAGS && out_size >= sizeof(int)) ||
		     (cmd == FS_IOC_FSGETXATTR && out_size >= sizeof(struct fsxattr));
	bool writes = (cmd == FS_IOC_SETFLAGS && in_size >= sizeof(int)) ||
		      (cmd == FS_IOC_FSSETXATTR && in_size >= sizeof(struct fsxattr));

	if (flags & FUSE_IOCTL_COMPAT || (!reads && !writes)) {
		fuse_reply_err(req, ENOTTY);
		return;
	}
	if (op_begin(&op, req))
		op_run(&op);
}

void ops_init_attr(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = op_getattr;
	ops->setattr = op_setattr;
	ops->getxattr = op_getxattr;
	ops->ioctl = op_ioctl;
	ops->listxattr = op_listxattr;
	ops->setxattr = op_setxattr;
	ops->removexattr = op_removexattr;
}
