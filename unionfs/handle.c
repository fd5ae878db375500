/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/session.h"
#include "unionfs/attr.h"
#include "unionfs/call.h"
#include "unionfs/data.h"
#include "unionfs/protattr.h"
#include "unionfs/union.h"
#include "unionfs/up.h"

static bool is_for_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

/* Through a map that is shared, or through another inode of the kernel's. */
static bool is_written_unseen(const struct inode *inode, uint64_t id, int flags)
{
	return (flags & O_ACCMODE) == O_RDWR ||
	       (is_for_writing(flags) && id != inode_node_id(inode));
}

void handle_ask_anew(struct unionfs *u, uint64_t id)
{
	/* Not there: then the kernel has forgotten it already. */
	(void)fuse_lowlevel_notify_inval_inode(session_fuse(u->session), id, -1,
					       0);
}

/* Copy up at once what is opened to be written; passthrough asks us no more later. */
static int make_ready(struct unionfs *u, const struct call *call,
		      struct inode *inode, int flags)
{
	bool is_cached;
	struct stat st;

	if (flags & O_TRUNC)
		return attr_set(u, call, inode,
				&(struct attr_change){
					.set = FUSE_SET_ATTR_SIZE |
					       FUSE_SET_ATTR_MTIME |
					       FUSE_SET_ATTR_MTIME_NOW },
				&st);
	lock_take(&inode->lock);
	is_cached = inode->cached_opens > 0;
	lock_drop(&inode->lock);
	/* Opened through us it is copied up by the first write. */
	if (!is_for_writing(flags) || is_cached)
		return 0;
	return up_object(u, call, inode, UP_DATA);
}

/*
 * Of files with set-id bits each write must take these away, and who may keep them is
 * looked up for each: we do that.
 */
static bool has_set_id(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || (st.st_mode & (S_ISUID | S_ISGID));
}

static bool can_pass(const struct unionfs *u, const struct backing *b, bool is_plain)
{
	return b->is_writable ? is_plain || !has_set_id(b->fd) : u->passes_lower;
}

static bool belongs_to_root(pid_t pid)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return pid && stat(path, &st) == 0 && st.st_uid == 0;
}

/*
 * Whether who opens may write and leave set-id bits. Exact for writers; for readers a
 * guess at what writers may come. Of a new file it is the one who makes it, and only
 * for creating does the kernel say who asks.
 */
static bool keeps_set_id(const struct call *call, int flags)
{
	if (flags & O_CREAT)
		return call->uid == 0;
	if (is_for_writing(flags))
		return call_has_capability(call, CAP_FSETID);
	return belongs_to_root(call->pid);
}

/* Have the inode's file passed, if it can be: then it has a backing id. */
static void begin_passing(struct unionfs *u, struct inode *inode, bool as_root,
			  bool is_plain) REQUIRES(inode->lock)
{
	struct backing *b;
	int32_t id = 0;

	if (inode->backing_id || inode->cached_opens > 0)
		return;
	if (!u->passes_lower && inode->layer != LAYER_TOP)
		return;
	if (data_read_locked(u, inode, &b) < 0)
		return;
	if (can_pass(u, b, is_plain))
		id = passthrough_register(u, b->fd, as_root);
	if (id > 0) {
		inode->backing_id = id;
		inode->passes_below = !b->is_writable;
		inode->passes_as_root = as_root;
	}
	data_put(&u->data, b);
}

/* Under another node id the inode may have another file. */
static int leave_lower_locked(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock)
{
	int r;

	if (!inode->backing_id || !inode->passes_below)
		return 0;
	r = passthrough_leave(u, inode_node_id(inode), inode->backing_id,
			      inode->passed_opens);
	if (r < 0)
		return r;
	inode->backing_id = 0;
	inode->passed_opens = 0;
	rwlock_write_scope(&u->inodes.lock);
	inode_renew(&u->inodes, inode);
	return 1;
}

int handle_leave_lower(struct unionfs *u, struct inode *inode)
{
	uint64_t id;
	int r;

	lock_take(&inode->lock);
	id = inode_node_id(inode);
	r = leave_lower_locked(u, inode);
	lock_drop(&inode->lock);
	if (r > 0)
		handle_ask_anew(u, id);
	return r;
}

static int open_locked(struct unionfs *u, struct inode *inode, uint64_t id,
		       int flags, bool as_root, bool is_plain, struct opened *ret)
	REQUIRES(inode->lock)
{
	if (id != inode_node_id(inode) && passthrough_has_left(u, id))
		return -ESTALE;
	begin_passing(u, inode, as_root, is_plain);
	/* Two inodes of the kernel have a file in common, but never pages. */
	if (id != inode_node_id(inode) &&
	    (!inode->backing_id || inode->passes_below))
		return -ESTALE;
	*ret = (struct opened){ .backing_id = inode->backing_id,
				.keeps_pages = inode->layer != LAYER_TOP ||
					       inode->cached_opens > 0 };
	if (!ret->backing_id) {
		inode->cached_opens++;
		return 0;
	}
	inode->passed_opens++;
	/* The id's rights are not this one's: then it is we who write. */
	ret->is_direct = is_for_writing(flags) &&
			 inode->passes_as_root != as_root;
	if (is_written_unseen(inode, id, flags))
		inode->mappers++;
	return 0;
}

static bool holds_its_data(struct inode *inode)
{
	lock_scope(&inode->lock);
	return inode->layer == LAYER_TOP && inode_has(inode, INODE_DATA_HERE);
}

int handle_open(struct unionfs *u, const struct call *call, struct inode *inode,
		uint64_t id, int flags, bool is_plain, struct opened *ret)
{
	bool was_ready = holds_its_data(inode), as_root;
	int r;

	if (is_for_writing(flags) && !(flags & O_CREAT)) {
		r = protattr_check_write(u, inode, flags);
		if (r < 0)
			return r;
	}
	/* To be seen again below, but before anything is changed. */
	if (id != inode_node_id(inode) && passthrough_has_left(u, id))
		return -ESTALE;
	r = make_ready(u, call, inode, flags);
	if (r < 0)
		return r;
	if (is_for_writing(flags)) {
		r = handle_leave_lower(u, inode);
		if (r != 0)
			return r < 0 ? r : -ESTALE;
	}
	as_root = keeps_set_id(call, flags);
	lock_take(&inode->lock);
	r = open_locked(u, inode, id, flags, as_root, is_plain, ret);
	lock_drop(&inode->lock);
	if (r < 0)
		return r;
	if (!(flags & O_CREAT) && is_for_writing(flags) &&
	    (!was_ready || is_written_unseen(inode, id, flags) ||
	     (flags & O_TRUNC))) {
		handle_ask_anew(u, id);
		handle_changed(u, inode, id);
	}
	return 0;
}

void handle_release(struct unionfs *u, struct inode *inode, uint64_t node_id,
		    int32_t id, int flags)
{
	lock_scope(&inode->lock);
	if (!id) {
		if (inode->cached_opens > 0)
			inode->cached_opens--;
		return;
	}
	if (id != inode->backing_id) {
		passthrough_close_left(u, id);
		return;
	}
	if (is_written_unseen(inode, node_id, flags) && inode->mappers > 0)
		inode->mappers--;
	if (--inode->passed_opens > 0)
		return;
	passthrough_unregister(u, id);
	inode->backing_id = 0;
}

void handle_changed(struct unionfs *u, struct inode *inode, uint64_t id)
{
	uint64_t now = inode_node_id(inode);

	for (uint32_t n = 0; n <= inode->older_ids; n++, now -= UINT64_C(1) << 32) {
		if (now != id)
			handle_ask_anew(u, now);
	}
}

bool handle_is_passed(struct inode *inode)
{
	lock_scope(&inode->lock);
	return inode->backing_id != 0;
}
