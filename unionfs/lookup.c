/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/lookup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/index.h"
#include "unionfs/marks.h"
#include "unionfs/nameless.h"
#include "unionfs/origin.h"
#include "unionfs/union.h"
#include "unionfs/where.h"

/* A directory of one part answers this many names one by one, then is listed. */
#define LOOKUPS_WITHOUT_TABLE 8

int dir_table(struct unionfs *u, struct inode *dir)
{
	int r = dir_settle(u, dir);

	if (r < 0 || dir->dir->merge)
		return r;
	return merge_build(u, dir);
}

static bool needs_table(struct unionfs *u, const struct dir *dir, const char *name)
{
	const struct part *part = &dir->parts[0];

	return dir->count > 1 || part->has_xattr_whiteouts ||
	       dir->lookups >= LOOKUPS_WITHOUT_TABLE || aufs_is_name(name) ||
	       layer_traits(u->layers[part->layer])->has_aufs_marks;
}

void found_entry(struct merge_entry *e, struct found *ret)
{
	ret->is_visible = e->flags & MERGE_VISIBLE;
	ret->is_whiteout = e->flags & MERGE_WHITEOUT;
	ret->is_below = e->flags & MERGE_BELOW;
	ret->has_stx = false;
	ret->layer = e->layer;
	ret->type = e->type;
	ret->entry = e;
}

/* Ask the only part there is. */
static int find_single(struct unionfs *u, struct inode *dir, const char *name,
		       struct found *ret) REQUIRES(dir->lock)
{
	unsigned layer = dir->dir->parts[0].layer;
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	int r = fdcache_get(u, dir, layer, &ref.d);

	dir->dir->lookups++;
	if (r >= 0)
		r = stat_in(u, layer, ref.d->fd, name, &ret->stx);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;

	ret->has_stx = true;
	ret->layer = layer;
	ret->type = IFTODT(ret->stx.stx_mode);
	if (is_whiteout_device(&ret->stx))
		ret->is_whiteout = layer == LAYER_TOP;
	else
		ret->is_visible = true;
	ret->is_below = ret->is_visible && layer != LAYER_TOP;
	return 0;
}

int dir_find(struct unionfs *u, struct inode *dir, const char *name,
	     struct found *ret)
{
	struct merge_entry *e;
	int r = dir_settle(u, dir);

	*ret = (struct found){ 0 };
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (r < 0 || dir->dir->is_removed || dir->dir->count == 0)
		return r;
	if (!dir->dir->merge && !needs_table(u, dir->dir, name))
		return find_single(u, dir, name, ret);

	r = dir_table(u, dir);
	if (r < 0)
		return r;
	e = merge_find(&u->merges, dir->dir->merge, name);
	if (e)
		found_entry(e, ret);
	return 0;
}

/* What a new inode is made from. */
struct birth {
	uint8_t type;
	bool is_indexed, is_unprotected;
	unsigned layer, name_layer;	/* of the object; of the name that led to it */
	struct inode_key key, origin;
	uint64_t st_ino;
	const uint16_t *layers;		/* of a directory: its candidate parts */
	unsigned layer_count;
};

/*
 * The number shown for an upper object: that of the lower object it was copied
 * from, where the record can be trusted. The handle is opened if we may: a record
 * that was copied along with its file to another place leads nowhere then.
 */
static bool origin_key(struct unionfs *u, const struct origin *origin,
		       struct inode_key *ret)
{
	struct statx stx;

	for (unsigned i = 1; i < u->layer_count; i++) {
		cleanup_fd int fd = -1;

		if (!origin_is_of(origin, u->layers[i]))
			continue;
		if (!u->can_open_handles) {
			ret->dev = union_dev(u, layer_traits(u->layers[i])->dev);
			return origin_ino(origin, &ret->ino);
		}
		/* One filesystem answers for all its layers. */
		fd = origin_open(u->layers[i], origin);
		return fd >= 0 && stat_at(fd, "", &stx) == 0 &&
		       union_key(u, &stx, ret) == 0;
	}
	return false;
}

/*
 * What an upper object has from the lower one it was copied from: its number, and,
 * if it had several names there, that these lead to it.
 */
static void take_origin(struct unionfs *u, int dir_fd, const char *name,
			const struct statx *stx, struct birth *b)
{
	char entry[2 * ORIGIN_MAX + 1];
	struct origin origin;
	struct inode_key key;
	struct statx indexed;

	if (origin_read(u->ns, dir_fd, name, &origin) < 0 || origin.length == 0 ||
	    !origin_key(u, &origin, &key))
		return;
	b->st_ino = union_ino(&key);
	if (stx->stx_nlink < 2 || !index_is_used(u->work) ||
	    index_find(u->work, &origin, stx->stx_mode, entry, &indexed) <= 0 ||
	    indexed.stx_ino != stx->stx_ino)
		return;
	b->is_indexed = true;
	b->origin = key;
}

/* A lower name of a file that was copied up under another one. */
static int take_index(struct unionfs *u, int dir_fd, const char *name,
		      struct found *f, struct birth *b)
{
	char entry[2 * ORIGIN_MAX + 1];
	struct origin origin;
	struct statx stx;
	int r;

	if (f->layer == LAYER_TOP || b->type == DT_DIR || f->stx.stx_nlink < 2 ||
	    !u->work || !index_is_used(u->work))
		return 0;
	r = origin_of(u->layers[f->layer], dir_fd, name, &origin);
	if (r >= 0)
		r = index_find(u->work, &origin, f->stx.stx_mode, entry, &stx);
	if (r <= 0)
		return r;
	b->st_ino = union_ino(&b->key);
	b->origin = b->key;
	b->is_indexed = true;
	b->layer = LAYER_TOP;
	f->stx = stx;
	return union_key(u, &stx, &b->key);
}

/* Settle a new directory that has an upper part, and take its number from below. */
static int settle_new(struct unionfs *u, struct inode *inode)
{
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	struct inode_key key;
	struct statx stx;
	int r;

	lock_scope(&inode->lock);
	r = dir_settle(u, inode);
	if (r < 0 || inode->dir->count < 2)
		return r;
	r = fdcache_get(u, inode, inode->dir->parts[1].layer, &ref.d);
	if (r >= 0)
		r = stat_at(ref.d->fd, "", &stx);
	if (r >= 0)
		r = union_key(u, &stx, &key);
	if (r < 0)
		return r;
	inode->st_ino = union_ino(&key);
	return 0;
}

/*
 * Whether an inode found by its key may be what this name means. A directory has
 * one name: if the layers show it twice, each is an object of its own.
 */
static bool is_same(const struct inode *inode, const struct inode *dir,
		    const char *name, uint8_t type)
{
	const struct name *n;

	if (inode->type != type)
		return false;
	if (type != DT_DIR)
		return true;
	n = name_live(inode, inode->layer);
	return n && n->parent == dir->slot && strcmp(n->text, name) == 0;
}

/* The inode that the table knows; adds the name if it is new to it. */
static struct inode *find_known(struct unionfs *u, struct inode *dir,
				const char *name, unsigned layer, uint8_t type,
				struct inode_key key) REQUIRES(dir->lock)
{
	struct inode_table *t = &u->inodes;
	struct inode *inode;
	struct name *n;

	rwlock_take_read(&t->lock);
	inode = inode_find(t, key);
	n = name_find(t, dir->slot, name);
	if (inode && !is_same(inode, dir, name, type))
		inode = n && inode_at(t, n->inode)->type == type &&
					type == DT_DIR &&
					!inode_has(inode_at(t, n->inode),
						   INODE_HASHED) ?
				inode_at(t, n->inode) :
				NULL;
	if (inode)
		inode->nlookup++;
	rwlock_drop_read(&t->lock);
	if (!inode || (n && n->inode == inode->slot))
		return inode;

	/* Another name of it. Its own lock first: names are read under that. */
	lock_take(&inode->lock);
	rwlock_take_write(&t->lock);
	n = name_find(t, dir->slot, name);
	if (n && n->inode != inode->slot)
		name_remove(t, n);
	n = name_add(t, dir, name, inode, layer);
	rwlock_drop_write(&t->lock);
	lock_drop(&inode->lock);
	if (!n) {
		inode_forget(t, inode_node_id(inode), 1);
		return NULL;
	}
	return inode;
}

static int inode_born(struct unionfs *u, struct inode *parent, const char *name,
		      const struct birth *b, struct inode **ret)
{
	struct inode_table *t = &u->inodes;
	struct dir *dir = NULL;
	struct inode *inode;
	struct name *stale;

	if (b->type == DT_DIR) {
		dir = dir_new(b->layers, b->layer_count);
		if (!dir)
			return -ENOMEM;
	}
	rwlock_write_scope(&t->lock);
	stale = name ? name_find(t, parent->slot, name) : NULL;
	if (stale)
		name_remove(t, stale);
	inode = inode_new(t, b->type);
	if (!inode) {
		dir_free(dir);
		return -ENOMEM;
	}
	inode->dir = dir;
	if (dir)
		dir_save(t, inode);
	inode->layer = b->layer;
	inode->st_ino = b->st_ino;
	inode->nlookup = 1;
	if (b->is_unprotected)
		inode->flags |= INODE_UNPROTECTED;
	if (name && !name_add(t, parent, name, inode, b->name_layer)) {
		inode->nlookup = 0;
		inode_hold(t, inode);
		inode_put_locked(t, inode);
		return -ENOMEM;
	}
	if (!inode_find(t, b->key))
		inode_hash(t, inode, b->key);
	if (b->is_indexed) {
		inode->flags |= INODE_INDEXED;
		inode_alias(t, inode, b->origin);
	}
	*ret = inode;
	return 0;
}

/*
 * What was looked at may be one of several names of a file that was copied up under
 * another, or not count all its names: then the inode knows better.
 */
static int stat_linked(struct unionfs *u, struct inode *inode, struct found *f)
{
	int r;

	if (!inode_has(inode, INODE_INDEXED) &&
	    (f->layer == LAYER_TOP || f->stx.stx_nlink < 2 || inode_is_dir(inode)))
		return 0;
	lock_take(&inode->lock);
	r = inode_has(inode, INODE_INDEXED) || inode->layer == LAYER_TOP ?
		    where_stat(u, inode, &f->stx) :
		    0;
	lock_drop(&inode->lock);
	if (r < 0)
		inode_forget(&u->inodes, inode_node_id(inode), 1);
	return r;
}

int lookup_found(struct unionfs *u, struct inode *dir, const char *name,
		 struct found *f, struct inode **ret)
{
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	uint16_t single = f->layer;
	struct birth b = { .layer = f->layer, .name_layer = f->layer,
			   .layers = &single, .layer_count = 1 };
	int r = fdcache_get(u, dir, f->layer, &ref.d);

	if (r >= 0 && !f->has_stx)
		r = stat_in(u, f->layer, ref.d->fd, name, &f->stx);
	if (r >= 0)
		r = union_key(u, &f->stx, &b.key);
	if (r < 0)
		return r;

	f->has_stx = true;
	b.type = IFTODT(f->stx.stx_mode);
	*ret = find_known(u, dir, name, f->layer, b.type, b.key);
	if (*ret)
		return stat_linked(u, *ret, f);

	b.st_ino = union_ino(&b.key);
	if (f->layer == LAYER_TOP && dir->dir->is_impure && b.type != DT_DIR)
		take_origin(u, ref.d->fd, name, &f->stx, &b);
	r = take_index(u, ref.d->fd, name, f, &b);
	if (r < 0)
		return r;
	if (b.is_indexed) {
		*ret = find_known(u, dir, name, f->layer, b.type, b.key);
		if (*ret)
			return stat_linked(u, *ret, f);
	}
	b.is_unprotected = b.layer != LAYER_TOP && protattr_of(&f->stx) == 0;
	if (f->entry && f->entry->layers) {
		b.layers = f->entry->layers + 1;
		b.layer_count = f->entry->layers[0];
	}
	r = inode_born(u, dir, name, &b, ret);
	if (r == 0 && b.type == DT_DIR && f->layer == LAYER_TOP) {
		r = settle_new(u, *ret);
		if (r < 0)
			inode_forget(&u->inodes, inode_node_id(*ret), 1);
	}
	if (r == 0 && f->entry && !(f->entry->flags & MERGE_INO)) {
		f->entry->ino = (*ret)->st_ino;
		f->entry->flags |= MERGE_INO;
	}
	return r == 0 ? stat_linked(u, *ret, f) : r;
}

int lookup_child(struct unionfs *u, struct inode *dir, const char *name,
		 struct found *found, struct inode **ret)
{
	int r = dir_find(u, dir, name, found);

	if (r == 0 && !found->is_visible)
		r = -ENOENT;
	return r < 0 ? r : lookup_found(u, dir, name, found, ret);
}

/*
 * The inode that has the name already, if what it was told when it got it still
 * answers: nobody but us changes upper names, and lower ones do not change. Other
 * names of a lower file may be in the index, which only a look at it tells.
 */
static struct inode *find_named(struct unionfs *u, struct inode *dir,
				const char *name, struct found *f)
{
	struct inode_table *t = &u->inodes;
	struct inode *inode;
	const struct name *n;

	rwlock_read_scope(&t->lock);
	n = name_find(t, dir->slot, name);
	inode = n ? inode_at(t, n->inode) : NULL;
	if (!inode || n->layer != f->layer || inode->type != f->type)
		return NULL;
	if (n->layer != LAYER_TOP && !inode_is_dir(inode) && u->work &&
	    workdir_index_fd(u->work) >= 0)
		return NULL;
	inode->nlookup++;
	return inode;
}

int lookup_named(struct unionfs *u, struct inode *dir, const char *name,
		 struct found *found, struct inode **ret)
{
	int r = dir_find(u, dir, name, found);

	if (r == 0 && !found->is_visible)
		r = -ENOENT;
	*ret = r == 0 && !found->has_stx ? find_named(u, dir, name, found) : NULL;
	return r < 0 || *ret ? r : lookup_found(u, dir, name, found, ret);
}

int lookup_new(struct unionfs *u, struct inode *dir, const char *name,
	       const struct statx *stx, struct inode **ret)
{
	static const uint16_t top = LAYER_TOP;
	struct birth b = { .type = IFTODT(stx->stx_mode),
			   .layer = LAYER_TOP,
			   .name_layer = LAYER_TOP,
			   .layers = &top,
			   .layer_count = 1 };
	int r = union_key(u, stx, &b.key);

	if (r < 0)
		return r;
	b.st_ino = union_ino(&b.key);
	r = inode_born(u, dir, name, &b, ret);
	if (r < 0)
		return r;
	/* Whatever else a new object may inherit. */
	(*ret)->flags |= INODE_DATA_HERE | INODE_NO_CAPS | INODE_UNPROTECTED;
	if (b.type == DT_DIR) {
		/* Nothing is in it: its table is complete from the start. */
		struct merge *m = merge_new();

		(*ret)->dir->is_settled = true;
		dir_save(&u->inodes, *ret);
		lock_scope(&(*ret)->lock);
		if (m)
			merge_attach(u, *ret, m);
	}
	return 0;
}

int lookup_nameless(struct unionfs *u, const struct statx *stx, int take_fd,
		    struct inode **ret)
{
	struct birth b = { .type = IFTODT(stx->stx_mode), .layer = LAYER_TOP };
	int r = union_key(u, stx, &b.key);

	if (r >= 0) {
		b.st_ino = union_ino(&b.key);
		r = inode_born(u, NULL, NULL, &b, ret);
	}
	if (r < 0) {
		close(take_fd);
		return r;
	}
	(*ret)->flags |= INODE_DATA_HERE | INODE_NO_CAPS | INODE_TMPFILE |
			 INODE_UNPROTECTED;
	lock_scope(&(*ret)->lock);
	nameless_hold(u, *ret, take_fd);
	return 0;
}
