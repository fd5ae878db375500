/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "unionfs/change.h"
#include "unionfs/ops.h"

static void make(fuse_req_t req, fuse_ino_t parent, const char *name,
		 struct object_spec *spec)
{
	struct op op = { .id = parent };
	struct inode *inode = NULL;
	struct stat st;
	int r;

	if (!op_begin(&op, req))
		return;
	r = change_create(op.u, &op.call, op.inode, name, spec, &inode, &st);
	reply_entry(op.u, req, r, inode, &st);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, dev_t rdev)
{
	struct object_spec spec = { .mode = mode, .rdev = rdev,
				    .open_flags = O_RDWR };

	make(req, parent, name, &spec);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	struct object_spec spec = { .mode = S_IFDIR | (mode & 07777) };

	make(req, parent, name, &spec);
}

static void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent,
		       const char *name)
{
	struct object_spec spec = { .mode = S_IFLNK | 0777, .target = link };

	make(req, parent, name, &spec);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct object_spec spec = { .mode = S_IFREG | (mode & 07777),
				    .open_flags = O_RDWR };
	struct op op = { .id = parent };
	struct fuse_entry_param e;
	struct opened opened;
	struct inode *inode;
	struct stat st;
	int r;

	if (!op_begin(&op, req))
		return;
	if (strcmp(name, SESSION_TMPFILE_NAME) == 0)
		r = change_tmpfile(op.u, &op.call, op.inode, &spec, &inode, &st);
	else
		r = change_create(op.u, &op.call, op.inode, name, &spec, &inode,
				  &st);
	if (r < 0) {
		reply_result(req, r);
		return;
	}
	if (op.u->passes_data)
		r = handle_open(op.u, &op.call, inode, inode_node_id(inode),
				(fi->flags & ~O_TRUNC) | O_CREAT,
				!(st.st_mode & (S_ISUID | S_ISGID)), &opened);
	if (r < 0) {
		inode_forget(&op.u->inodes, inode_node_id(inode), 1);
		reply_result(req, r);
		return;
	}
	e = entry_param(op.u, inode, &st);
	opened_as(op.u, op.u->passes_data ? &opened : NULL, fi);
	ops_prune(op.u);
	if (fuse_reply_create(req, &e, fi) != -ENOENT)
		return;
	if (op.u->passes_data)
		handle_release(op.u, inode, e.ino, opened.backing_id, fi->flags);
	inode_forget(&op.u->inodes, e.ino, 1);
}

static int run_link(struct op *op)
{
	struct stat st;
	int r = change_link(op->u, &op->call, op->inode, op->other, op->name, &st);

	return reply_entry(op->u, op->req, r, op->inode, &st);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent,
		    const char *newname)
{
	struct op op = { .id = ino, .other_id = newparent, .name = newname,
			 .run = run_link };

	if (op_begin(&op, req))
		op_run(&op);
}

static int run_unlink(struct op *op)
{
	return reply_result(op->req, change_unlink(op->u, &op->call, op->inode,
						   op->name));
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op op = { .id = parent, .name = name, .run = run_unlink };

	if (op_begin(&op, req))
		op_run(&op);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op op = { .id = parent };

	if (op_begin(&op, req))
		reply_result(req, change_rmdir(op.u, &op.call, op.inode, name));
}

static int run_rename(struct op *op)
{
	return reply_result(op->req,
			    change_rename(op->u, &op->call, op->inode, op->name,
					  op->other, op->other_name, op->flags));
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname, unsigned flags)
{
	struct op op = { .id = parent, .other_id = newparent, .name = name,
			 .other_name = newname, .flags = flags,
			 .run = run_rename };

	if (op_begin(&op, req))
		op_run(&op);
}

void ops_init_change(struct fuse_lowlevel_ops *ops)
{
	ops->mknod = op_mknod;
	ops->mkdir = op_mkdir;
	ops->symlink = op_symlink;
	ops->create = op_create;
	ops->link = op_link;
	ops->unlink = op_unlink;
	ops->rmdir = op_rmdir;
	ops->rename = op_rename;
}
