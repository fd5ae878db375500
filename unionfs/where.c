// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "unionfs/where.h"

#include <errno.h>
#include <fcntl.h>

#include "common/errors.h"
#include "unionfs/dir.h"
#include "unionfs/union.h"

int stat_at(int dir_fd, const char *name, struct statx *ret_stx)
{
	return neg_errno(statx(dir_fd, name,
			       AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW |
				       AT_NO_AUTOMOUNT,
			       STATX_BASIC_STATS | STATX_BTIME, ret_stx));
}

int where_find(struct unionfs *u, struct inode *inode, struct where *ret)
{
	const struct name *name;
	int r;

	*ret = (struct where)WHERE_INIT;
	ret->ref.cache = &u->fds;
	ret->name = "";
	if (inode->fd >= 0) {
		ret->dir_fd = inode->fd;
		return 0;
	}
	if (inode_is_dir(inode)) {
		r = fdcache_get(u, inode, inode->layer, &ret->ref.d);
	} else {
		name = name_of(inode, inode->layer);
		if (!name)
			return -ESTALE;
		ret->name = name->text;
		r = fdcache_get(u, inode_at(&u->inodes, name->parent),
				inode->layer, &ret->ref.d);
	}
	if (r < 0)
		return r;
	ret->dir_fd = ret->ref.d->fd;
	return 0;
}

int where_stat(struct unionfs *u, struct inode *inode, struct statx *ret_stx)
{
	cleanup_where struct where w = WHERE_INIT;
	int r = where_find(u, inode, &w);

	return r < 0 ? r : stat_at(w.dir_fd, w.name, ret_stx);
}
