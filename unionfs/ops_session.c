/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <sys/statvfs.h>

#include "common/log.h"
#include "unionfs/nameless.h"
#include "unionfs/ops.h"

/* Backing files are on plain filesystems, and we may be a layer of something else. */
#define STACK_DEPTH 1

static bool wants_acl(const struct unionfs *u)
{
	if (u->options->acl != SWITCH_AUTO)
		return u->options->acl == SWITCH_ON;
	for (unsigned i = u->work ? 0 : 1; i < u->layer_count; i++) {
		if (layer_traits(u->layers[i])->has_acls)
			return true;
	}
	return false;
}

static void want(struct fuse_conn_info *conn, unsigned capability, bool wanted)
{
	if (wanted && (conn->capable & capability))
		conn->want |= capability;
	else
		conn->want &= ~capability;
}

static bool wants_passthrough(struct unionfs *u)
{
	if (u->options->data != DATA_PASSTHROUGH &&
	    u->options->data != DATA_PASSTHROUGH_ALL)
		return false;
	if (!passthrough_is_possible(u) ||
	    !session_want(u->session, SESSION_PASSTHROUGH)) {
		if (session_generation(u->session) == 0)
			log_warn("data=%s: %s\nFile data is cached instead.",
				 u->options->data == DATA_PASSTHROUGH ? "passthrough" : "all",
				 passthrough_is_possible(u) ?
					 "this kernel has no passthrough" :
					 passthrough_needs(u));
		return false;
	}
	session_set_stack_depth(u->session, STACK_DEPTH);
	return true;
}

void ops_negotiate(void *userdata, struct fuse_conn_info *conn)
{
	struct unionfs *u = userdata;

	u->passes_data = wants_passthrough(u);
	u->passes_lower = u->options->data == DATA_PASSTHROUGH_ALL ||
			  union_is_read_only(u);
	if (u->passes_data && session_generation(u->session) == 0)
		passthrough_check_layers(u);
	/* Where OPEN does not reach us, open(O_TRUNC) must as a SETATTR. */
	want(conn, FUSE_CAP_ATOMIC_O_TRUNC, u->passes_data);
	/* The union's files change through this kernel only. */
	want(conn, FUSE_CAP_AUTO_INVAL_DATA, false);
	/* The flags of a write that comes through a pipe cannot be seen. */
	want(conn, FUSE_CAP_SPLICE_READ, false);
	want(conn, FUSE_CAP_ASYNC_READ, true);
	/*
	 * After an asynchronous direct write the kernel does not drop the pages that were
	 * read meanwhile: they would show the old bytes for ever (6.18).
	 */
	want(conn, FUSE_CAP_ASYNC_DIO, false);
	want(conn, FUSE_CAP_PARALLEL_DIROPS, true);
	want(conn, FUSE_CAP_DONT_MASK, true);
	want(conn, FUSE_CAP_CACHE_SYMLINKS, true);
	/* One request less for each entry that is looked at after listing. */
	want(conn, FUSE_CAP_READDIRPLUS, true);
	want(conn, FUSE_CAP_READDIRPLUS_AUTO, false);
	want(conn, FUSE_CAP_POSIX_ACL, wants_acl(u));
	want(conn, FUSE_CAP_WRITEBACK_CACHE,
	     u->options->writeback && !union_is_read_only(u) && !u->passes_data);
	session_want(u->session, SESSION_HANDLE_KILLPRIV_V2);
	session_want(u->session, SESSION_ALLOW_IDMAP);
	conn->time_gran = 1;
	if (session_generation(u->session) > 0)
		nameless_ask(u);
}

/* malloc() keeps what lies between small blocks in use, until it is asked not to. */
static void give_back_memory(struct unionfs *u)
{
	if (inode_table_has_shrunk(&u->inodes))
		(void)malloc_trim(0);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	inode_forget(&op_union(req)->inodes, ino, nlookup);
	give_back_memory(op_union(req));
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		inode_forget(&op_union(req)->inodes, forgets[i].ino,
			     forgets[i].nlookup);
	give_back_memory(op_union(req));
	fuse_reply_none(req);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct unionfs *u = op_union(req);
	struct statvfs st;

	if (fstatvfs(layer_root_fd(u->layers[u->work ? 0 : 1]), &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}

void ops_init_session(struct fuse_lowlevel_ops *ops)
{
	ops->forget = op_forget;
	ops->forget_multi = op_forget_multi;
	ops->statfs = op_statfs;
}
