/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/call.h"
#include "unionfs/data.h"
#include "unionfs/ops.h"
#include "unionfs/protattr.h"

static int run_open(struct op *op)
{
	struct opened opened;
	int r = handle_open(op->u, &op->call, op->inode, op->id, op->fi.flags,
			    false, &opened);

	if (r < 0)
		return reply_result(op->req, r);
	opened_as(op->u, &opened, &op->fi);
	if (fuse_reply_open(op->req, &op->fi) == -ENOENT)
		handle_release(op->u, op->inode, op->id, opened.backing_id,
			       op->fi.flags);
	return 0;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op op = { .id = ino, .fi = *fi, .run = run_open };

	/*
	 * With data=cached the kernel opens and closes by itself: requests name the
	 * inode, and that is all.
	 */
	if (!op_union(req)->passes_data) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	if (!op_begin(&op, req))
		return;
	if (fi->flags & O_TRUNC)
		op.call.is_privileged = call_has_capability(&op.call, CAP_FSETID);
	op_run(&op);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct unionfs *u = op_union(req);
	struct inode *inode = inode_by_node_id(&u->inodes, ino);

	if (u->passes_data && inode)
		handle_release(u, inode, ino, fi->fh, fi->flags);
	fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct unionfs *u = op_union(req);
	struct inode *inode = op_inode(req, ino);
	cleanup_free char *data = NULL;
	struct backing *b;
	ssize_t n;

	if (!inode)
		return;
	data = malloc(size);
	n = data ? data_read(u, inode, &b) : -ENOMEM;
	if (n >= 0) {
		n = neg_errno64(pread(b->fd, data, size, off));
		data_put(&u->data, b);
	}
	if (n < 0)
		reply_result(req, n);
	else
		fuse_reply_buf(req, data, n);
}

/* All of it, or the error: the kernel's pages count as written afterwards. */
static ssize_t write_all(int fd, const char *data, size_t size, off_t off)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, data + done, size - done, off + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && done == 0)
			return -errno;
		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

/* The kernel, which runs programs by the mode it knows, must not go on with the old. */
static int drop_privileges(struct op *op, fuse_ino_t id, int fd)
{
	int r = attr_drop_privileges(op->u, &op->call, fd);

	if (r > 0)
		handle_ask_anew(op->u, id);
	return r < 0 ? r : 0;
}

/*
 * A page holds what is around a change as well: of a file that only grows it may not
 * differ in what the file has.
 */
static int check_only_grows(struct op *op)
{
	cleanup_free char *old = malloc(op->size);
	struct backing *b;
	ssize_t n = old ? data_read(op->u, op->inode, &b) : -ENOMEM;

	if (n < 0)
		return n;
	n = neg_errno64(pread(b->fd, old, op->size, op->offset));
	data_put(&op->u->data, b);
	if (n < 0)
		return n;
	return memcmp(old, op->data, n) == 0 ? 0 : -EPERM;
}

/*
 * With data=cached nobody asked when the file was opened, so what chattr forbids is found
 * here; of pages that are written back it is close(2) or fsync(2) that fails.
 */
static int check_write(struct op *op)
{
	int r;

	/* Opens that are seen let in what is written through them. */
	if (op->u->passes_data)
		return 0;
	if (!op->flags)
		return protattr_check_write(op->u, op->inode, op->fi.flags);
	r = protattr_check_write(op->u, op->inode, 0);
	if (r != -EPERM || protattr_check_write(op->u, op->inode, O_APPEND) < 0)
		return r;
	return check_only_grows(op);
}

static int run_write(struct op *op)
{
	struct backing *b;
	ssize_t n = check_write(op);
	int r;

	if (n >= 0)
		n = data_write(op->u, &op->call, op->inode, &b);
	if (n == -EINPROGRESS)
		return n;
	if (n >= 0) {
		n = write_all(b->fd, op->data, op->size, op->offset);
		r = n < 0 ? 0 : drop_privileges(op, op->id, b->fd);
		n = r < 0 ? r : n;
		data_put(&op->u->data, b);
	}
	if (n < (ssize_t)op->size && op->flags)
		ops_pages_lost(op->u, op->inode, op->id);
	else if (inode_has(op->inode, INODE_LOST_TIME))
		ops_time_found(op->inode);
	if (n < 0)
		return reply_result(op->req, n);
	fuse_reply_write(op->req, n);
	return 0;
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		     off_t off, struct fuse_file_info *fi)
{
	struct op op = { .id = ino, .data = buf, .size = size, .offset = off,
			 .flags = fi->writepage, .fi = *fi, .run = run_write };

	if (!op_begin(&op, req))
		return;
	/* Pages written back later were let in with all that goes with it. */
	op.call.is_privileged = fi->writepage ||
				!session_request_drops_privileges();
	op_run(&op);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	struct unionfs *u = op_union(req);
	struct inode *inode = op_inode(req, ino);

	if (!inode)
		return;
	if (u->options->is_volatile || !u->options->fsync)
		fuse_reply_err(req, ENOSYS);
	else
		reply_result(req, data_sync(u, inode, datasync));
}

/* Room may be made in what only grows. */
static int fallocate_as(int mode)
{
	return mode & ~FALLOC_FL_KEEP_SIZE ? 0 : O_APPEND;
}

static int run_fallocate(struct op *op)
{
	struct backing *b;
	int r = protattr_check_write(op->u, op->inode, fallocate_as(op->flags));

	if (r >= 0)
		r = data_write(op->u, &op->call, op->inode, &b);
	if (r < 0)
		return reply_result(op->req, r);
	r = neg_errno(fallocate(b->fd, op->flags, op->offset, op->size));
	if (r >= 0)
		r = drop_privileges(op, op->id, b->fd);
	data_put(&op->u->data, b);
	return reply_result(op->req, r);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset,
			 off_t length, struct fuse_file_info *fi)
{
	struct op op = { .id = ino, .flags = mode, .offset = offset,
			 .size = length, .run = run_fallocate };

	if (!op_begin(&op, req))
		return;
	op.call.is_privileged = call_has_capability(&op.call, CAP_FSETID);
	op_run(&op);
}

/*
 * Dropping the inode's pages writes the dirty ones. Not by a thread that serves
 * requests, for that is a wait for our own writes.
 */
int ops_fetch_pages(struct op *op)
{
	int r;

	if (!op->u->options->writeback || !op->u->work || handle_is_passed(op->inode))
		return 0;
	if (!op->call.may_wait)
		return -EINPROGRESS;
	r = fuse_lowlevel_notify_inval_inode(session_fuse(op->u->session), op->id,
					     0, 0);
	return r == -ENOENT ? 0 : r;
}

/*
 * The kernel looks for holes in what we have, not in the pages it has yet to write
 * back. So those are fetched first, also of a lower file: they make it an upper one.
 */
static int run_lseek(struct op *op)
{
	struct backing *b;
	int64_t n = ops_fetch_pages(op);

	if (n >= 0)
		n = data_read(op->u, op->inode, &b);
	if (n >= 0) {
		n = neg_errno64(lseek(b->fd, op->offset, op->flags));
		data_put(&op->u->data, b);
	}
	if (n < 0)
		return reply_result(op->req, n);
	fuse_reply_lseek(op->req, n);
	return 0;
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	struct op op = { .id = ino, .offset = off, .flags = whence,
			 .notifies = true, .run = run_lseek };

	if (op_begin(&op, req))
		op_run(&op);
}

/* To write first: a file that is copied into itself must not be pinned before. */
static int run_copy(struct op *op)
{
	struct backing *from, *to;
	ssize_t n = protattr_check_write(op->u, op->other, 0);

	if (n >= 0)
		n = data_write(op->u, &op->call, op->other, &to);
	if (n < 0)
		return reply_result(op->req, n);
	n = data_read(op->u, op->inode, &from);
	if (n >= 0) {
		n = neg_errno64(copy_file_range(from->fd, &op->offset, to->fd,
						&op->other_offset, op->size, 0));
		data_put(&op->u->data, from);
	}
	if (n >= 0) {
		int r = drop_privileges(op, op->other_id, to->fd);

		n = r < 0 ? r : n;
	}
	data_put(&op->u->data, to);
	if (n < 0)
		return reply_result(op->req, n);
	fuse_reply_write(op->req, n);
	return 0;
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			       struct fuse_file_info *fi_in, fuse_ino_t ino_out,
			       off_t off_out, struct fuse_file_info *fi_out,
			       size_t len, int flags)
{
	struct op op = { .id = ino_in, .other_id = ino_out, .offset = off_in,
			 .other_offset = off_out, .size = len, .run = run_copy };

	if (!op_begin(&op, req))
		return;
	op.call.is_privileged = call_has_capability(&op.call, CAP_FSETID);
	op_run(&op);
}

void ops_init_data(struct fuse_lowlevel_ops *ops)
{
	ops->open = op_open;
	ops->release = op_release;
	ops->read = op_read;
	ops->write = op_write;
	ops->fsync = op_fsync;
	ops->fallocate = op_fallocate;
	ops->lseek = op_lseek;
	ops->copy_file_range = op_copy_file_range;
}
