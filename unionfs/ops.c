/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fuse_kernel.h"
#include "unionfs/dir.h"

struct unionfs *op_union(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

struct inode *op_inode(fuse_req_t req, fuse_ino_t id)
{
	struct inode *inode = inode_by_node_id(&op_union(req)->inodes, id);

	if (!inode)
		fuse_reply_err(req, ESTALE);
	return inode;
}

int reply_result(fuse_req_t req, int r)
{
	if (r == -EINPROGRESS)
		return r;
	fuse_reply_err(req, r < 0 ? -r : 0);
	return 0;
}

/* What changes without the kernel that asks getting to know may not be remembered. */
static double attr_timeout(const struct unionfs *u, const struct inode *inode,
			   fuse_ino_t id, const struct stat *st)
{
	if (id != inode_node_id(inode) || inode->mappers > 0)
		return 0;
	/* The next write takes them away, and the kernel may make it by itself. */
	if ((st->st_mode & (S_ISUID | S_ISGID)) && inode->backing_id)
		return 0;
	return u->options->timeout_seconds;
}

struct fuse_entry_param entry_param(struct unionfs *u, const struct inode *inode,
				    const struct stat *st)
{
	return (struct fuse_entry_param){
		.ino = inode_node_id(inode),
		.generation = inode->generation,
		.attr = *st,
		.attr_timeout = attr_timeout(u, inode, inode_node_id(inode), st),
		.entry_timeout = u->options->timeout_seconds,
	};
}

int reply_entry(struct unionfs *u, fuse_req_t req, int r, struct inode *inode,
		const struct stat *st)
{
	struct fuse_entry_param e;

	if (r < 0)
		return reply_result(req, r);
	e = entry_param(u, inode, st);
	/* Nobody waits for the answer any more: it does not count. */
	if (fuse_reply_entry(req, &e) == -ENOENT)
		inode_forget(&u->inodes, e.ino, 1);
	ops_prune(u);
	return 0;
}

int reply_attr(struct unionfs *u, fuse_req_t req, int r, const struct inode *inode,
	       fuse_ino_t id, const struct stat *st)
{
	if (r < 0)
		return reply_result(req, r);
	fuse_reply_attr(req, st, attr_timeout(u, inode, id, st));
	return 0;
}

void opened_as(struct unionfs *u, const struct opened *o, struct fuse_file_info *fi)
{
	/*
	 * With data=cached handles mean nothing, requests are served by inode, and
	 * pages stay: nobody but this kernel changes anything.
	 */
	fi->fh = o ? o->backing_id : 0;
	fi->keep_cache = !o || (!o->backing_id && o->keeps_pages);
	fi->direct_io = o && o->is_direct;
	fi->noflush = 1;
	if (o && o->backing_id)
		session_extend_open(u->session, FUSEK_FOPEN_PASSTHROUGH,
				    o->backing_id);
}

static bool is_interrupted(void *arg)
{
	return fuse_req_interrupted(arg);
}

/*
 * An engine prepares a container's root as somebody whom the container has no id
 * for. What it makes belongs to nobody until it is given to somebody.
 */
static uint32_t mapped_caller(const struct idmap *map, uint32_t id)
{
	uint32_t mapped;

	return idmap_from(map, id, &mapped) == 0 ? mapped : ID_OVERFLOW;
}

static void map_caller(const struct options *o, const struct fuse_ctx *ctx,
		       struct call *call)
{
	call->uid = o->squashes_uid ? geteuid() : mapped_caller(&o->uid_map, ctx->uid);
	call->gid = o->squashes_gid ? getegid() : mapped_caller(&o->gid_map, ctx->gid);
}

bool op_begin(struct op *op, fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	op->req = req;
	op->u = op_union(req);
	op->call.umask = ctx->umask;
	op->call.pid = ctx->pid;
	op->call.is_privileged = false;
	op->call.unique = session_request_id();
	op->call.is_resent = session_is_resent(op->u->session);
	op->call.was_done = op->call.is_resent &&
			    intent_was_done(op->u, op->call.unique,
					    &op->call.made_id);
	op->call.is_cancelled = is_interrupted;
	op->call.arg = req;
	map_caller(op->u->options, ctx, &op->call);
	op->inode = op_inode(req, op->id);
	if (!op->inode)
		return false;
	if (op->other_id)
		op->other = op_inode(req, op->other_id);
	return op->other || !op->other_id;
}

static void run_later(struct task *task)
{
	struct op *op = (struct op *)task;

	session_take_request(op->passed);
	op->run(op);
	session_end_request(op->passed);
	free(op);
}

static char *put(char **at, const void *bytes, size_t length)
{
	char *copy = *at;

	memcpy(copy, bytes, length);
	*at += length;
	return copy;
}

/* One block holds the copy and all that it points to. */
static struct op *op_copy(const struct op *op)
{
	size_t name = op->name ? strlen(op->name) + 1 : 0;
	size_t other = op->other_name ? strlen(op->other_name) + 1 : 0;
	size_t data = op->data ? op->size : 0;
	struct op *copy = malloc(sizeof(*copy) + name + other + data);
	char *at;

	if (!copy)
		return NULL;
	*copy = *op;
	at = (char *)(copy + 1);
	if (op->data)
		copy->data = put(&at, op->data, data);
	if (op->name)
		copy->name = put(&at, op->name, name);
	if (op->other_name)
		copy->other_name = put(&at, op->other_name, other);
	return copy;
}

void op_run(struct op *op)
{
	struct op *copy;
	int r = op->run(op);

	if (r != -EINPROGRESS)
		return;

	copy = op_copy(op);
	if (!copy) {
		fuse_reply_err(op->req, ENOMEM);
		return;
	}
	copy->call.may_wait = true;
	copy->task.run = run_later;
	copy->passed = session_pass_request(op->u->session);
	r = pool_submit(op->notifies ? op->u->notifier : op->u->pool, &copy->task);
	if (r < 0) {
		fuse_reply_err(op->req, -r);
		session_end_request(copy->passed);
		free(copy);
	}
}
