/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/attr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/session.h"
#include "unionfs/call.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/override.h"
#include "unionfs/protattr.h"
#include "unionfs/union.h"
#include "unionfs/up.h"
#include "unionfs/where.h"

static uint32_t shown_uid(const struct unionfs *u, uint32_t uid)
{
	if (u->options->squashes_uid)
		return u->options->squash_uid;
	return idmap_to(&u->options->uid_map, uid);
}

static uint32_t shown_gid(const struct unionfs *u, uint32_t gid)
{
	if (u->options->squashes_gid)
		return u->options->squash_gid;
	return idmap_to(&u->options->gid_map, gid);
}

static struct timespec shown_time(const struct statx_timestamp *t)
{
	return (struct timespec){ t->tv_sec, t->tv_nsec };
}

/* For a directory of several layers there is no count that means much. */
static uint32_t shown_nlink(const struct unionfs *u, const struct inode *inode,
			    uint32_t nlink)
{
	if (!inode_is_dir(inode))
		return nlink;
	if (inode->dir->is_removed)
		return 0;
	return inode->dir->count > 1 || u->options->static_nlink ? 1 : nlink;
}

void attr_shown(struct unionfs *u, struct inode *inode, const struct statx *stx,
		struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = inode->st_ino,
		.st_mode = stx->stx_mode,
		.st_nlink = shown_nlink(u, inode, stx->stx_nlink),
		.st_uid = shown_uid(u, stx->stx_uid),
		.st_gid = shown_gid(u, stx->stx_gid),
		.st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor),
		.st_size = stx->stx_size,
		.st_blksize = stx->stx_blksize,
		.st_blocks = stx->stx_blocks,
		.st_atim = shown_time(&stx->stx_atime),
		.st_mtim = shown_time(&stx->stx_mtime),
		.st_ctim = shown_time(&stx->stx_ctime),
	};
	if (u->options->ino32)
		ret->st_ino = (uint32_t)(ret->st_ino ^ ret->st_ino >> 32);
}

/*
 * A metacopy has no blocks of its own; those of its data are shown. Only files
 * that look like one are asked.
 */
static void add_data_blocks(struct unionfs *u, struct inode *inode,
			    struct statx *stx) REQUIRES(inode->lock)
{
	cleanup_fd int fd = -1;
	struct backing *b;
	struct stat st;

	if (inode->type != DT_REG || stx->stx_blocks > 16 ||
	    stx->stx_blocks * 512 >= stx->stx_size ||
	    inode_has(inode, INODE_DATA_HERE))
		return;
	if (data_is_metacopy(u, inode) <= 0)
		return;
	b = data_pin(&u->data, inode, false);
	if (!b)
		fd = data_open_below(u, inode);
	if (fstat(b ? b->fd : fd, &st) == 0)
		stx->stx_blocks = st.st_blocks;
	if (b)
		data_put(&u->data, b);
}

static int get_locked(struct unionfs *u, struct inode *inode, struct stat *ret,
		      struct statx *ret_real) REQUIRES(inode->lock)
{
	struct statx stx;
	int r = where_stat(u, inode, &stx);

	if (r < 0)
		return r;
	if (ret_real)
		*ret_real = stx;
	add_data_blocks(u, inode, &stx);
	attr_shown(u, inode, &stx, ret);
	return 0;
}

int attr_get(struct unionfs *u, struct inode *inode, struct stat *ret)
{
	lock_scope(&inode->lock);
	return get_locked(u, inode, ret, NULL);
}

int attr_get_birth(struct unionfs *u, struct inode *inode, struct stat *ret,
		   struct statx *ret_real)
{
	lock_scope(&inode->lock);
	return get_locked(u, inode, ret, ret_real);
}

/* ---- changing ---- */

static int set_owner(struct unionfs *u, const struct where *w,
		     const struct attr_change *c)
{
	uint32_t uid = (uint32_t)-1, gid = (uint32_t)-1;
	int r = 0;

	if (c->set & FUSE_SET_ATTR_UID && !u->options->squashes_uid)
		r = idmap_from(&u->options->uid_map, c->st.st_uid, &uid);
	if (r == 0 && c->set & FUSE_SET_ATTR_GID && !u->options->squashes_gid)
		r = idmap_from(&u->options->gid_map, c->st.st_gid, &gid);
	if (r < 0)
		return r;
	/* Also without a change: the kernel drops suid and sgid then as well. */
	r = layer_chown(u->layers[LAYER_TOP], w->dir_fd, w->name, uid, gid);
	if (r < 0 && (u->options->squashes_uid || u->options->squashes_gid))
		return 0;
	return r;
}

static int set_mode(struct unionfs *u, const struct inode *inode,
		    const struct where *w, mode_t mode)
{
	if (inode->type == DT_LNK)
		return -EOPNOTSUPP;
	return layer_chmod(u->layers[LAYER_TOP], w->dir_fd, w->name, mode);
}

static struct timespec wanted_time(int set, int given, int now, struct timespec t)
{
	if (set & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (set & given)
		return t;
	return (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static int set_times(const struct where *w, const struct attr_change *c)
{
	const struct timespec times[2] = {
		wanted_time(c->set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW,
			    c->st.st_atim),
		wanted_time(c->set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW,
			    c->st.st_mtim),
	};

	return neg_errno(utimensat(w->dir_fd, w->name, times,
				   *w->name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH));
}

#define SET_OWNER (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define SET_TIMES                                                              \
	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | \
	 FUSE_SET_ATTR_MTIME_NOW)

static int set_locked(struct unionfs *u, struct inode *inode,
		      const struct attr_change *c, struct stat *ret)
	REQUIRES(inode->lock)
{
	cleanup_where struct where w = WHERE_INIT;
	int r = where_find(u, inode, &w);

	if (r < 0)
		return r;
	if (c->set & SET_OWNER)
		r = set_owner(u, &w, c);
	if (r >= 0 && c->set & FUSE_SET_ATTR_MODE)
		r = set_mode(u, inode, &w, c->st.st_mode);
	if (r >= 0 && c->set & SET_TIMES)
		r = set_times(&w, c);
	if (r < 0)
		return r;
	/*
	 * The change is made: a shortage that passes is no reason to say that it is
	 * not.
	 */
	r = get_locked(u, inode, ret, NULL);
	return r < 0 ? get_locked(u, inode, ret, NULL) : r;
}

int attr_drop_privileges(struct unionfs *u, const struct call *call, int fd)
{
	const struct layer *upper = u->layers[LAYER_TOP];
	mode_t keep = 07777;
	struct statx stx;
	int r;

	if (call->is_privileged)
		return 0;
	r = layer_statx(upper, fd, "", STATX_TYPE | STATX_MODE, &stx);
	if (r < 0)
		return r;
	if (stx.stx_mode & S_ISUID)
		keep &= ~S_ISUID;
	/* Without execution it marks a file of the group, which its members keep. */
	if ((stx.stx_mode & S_ISGID) &&
	    ((stx.stx_mode & S_IXGRP) || !call_in_group(u, call, stx.stx_gid)))
		keep &= ~S_ISGID;
	if (keep == 07777)
		return 0;
	r = layer_chmod(upper, fd, "", stx.stx_mode & keep);
	return r < 0 ? r : 1;
}

static int set_size(struct unionfs *u, const struct call *call,
		    struct inode *inode, const struct attr_change *c)
{
	off_t size = c->st.st_size;
	struct backing *b;
	struct statx before;
	int r;

	lock_take(&inode->lock);
	r = where_stat(u, inode, &before);
	lock_drop(&inode->lock);
	if (r >= 0)
		r = up_object(u, call, inode, size == 0 ? UP_EMPTY : UP_DATA);
	if (r >= 0)
		r = data_write(u, call, inode, &b);
	if (r < 0)
		return r;
	/*
	 * Times change with the size; the kernel asks for more if it must be. A
	 * worker that died may have made the copy, which is empty then.
	 */
	if (c->is_open || call->is_resent || before.stx_size != (uint64_t)size)
		r = neg_errno(ftruncate(b->fd, size));
	if (r >= 0)
		r = attr_drop_privileges(u, call, b->fd);
	data_put(&u->data, b);
	return r;
}

/*
 * A kernel that keeps the times of files itself (only such a one sends ctimes) writes
 * them back when it lets go of a file, also of one that was removed. Nobody will see
 * them then, for which least of all a lower file need be copied up.
 */
static bool is_farewell(struct inode *inode, const struct attr_change *c)
{
	lock_scope(&inode->lock);
	return c->set == (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_CTIME) &&
	       inode->type == DT_REG && !inode_has(inode, INODE_TMPFILE) &&
	       !name_live(inode, inode->layer);
}

static bool is_time(const struct timespec *a, const struct statx_timestamp *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* A kernel that keeps the times of files says so of what happens now. */
static bool is_mtime_now(const struct attr_change *c)
{
	return c->set & FUSE_SET_ATTR_MTIME_NOW ||
	       (c->set & FUSE_SET_ATTR_CTIME &&
		c->st.st_mtim.tv_sec == c->st.st_ctim.tv_sec &&
		c->st.st_mtim.tv_nsec == c->st.st_ctim.tv_nsec);
}

/*
 * The times that the kernel writes back after the pages, which were let in, are none of
 * the caller's changes. They look as if utimensat(2) had asked for them, but for the two
 * being those of one write, or the former being the file's already.
 */
static bool is_written_back(struct unionfs *u, struct inode *inode,
			    const struct attr_change *c)
{
	const int times = FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_CTIME;
	struct statx stx;

	if (c->set != times)
		return false;
	if (is_mtime_now(c))
		return true;
	lock_scope(&inode->lock);
	return inode_has(inode, INODE_UNPROTECTED) ||
	       (where_stat(u, inode, &stx) >= 0 &&
		is_time(&c->st.st_mtim, &stx.stx_mtime));
}

/* The flags that forbid a change. */
static int forbidding_flags(const struct attr_change *c)
{
	const int set = c->set;

	if (set & (SET_OWNER | FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_SIZE))
		return PROTATTR_FLAGS;
	if ((set & FUSE_SET_ATTR_ATIME) && !(set & FUSE_SET_ATTR_ATIME_NOW))
		return PROTATTR_FLAGS;
	if ((set & FUSE_SET_ATTR_MTIME) && !is_mtime_now(c))
		return PROTATTR_FLAGS;
	return set & SET_TIMES ? FS_IMMUTABLE_FL : 0;
}

static int check_allowed(struct unionfs *u, struct inode *inode,
			 const struct attr_change *c)
{
	int flags = is_written_back(u, inode, c) ? 0 : forbidding_flags(c);

	return flags ? protattr_check_unlocked(u, inode, flags) : 0;
}

int attr_set(struct unionfs *u, const struct call *call, struct inode *inode,
	     const struct attr_change *c, struct stat *ret)
{
	int r = 0;

	if (union_is_read_only(u))
		return -EROFS;
	if (is_farewell(inode, c))
		return attr_get(u, inode, ret);
	r = check_allowed(u, inode, c);
	if (r < 0)
		return r;
	/* The only part that may take long, or find the disk full: first. */
	if (c->set & FUSE_SET_ATTR_SIZE)
		r = set_size(u, call, inode, c);
	else if (c->set & (SET_OWNER | SET_TIMES | FUSE_SET_ATTR_MODE))
		r = up_object(u, call, inode, UP_ATTRS);
	if (r < 0)
		return r;

	lock_scope(&inode->lock);
	return set_locked(u, inode, c, ret);
}
