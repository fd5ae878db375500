/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/settle.c - following a directory down through the layers
 *
 * How it works. Going down from the top, the way to the directory in the next layer
 * is at first the one its parent's listing knows (the candidates). A redirect on a
 * part bends the way for all layers below: to another name in the parent's parts,
 * or to a path, which is then walked in each layer and may be bent again by what
 * lies on it. An opaque mark, a whiteout or something that is no directory ends the
 * way. Source: kernel, fs/overlayfs/namei.c, ovl_lookup_layer() and its like.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/union.h"
#include "unionfs/way.h"

/* Is there a directory @w->path beside the parent's part in this layer? */
static int probe_sibling(struct way *w, struct inode *inode, unsigned layer,
			 bool *ret_found)
{
	struct inode_table *t = &w->u->inodes;
	cleanup_dirfd struct dirfd_ref ref = { &w->u->fds, NULL };
	struct inode *parent;
	bool ends = false;
	int r, fd;

	*ret_found = false;
	rwlock_take_read(&t->lock);
	parent = inode_at(t, inode->names->parent);
	r = dir_part(parent->dir, layer) ? 1 : 0;
	rwlock_drop_read(&t->lock);
	if (r == 0)
		return 0;

	r = fdcache_get(w->u, parent, layer, &ref.d);
	if (r < 0)
		return r;
	r = way_step(w, layer, ref.d->fd, w->path, &fd, &ends);
	w->has_ended |= ends;
	if (r < 0 || fd < 0)
		return r;
	close(fd);
	*ret_found = true;
	return 0;
}

static int probe_path(struct way *w, unsigned layer, bool *ret_found)
{
	int fd, r = way_walk(w, layer, &fd);

	*ret_found = r >= 0 && fd >= 0;
	if (*ret_found)
		close(fd);
	return r;
}

static int part_append(struct unionfs *u, struct inode *inode, unsigned layer,
		       const char *path)
{
	struct dir *dir = inode->dir;
	char *copy = path[0] ? strdup(path) : NULL;
	struct part *parts;

	if (path[0] && !copy)
		return -ENOMEM;

	rwlock_write_scope(&u->inodes.lock);
	parts = reallocarray(dir->parts, dir->count + 1, sizeof(*parts));
	if (!parts) {
		free(copy);
		return -ENOMEM;
	}
	parts[dir->count++] = (struct part){ .layer = layer, .path = copy };
	dir->parts = parts;
	return 0;
}

/*
 * A name is looked for beside the part that says it. Where that part was reached by
 * a path, this is the path's directory as the layers below must walk it: what was met
 * on the way in this layer has bent it already.
 */
static int turn(struct way *w, const char *redirect)
{
	char bent[sizeof(w->path)];
	const char *slash = strrchr(w->path, '/');
	int n;

	if (redirect[0] == '/' || !slash)
		n = snprintf(bent, sizeof(bent), "%s", redirect);
	else
		n = snprintf(bent, sizeof(bent), "%.*s/%s", (int)(slash - w->path),
			     w->path, redirect);
	if (n >= (int)sizeof(bent))
		return -ENAMETOOLONG;
	memcpy(w->path, bent, n + 1);
	return 0;
}

/*
 * Read the marks of a part that counts, and turn where they point; 1 if that is a
 * path from the root, which leads past what was opaque on the way here.
 */
static int heed(struct way *w, struct inode *inode, unsigned index)
	REQUIRES(inode->lock)
{
	struct dir *dir = inode->dir;
	unsigned layer = dir->parts[index].layer;
	cleanup_dirfd struct dirfd_ref ref = { &w->u->fds, NULL };
	struct marks m;
	int r = fdcache_get(w->u, inode, layer, &ref.d);

	if (r >= 0)
		r = marks_read(w->u->ns, ref.d->fd, "", &m);
	if (r < 0)
		return r;

	dir->parts[index].has_xattr_whiteouts = m.has_xattr_whiteouts;
	if (layer == LAYER_TOP) {
		dir->is_impure = m.is_impure;
		free(dir->redirect);
		dir->redirect = m.redirect[0] ? strdup(m.redirect) : NULL;
		if (m.redirect[0] && !dir->redirect)
			return -ENOMEM;
	}
	if (m.is_opaque) {
		w->has_ended = true;
		dir_cut(w->u, inode, index + 1);
	} else if (m.redirect[0]) {
		dir_cut(w->u, inode, index + 1);
		r = turn(w, m.redirect);
		return r < 0 ? r : m.redirect[0] == '/';
	}
	return 0;
}

/* Once redirected: look for the next part in the layers below @layer. */
static int seek_next(struct way *w, struct inode *inode, unsigned layer)
{
	bool found = false;
	int r = 0;

	while (r >= 0 && !found && !w->has_ended && ++layer < w->u->merged_count) {
		char path[REDIRECT_MAX];

		memcpy(path, w->path, sizeof(path));
		if (path[0] == '/')
			r = probe_path(w, layer, &found);
		else
			r = probe_sibling(w, inode, layer, &found);
		if (r >= 0 && found)
			r = part_append(w->u, inode, layer, path);
	}
	return r;
}

int dir_settle(struct unionfs *u, struct inode *inode)
{
	struct dir *dir = inode->dir;
	struct way w = { .u = u };
	int r = 0;

	if (dir->is_settled)
		return 0;

	for (unsigned i = 0; r >= 0 && i < dir->count; i++) {
		/* A walk may have ended the way, and still found its last part. */
		bool was_last = w.has_ended;

		w.has_ended = false;
		r = heed(&w, inode, i);
		if (was_last && r == 0) {
			dir_cut(u, inode, i + 1);
			break;
		}
		if (r >= 0 && w.path[0] && i + 1 == dir->count)
			r = seek_next(&w, inode, dir->parts[i].layer);
	}
	if (r >= 0) {
		dir->is_settled = true;
		dir_save(&u->inodes, inode);
	}
	return r < 0 ? r : 0;
}
