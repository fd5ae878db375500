/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/rename_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/change.h"
#include "unionfs/copy_up.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/marks.h"

/* A directory's physical remains are in the way of renaming over it. */
static int is_physically_empty(int dir_fd, const char *name)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, name,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
						     O_CLOEXEC));
	cleanup_dir DIR *dir = NULL;
	struct dirent *e;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	take_fd(&fd);
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return 0;
	}
	return 1;
}

/*
 * Put an empty, opaque copy of the directory in place of one that holds only
 * whiteouts: nobody sees a difference, and it can be renamed over.
 */
static int clear_dir(struct rename *r, struct side *s)
	REQUIRES(s->inode->lock)
{
	struct workdir *work = r->u->work;
	struct copy_up copy = { .work = work,
				.from = r->u->layers[LAYER_TOP],
				.from_dir_fd = s->ref.d->fd,
				.from_name = s->name,
				.data_fd = -1,
				.data = COPY_UP_NO_DATA };
	struct staged staged = { 0 };
	struct inode_key key;
	int e = is_physically_empty(s->ref.d->fd, s->name);

	if (e != 0)
		return e < 0 ? e : 0;
	e = copy_up_stage(&copy, &staged);
	if (e >= 0)
		e = opaque_set(r->u->ns, workdir_fd(work), staged.name);
	/* A file as mark would be in the way; it is for this moment alone. */
	if (e == -EOPNOTSUPP && workdir_options(work)->aufs_whiteouts)
		e = 0;
	if (e >= 0)
		e = union_key(r->u, &staged.stx, &key);
	if (e >= 0)
		e = neg_errno(renameat2(workdir_fd(work), staged.name,
					s->ref.d->fd, s->name, RENAME_EXCHANGE));
	copy_up_abandon(work, &staged);		/* by now the old directory */
	if (e < 0)
		return e;

	fdcache_forget(&r->u->fds, s->inode->slot);
	dir_cut(r->u, s->inode, 1);
	rwlock_write_scope(&r->u->inodes.lock);
	inode_hash(&r->u->inodes, s->inode, key);
	return 0;
}

int rename_check_target(struct rename *r)
{
	int e;

	if (r->no_replace)
		return -EEXIST;
	if (!inode_is_dir(r->from.inode))
		return inode_is_dir(r->to.inode) ? -EISDIR : 0;
	if (!inode_is_dir(r->to.inode))
		return -ENOTDIR;
	e = dir_table(r->u, r->to.inode);
	if (e < 0)
		return e;
	if (r->to.inode->dir->merge->visible > 0)
		return -ENOTEMPTY;
	return r->to.f.layer == LAYER_TOP ? clear_dir(r, &r->to) : 0;
}

int rename_prepare(struct rename *r, struct side *s, const struct side *other)
{
	int e = 0;

	if (inode_is_dir(s->inode)) {
		e = dir_settle(r->u, s->inode);
		if (e >= 0 && dir_has_lower(s->inode->dir))
			e = change_redirect(r->u, s->dir, s->ref.d->fd, s->name,
					    s->inode, s->dir == other->dir);
		else if (e >= 0 && dir_has_lower(other->dir->dir))
			e = opaque_make(r->u->work, s->ref.d->fd, s->name);
	} else if (s->inode->type == DT_REG) {
		e = data_is_metacopy(r->u, s->inode);
		if (e > 0)
			e = change_redirect(r->u, s->dir, s->ref.d->fd, s->name,
					    s->inode, s->dir == other->dir);
	}
	return e < 0 ? e : 0;
}
