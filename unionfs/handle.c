// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "unionfs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/fuse_kernel.h"
#include "common/session.h"
#include "unionfs/attr.h"
#include "unionfs/data.h"
#include "unionfs/union.h"
#include "unionfs/up.h"

/* Copy up at once what is opened to be written; passthrough asks us no more later. */
static int make_ready(struct unionfs *u, const struct call *call,
		      struct inode *inode, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
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
	if (!writes || is_cached)
		return 0;
	return up_object(u, call, inode, UP_DATA);
}

static int backing_open(struct unionfs *u, int fd)
{
	struct fusek_backing_map map = { .fd = fd };

	return neg_errno(ioctl(session_device(u->session), FUSEK_IOC_BACKING_OPEN,
			       &map));
}

static void backing_close(struct unionfs *u, int32_t id)
{
	uint32_t value = id;

	/* Open files keep theirs; without the id no new ones can get it. */
	(void)ioctl(session_device(u->session), FUSEK_IOC_BACKING_CLOSE, &value);
}

/*
 * Of files with set-id bits each write must take these away, which only we can do:
 * the kernel writes as the one who mounted, who may keep them.
 */
static bool has_set_id(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || (st.st_mode & (S_ISUID | S_ISGID));
}

/* The inode's backing id, or 0 where the file must be read through us. */
static int32_t backing_id(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock)
{
	struct backing *b;
	int32_t id = 0;

	if (inode->backing_id)
		return inode->backing_id;
	if (inode->cached_opens > 0)
		return 0;
	if (!union_is_read_only(u) && (inode->layer != LAYER_TOP ||
				       data_is_metacopy(u, inode) != 0))
		return 0;
	if (data_read_locked(u, inode, &b) < 0)
		return 0;
	/* One file for all opens: one that could not be written must not be it. */
	if (union_is_read_only(u) || (b->is_writable && !has_set_id(b->fd)))
		id = backing_open(u, b->fd);
	data_put(&u->data, b);
	return id > 0 ? id : 0;
}

int handle_open(struct unionfs *u, const struct call *call, struct inode *inode,
		int flags, struct opened *ret)
{
	int r = make_ready(u, call, inode, flags);

	if (r < 0)
		return r;
	lock_scope(&inode->lock);
	ret->backing_id = backing_id(u, inode);
	ret->keeps_pages = inode->layer != LAYER_TOP;
	if (ret->backing_id) {
		inode->backing_id = ret->backing_id;
		inode->passed_opens++;
	} else {
		inode->cached_opens++;
	}
	return 0;
}

void handle_release(struct unionfs *u, struct inode *inode, int32_t id)
{
	lock_scope(&inode->lock);
	if (!id) {
		if (inode->cached_opens > 0)
			inode->cached_opens--;
		return;
	}
	if (id != inode->backing_id || --inode->passed_opens > 0)
		return;
	backing_close(u, id);
	inode->backing_id = 0;
}
