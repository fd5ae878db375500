/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/change.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/attr.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/entry.h"
#include "unionfs/lookup.h"
#include "unionfs/marks.h"
#include "unionfs/protattr.h"
#include "unionfs/redirect.h"
#include "unionfs/union.h"
#include "unionfs/up.h"
#include "unionfs/where.h"

int change_mark_impure(struct unionfs *u, struct inode *dir, int upper_fd,
		       const struct inode *inode)
{
	struct inode_key real = inode_real(inode);
	int r;

	if (dir->dir->is_impure || inode->st_ino == union_ino(&real) ||
	    !layer_traits(u->layers[LAYER_TOP])->has_xattrs)
		return 0;
	r = overlay_xattr_add(u->ns, upper_fd, "", OVERLAY_IMPURE, "y", 1);
	if (r < 0)
		return r;
	dir->dir->is_impure = true;
	dir_save(&u->inodes, dir);
	return 0;
}

static bool has_links(int dir_fd, const char *name)
{
	struct statx stx;

	return stat_at(dir_fd, name, &stx) == 0 && stx.stx_nlink > 1;
}

int change_redirect(struct unionfs *u, struct inode *dir, int upper_fd,
		    const char *name, struct inode *inode, bool same_dir)
{
	cleanup_free char *path = NULL, *copy = NULL;
	char now[REDIRECT_MAX] = "";
	int r;

	if (u->options->redirect_dir != REDIRECT_DIR_ON && inode_is_dir(inode))
		return -EXDEV;
	/* Other names of a file read this too, from where they are. */
	if (!inode_is_dir(inode) && has_links(upper_fd, name))
		same_dir = false;
	r = redirect_read(u->ns, upper_fd, name, now);
	if (r < 0)
		return r;
	if (now[0] == '/' || (now[0] && same_dir))
		return 0;		/* it still leads there */

	if (same_dir) {
		path = strdup(name);
		r = path ? 0 : -ENOMEM;
	} else {
		rwlock_read_scope(&u->inodes.lock);
		r = dir_union_path(&u->inodes, dir, now[0] ? now : name, &path);
	}
	if (r >= 0 && !(copy = strdup(path)))
		r = -ENOMEM;
	if (r >= 0)
		r = redirect_write(u->ns, upper_fd, name, path);
	if (r == -ERANGE || r == -ENAMETOOLONG || r == -EOPNOTSUPP)
		return -EXDEV;
	if (r >= 0 && inode_is_dir(inode)) {
		rwlock_write_scope(&u->inodes.lock);
		free(inode->dir->redirect);
		inode->dir->redirect = take_ptr(copy);
		dir_save(&u->inodes, inode);
	}
	return r;
}

/* As if it had never been there: what a whiteout hid is hidden again. */
static void unmake(struct unionfs *u, int dir_fd, const char *name,
		   const struct object_spec *spec)
{
	bool is_dir = S_ISDIR(spec->mode);

	if (spec->over_whiteout)
		(void)whiteout_replace(u->work, dir_fd, name, is_dir);
	else
		(void)unlinkat(dir_fd, name, is_dir ? AT_REMOVEDIR : 0);
}

/*
 * What a worker made that died before it could say so. Either it was counted for
 * the kernel then, or it is looked up now.
 */
static int find_made(struct unionfs *u, const struct call *call, struct inode *dir,
		     const char *name, struct inode **ret, struct stat *ret_st)
{
	struct found f;
	int r;

	*ret = call->made_id ? inode_by_node_id(&u->inodes, call->made_id) : NULL;
	if (*ret)
		return attr_get(u, *ret, ret_st);
	lock_scope(&dir->lock);
	r = lookup_child(u, dir, name, &f, ret);
	if (r >= 0)
		attr_shown(u, *ret, &f.stx, ret_st);
	return r;
}

static int create_locked(struct unionfs *u, const struct call *call,
			 struct inode *dir, const char *name,
			 struct object_spec *spec, struct inode **ret,
			 struct statx *ret_stx, int *ret_fd) REQUIRES(dir->lock)
{
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	struct intent *intent;
	struct found f;
	int r;

	if (dir->dir->is_removed)
		return -ENOENT;
	r = dir_find(u, dir, name, &f);
	if (r >= 0 && f.is_visible)
		r = -EEXIST;
	if (r >= 0)
		r = protattr_check(u, dir, FS_IMMUTABLE_FL);
	if (r >= 0)
		r = fdcache_get(u, dir, LAYER_TOP, &ref.d);
	if (r < 0)
		return r;

	spec->over_whiteout = f.is_whiteout;
	spec->opaque = S_ISDIR(spec->mode) && dir_has_lower(dir->dir);
	intent = intent_prepare(u, INTENT_CREATE, call);
	intent_set_name(intent, 0, dir, name);
	if (intent)
		intent->flags = spec->over_whiteout ? INTENT_OVER_WHITEOUT : 0;
	intent_begin(intent);
	r = object_create(u->work, ref.d->fd, name, spec, ret_fd, ret_stx);
	if (r >= 0) {
		r = lookup_new(u, dir, name, ret_stx, ret);
		if (r < 0)
			unmake(u, ref.d->fd, name, spec);
	}
	if (r >= 0)
		entry_show(u, dir, name, *ret);
	intent_end(intent, r, r < 0 ? NULL : *ret);
	return r < 0 ? r : 0;
}

/* What will be refused leaves no copy behind. */
static int rise_to_add(struct unionfs *u, struct inode *dir)
{
	int r = protattr_check_unlocked(u, dir, FS_IMMUTABLE_FL);

	return r < 0 ? r : up_dir(u, dir);
}

int change_create(struct unionfs *u, const struct call *call, struct inode *dir,
		  const char *name, struct object_spec *spec, struct inode **ret,
		  struct stat *ret_st)
{
	struct statx stx;
	int fd = -1, r;

	if (call->was_done)
		return find_made(u, call, dir, name, ret, ret_st);
	r = rise_to_add(u, dir);
	if (r < 0)
		return r;
	spec->uid = call->uid;
	spec->gid = call->gid;
	spec->umask = call->umask;

	lock_take(&dir->lock);
	r = create_locked(u, call, dir, name, spec, ret, &stx,
			  S_ISREG(spec->mode) ? &fd : NULL);
	lock_drop(&dir->lock);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}

	lock_scope(&(*ret)->lock);
	/* Without memory for it the file is just opened again when needed. */
	if (fd >= 0)
		(void)data_install(&u->data, *ret, fd, true, NULL);
	attr_shown(u, *ret, &stx, ret_st);
	return 0;
}

int change_tmpfile(struct unionfs *u, const struct call *call, struct inode *dir,
		   struct object_spec *spec, struct inode **ret,
		   struct stat *ret_st)
{
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	struct intent *intent;
	struct statx stx;
	int fd, r;

	if (call->was_done && call->made_id)
		return find_made(u, call, dir, "", ret, ret_st);
	r = rise_to_add(u, dir);
	if (r >= 0)
		r = fdcache_get(u, dir, LAYER_TOP, &ref.d);
	if (r < 0)
		return r;
	spec->uid = call->uid;
	spec->gid = call->gid;
	spec->umask = call->umask;
	intent = intent_prepare(u, INTENT_TMPFILE, call);
	r = object_tmpfile(u->work, ref.d->fd, spec, &fd, &stx);
	if (r >= 0)
		r = lookup_nameless(u, &stx, fd, ret);
	intent_end(intent, r, r < 0 ? NULL : *ret);
	if (r >= 0)
		attr_shown(u, *ret, &stx, ret_st);
	return r;
}

/* ---- link ---- */

static int link_at(const struct where *w, int dir_fd, const char *name)
{
	char path[32];

	if (w->name[0])
		return neg_errno(linkat(w->dir_fd, w->name, dir_fd, name, 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->dir_fd);
	return neg_errno(linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW));
}

static int link_over_whiteout(struct unionfs *u, const struct where *w,
			      int dir_fd, const char *name)
{
	char temp[TEMP_NAME_SIZE];
	int r;

	if (workdir_options(u->work)->aufs_whiteouts) {
		r = link_at(w, dir_fd, name);
		if (r < 0)
			return r;
		r = whiteout_clear(u->work, dir_fd, name);
		if (r < 0)
			(void)unlinkat(dir_fd, name, 0);	/* report r */
		return r;
	}
	workdir_temp_name(u->work, temp);
	r = link_at(w, workdir_fd(u->work), temp);
	if (r < 0)
		return r;
	r = neg_errno(renameat(workdir_fd(u->work), temp, dir_fd, name));
	if (r < 0)
		(void)unlinkat(workdir_fd(u->work), temp, 0);	/* report r */
	return r;
}

/* A metacopy's other names must lead to the same data: an absolute redirect does. */
int change_redirect_fully(struct unionfs *u, struct inode *inode, int dir_fd,
			  const char *at)
{
	const struct name *name = name_of(inode, LAYER_TOP);
	cleanup_free char *path = NULL;
	char now[REDIRECT_MAX] = "";
	int r = inode->type == DT_REG ? data_is_metacopy(u, inode) : 0;

	if (r <= 0 || !name)
		return r < 0 ? r : 0;
	r = redirect_read(u->ns, dir_fd, at, now);
	if (r < 0 || now[0] == '/')
		return r < 0 ? r : 0;

	rwlock_take_read(&u->inodes.lock);
	r = dir_union_path(&u->inodes, inode_at(&u->inodes, name->parent),
			   now[0] ? now : name->text, &path);
	rwlock_drop_read(&u->inodes.lock);
	return r < 0 ? r : redirect_write(u->ns, dir_fd, at, path);
}

static int link_locked(struct unionfs *u, const struct call *call,
		       struct inode *inode, struct inode *dir, const char *name,
		       struct stat *ret_st)
	REQUIRES(dir->lock, inode->lock)
{
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	cleanup_where struct where w = WHERE_INIT;
	struct inode_table *t = &u->inodes;
	struct intent *intent;
	struct found f;
	struct statx stx;
	struct name *n;
	int r;

	if (dir->dir->is_removed)
		return -ENOENT;
	r = dir_find(u, dir, name, &f);
	if (r >= 0 && f.is_visible)
		r = -EEXIST;
	if (r >= 0)
		r = protattr_check(u, dir, FS_IMMUTABLE_FL);
	if (r >= 0)
		r = protattr_check(u, inode, PROTATTR_FLAGS);
	if (r >= 0)
		r = fdcache_get(u, dir, LAYER_TOP, &ref.d);
	if (r >= 0)
		r = where_find(u, inode, &w);
	if (r >= 0)
		r = change_redirect_fully(u, inode, w.dir_fd, w.name);
	if (r >= 0)
		r = change_mark_impure(u, dir, ref.d->fd, inode);
	if (r < 0)
		return r;
	intent = intent_prepare(u, INTENT_LINK, call);
	intent_set_name(intent, 0, dir, name);
	if (intent) {
		intent->inode[0] = inode->slot;
		intent->flags = f.is_whiteout ? INTENT_OVER_WHITEOUT : 0;
	}
	intent_begin(intent);
	r = f.is_whiteout ? link_over_whiteout(u, &w, ref.d->fd, name)
			  : link_at(&w, ref.d->fd, name);
	if (r >= 0)
		r = aufs_set_literal(u->ns, ref.d->fd, name);
	if (r < 0) {
		intent_drop(intent);
		return r;
	}

	rwlock_take_write(&t->lock);
	n = name_find(t, dir->slot, name);
	if (n)
		name_remove(t, n);
	n = name_add(t, dir, name, inode, LAYER_TOP);
	if (n)
		inode->nlookup++;
	intent_end(intent, n ? 0 : -ENOMEM, inode);
	rwlock_drop_write(&t->lock);
	entry_show(u, dir, name, inode);
	if (!n)
		return -ENOMEM;
	/* It is there: a shortage that passes is no reason to say that it is not. */
	r = stat_in(u, LAYER_TOP, ref.d->fd, name, &stx);
	if (r < 0)
		r = stat_in(u, LAYER_TOP, ref.d->fd, name, &stx);
	if (r >= 0) {
		where_nlink(u, inode, &w, &stx);
		attr_shown(u, inode, &stx, ret_st);
	}
	return r;
}

int change_link(struct unionfs *u, const struct call *call, struct inode *inode,
		struct inode *dir, const char *name, struct stat *ret_st)
{
	int r;

	if (call->was_done)
		return find_made(u, call, dir, name, &inode, ret_st);
	r = protattr_check_unlocked(u, dir, FS_IMMUTABLE_FL);
	if (r >= 0)
		r = protattr_check_unlocked(u, inode, PROTATTR_FLAGS);
	if (r >= 0)
		r = up_object(u, call, inode, UP_ATTRS);
	if (r >= 0)
		r = up_dir(u, dir);
	if (r < 0)
		return r;
	if (inode_is_dir(inode))
		return -EPERM;

	lock_scope(&dir->lock);
	lock_scope(&inode->lock);
	return link_locked(u, call, inode, dir, name, ret_st);
}
