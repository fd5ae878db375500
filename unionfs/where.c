/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/where.h"

#include <errno.h>
#include <fcntl.h>

#include "common/errors.h"
#include "unionfs/dir.h"
#include "unionfs/index.h"
#include "unionfs/override.h"
#include "unionfs/union.h"

int stat_at(int dir_fd, const char *name, struct statx *ret_stx)
{
	return neg_errno(statx(dir_fd, name,
			       AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW |
				       AT_NO_AUTOMOUNT,
			       STATX_BASIC_STATS | STATX_BTIME, ret_stx));
}

int stat_in(struct unionfs *u, unsigned layer, int dir_fd, const char *name,
	    struct statx *ret_stx)
{
	return layer_statx(u->layers[layer], dir_fd, name,
			   STATX_BASIC_STATS | STATX_BTIME, ret_stx);
}

int where_origin(struct unionfs *u, struct inode *inode, struct origin *ret)
{
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	const struct name *n = inode->names;
	int r;

	while (n && n->layer == LAYER_TOP)
		n = n->inode_next;
	if (!n)
		return -ESTALE;
	r = fdcache_get(u, inode_at(&u->inodes, n->parent), n->layer, &ref.d);
	return r < 0 ? r
		     : origin_of(u->layers[n->layer], ref.d->fd, n->text, ret);
}

/* A copy of which only lower names are known yet. */
static int find_in_index(struct unionfs *u, struct inode *inode, struct where *ret)
	REQUIRES(inode->lock)
{
	struct origin origin;
	int r = where_origin(u, inode, &origin);

	if (r < 0)
		return r;
	origin_index_name(&origin, ret->index_name);
	ret->dir_fd = workdir_index_fd(u->work);
	ret->name = ret->index_name;
	return 0;
}

void where_nlink(struct unionfs *u, const struct inode *inode,
		 const struct where *w, struct statx *stx)
{
	if (inode_has(inode, INODE_INDEXED))
		stx->stx_nlink = index_nlink(u->ns, w->dir_fd, w->name, stx, 0);
}

int where_find(struct unionfs *u, struct inode *inode, struct where *ret)
{
	const struct name *name;
	int r;

	ret->ref = (struct dirfd_ref){ &u->fds, NULL };
	ret->name = "";
	if (inode->fd >= 0) {
		ret->dir_fd = inode->fd;
		return 0;
	}
	if (inode_is_dir(inode)) {
		r = fdcache_get(u, inode, inode->layer, &ret->ref.d);
	} else {
		name = name_of(inode, inode->layer);
		if (!name && inode_has(inode, INODE_INDEXED))
			return find_in_index(u, inode, ret);
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

	if (r >= 0)
		r = stat_in(u, inode->layer, w.dir_fd, w.name, ret_stx);
	if (r >= 0)
		where_nlink(u, inode, &w, ret_stx);
	return r;
}
