/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/dir.h"
#include "unionfs/lookup.h"
#include "unionfs/ops.h"
#include "unionfs/where.h"

static int find(struct unionfs *u, struct inode *dir, const char *name,
		struct inode **ret, struct stat *ret_st)
{
	struct found f;
	int r;

	lock_scope(&dir->lock);
	r = lookup_child(u, dir, name, &f, ret);
	if (r == 0)
		attr_shown(u, *ret, &f.stx, ret_st);
	return r;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct unionfs *u = op_union(req);
	struct inode *dir = op_inode(req, parent), *inode;
	struct fuse_entry_param none = { 0 };
	struct stat st;
	int r;

	if (!dir)
		return;
	r = find(u, dir, name, &inode, &st);
	if (r != -ENOENT) {
		reply_entry(u, req, r, inode, &st);
		return;
	}
	/* That it is not there may be remembered as well. */
	none.entry_timeout = u->options->timeout_seconds;
	fuse_reply_entry(req, &none);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct inode *inode = op_inode(req, ino);
	cleanup_where struct where w = WHERE_INIT;
	char target[PATH_MAX + 1];
	ssize_t n;

	if (!inode)
		return;
	lock_take(&inode->lock);
	n = where_find(op_union(req), inode, &w);
	if (n >= 0)
		n = neg_errno64(readlinkat(w.dir_fd, w.name, target, PATH_MAX));
	lock_drop(&inode->lock);
	if (n < 0) {
		reply_result(req, n);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

/* ---- listing ---- */

struct listing {
	fuse_req_t req;
	struct unionfs *u;
	struct inode *dir;
	bool is_plus;		/* with attributes; entries count as looked up */
	char *data;
	size_t size, used;
};

/* False if there is no more room. */
static bool add_direntry(struct listing *l, const char *name, const struct stat *st,
			 const struct fuse_entry_param *e, off_t cookie)
{
	char *at = l->data + l->used;
	size_t room = l->size - l->used, n;

	n = l->is_plus ? fuse_add_direntry_plus(l->req, at, room, name, e, cookie)
		       : fuse_add_direntry(l->req, at, room, name, st, cookie);
	if (n > room)
		return false;
	l->used += n;
	return true;
}

static bool add_dot(struct listing *l, const char *name, off_t cookie)
{
	struct fuse_entry_param e = { 0 };
	struct inode *inode = l->dir;

	rwlock_read_scope(&l->u->inodes.lock);
	if (cookie == 2 && inode->names)
		inode = inode_at(&l->u->inodes, inode->names->parent);
	e.attr.st_ino = inode->st_ino;
	e.attr.st_mode = S_IFDIR;
	return add_direntry(l, name, &e.attr, &e, cookie);
}

/*
 * With its attributes. What cannot be looked at is listed without: whoever looks
 * it up will get the error.
 */
static bool add_plus(struct listing *l, struct merge_entry *entry, struct found *f)
	REQUIRES(l->dir->lock)
{
	struct fuse_entry_param e = { 0 };
	struct inode *inode;
	struct stat st;
	bool added;

	if (lookup_found(l->u, l->dir, entry->text, f, &inode) < 0) {
		e.attr.st_ino = entry->ino;
		e.attr.st_mode = DTTOIF(entry->type);
		return add_direntry(l, entry->text, &e.attr, &e, entry->hash);
	}
	attr_shown(l->u, inode, &f->stx, &st);
	e = entry_param(l->u, inode, &st);
	added = add_direntry(l, entry->text, &st, &e, entry->hash);
	if (!added)
		inode_forget(&l->u->inodes, inode_node_id(inode), 1);
	return added;
}

static bool add_plain(struct listing *l, struct merge_entry *entry,
		      struct found *f) REQUIRES(l->dir->lock)
{
	struct stat st = { 0 };
	struct inode *inode;

	/* Its number is only known once it was looked at. */
	if (!(entry->flags & MERGE_INO) &&
	    lookup_found(l->u, l->dir, entry->text, f, &inode) == 0)
		inode_forget(&l->u->inodes, inode_node_id(inode), 1);
	st.st_ino = entry->ino;
	st.st_mode = DTTOIF(entry->type);
	return add_direntry(l, entry->text, &st, NULL, entry->hash);
}

static int list_from(struct listing *l, off_t cookie) REQUIRES(l->dir->lock)
{
	struct merge_entry *entry;
	bool room = true;
	int r = 0;

	if (cookie < 1)
		room = add_dot(l, ".", 1);
	if (room && cookie < 2)
		room = add_dot(l, "..", 2);
	if (l->dir->dir->is_removed)
		return 0;
	r = dir_table(l->u, l->dir);
	while (r >= 0 && room) {
		struct found f = { 0 };

		entry = merge_next(l->dir->dir->merge, cookie);
		if (!entry)
			break;
		found_entry(entry, &f);
		cookie = entry->hash;
		room = l->is_plus ? add_plus(l, entry, &f)
				  : add_plain(l, entry, &f);
	}
	return r;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie,
		 bool is_plus)
{
	struct listing l = { .req = req, .u = op_union(req), .size = size,
			     .is_plus = is_plus, .dir = op_inode(req, ino) };
	cleanup_free char *data = NULL;
	int r;

	if (!l.dir)
		return;
	if (!inode_is_dir(l.dir)) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	l.data = data = malloc(size);
	if (!data) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	lock_take(&l.dir->lock);
	r = list_from(&l, cookie);
	lock_drop(&l.dir->lock);
	if (r < 0)
		reply_result(req, r);
	else
		fuse_reply_buf(req, data, l.used);
	ops_prune(l.u);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	list(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	list(req, ino, size, off, true);
}

/* The kernel need not tell: listings are served by inode. */
static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_err(req, ENOSYS);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
			struct fuse_file_info *fi)
{
	struct unionfs *u = op_union(req);
	struct inode *inode = op_inode(req, ino);
	cleanup_where struct where w = WHERE_INIT;
	int r = 0;

	if (!inode)
		return;
	if (u->options->is_volatile || !u->options->fsync) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	lock_take(&inode->lock);
	if (inode->layer == LAYER_TOP && !inode->dir->is_removed)
		r = where_find(u, inode, &w);
	lock_drop(&inode->lock);
	/* Without the lock: it waits for the disk. */
	if (r >= 0 && w.dir_fd >= 0)
		r = neg_errno(datasync ? fdatasync(w.dir_fd) : fsync(w.dir_fd));
	/* One that may not be read is held by O_PATH. */
	if (r == -EBADF)
		r = neg_errno(syncfs(layer_root_fd(u->layers[LAYER_TOP])));
	reply_result(req, r);
}

void ops_init_name(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = op_lookup;
	ops->readlink = op_readlink;
	ops->opendir = op_opendir;
	ops->readdir = op_readdir;
	ops->readdirplus = op_readdirplus;
	ops->fsyncdir = op_fsyncdir;
}
