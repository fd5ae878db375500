/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "common/errors.h"
#include "unionfs/dir.h"
#include "unionfs/dirlist.h"
#include "unionfs/merge.h"
#include "unionfs/union.h"

struct build {
	struct unionfs *u;
	struct merge *m;
	const struct dir *dir;
	unsigned layer;		/* being read */
	int dev;		/* of that layer */
};

static uint64_t shown_ino(const struct build *b, uint64_t ino)
{
	return union_ino(&(struct inode_key){ .ino = ino, .dev = b->dev });
}

/* The first time that a name turns up. */
static int add_new(struct build *b, enum dirlist_kind kind, const char *name,
		   unsigned char type, uint64_t ino)
{
	struct merge_entry *e = merge_add(&b->u->merges, b->m, name);
	unsigned flags = 0;

	if (!e)
		return -ENOMEM;

	e->layer = b->layer;
	e->type = type;
	e->ino = shown_ino(b, ino);
	if (kind == DIRLIST_WHITEOUT)
		flags = b->layer == LAYER_TOP ? MERGE_WHITEOUT : MERGE_CUT;
	else
		flags = MERGE_VISIBLE;
	if (kind == DIRLIST_ENTRY && b->layer != LAYER_TOP)
		flags |= MERGE_BELOW;
	if (kind == DIRLIST_ENTRY && type != DT_DIR && b->layer != LAYER_TOP)
		flags |= MERGE_CUT;
	/* An impure directory holds objects that show another's number. */
	if (b->layer != LAYER_TOP || !b->dir->is_impure)
		flags |= MERGE_INO;
	merge_set(b->m, e, flags);
	return 0;
}

/* A whiteout and an entry of one layer: the name shows, and nothing below does. */
static void add_same_layer(struct build *b, struct merge_entry *e,
			   enum dirlist_kind kind, unsigned char type,
			   uint64_t ino)
{
	unsigned flags = e->flags;

	if (kind == DIRLIST_ENTRY) {
		e->type = type;
		e->ino = shown_ino(b, ino);
		flags |= MERGE_VISIBLE;
		if (b->layer != LAYER_TOP)
			flags |= MERGE_BELOW;
	}
	flags |= b->layer == LAYER_TOP ? MERGE_WHITEOUT : MERGE_CUT;
	merge_set(b->m, e, flags);
}

static int add(void *arg, enum dirlist_kind kind, const char *name,
	       unsigned char type, uint64_t ino)
{
	struct build *b = arg;
	struct merge_entry *e = merge_find(&b->u->merges, b->m, name);
	bool merges;

	if (!e)
		return add_new(b, kind, name, type, ino);
	if (e->layer == b->layer) {
		add_same_layer(b, e, kind, type, ino);
		return 0;
	}
	if (e->flags & MERGE_CUT)
		return 0;

	merges = kind == DIRLIST_ENTRY && type == DT_DIR && e->type == DT_DIR &&
		 (e->flags & MERGE_VISIBLE) && !(e->flags & MERGE_WHITEOUT);
	merge_set(b->m, e,
		  e->flags | (kind == DIRLIST_ENTRY ? MERGE_BELOW : 0) |
			  (merges ? 0 : MERGE_CUT));
	return merges ? merge_add_layer(b->m, e, b->layer) : 0;
}

/* Names that only lower whiteouts stand for were needed while reading. */
static void purge(struct merge *m)
{
	for (uint32_t i = 0; i < 1u << m->bits; i++) {
		for (struct merge_entry *e = m->buckets[i], *next; e; e = next) {
			next = e->next;
			if (!(e->flags & (MERGE_VISIBLE | MERGE_WHITEOUT)))
				merge_remove(m, e);
		}
	}
}

static int read_part(struct build *b, struct inode *inode, unsigned index,
		     bool *ret_opaque) REQUIRES(inode->lock)
{
	const struct part *part = &inode->dir->parts[index];
	const struct layer *layer = b->u->layers[part->layer];
	cleanup_dirfd struct dirfd_ref ref = { &b->u->fds, NULL };
	int r = fdcache_get(b->u, inode, part->layer, &ref.d);

	if (r < 0)
		return r;
	b->layer = part->layer;
	b->dev = union_dev(b->u, layer_traits(layer)->dev);
	if (b->dev < 0)
		return b->dev;
	if (lseek(ref.d->fd, 0, SEEK_SET) < 0)
		return -errno;
	return dirlist_read(layer, b->u->ns, ref.d->fd, part->has_xattr_whiteouts,
			    add, b, ret_opaque);
}

int merge_build(struct unionfs *u, struct inode *inode)
{
	struct build b = { .u = u, .m = merge_new(), .dir = inode->dir };
	int r = b.m ? 0 : -ENOMEM;

	for (unsigned i = 0; r == 0 && i < inode->dir->count; i++) {
		bool is_opaque = false;

		r = read_part(&b, inode, i, &is_opaque);
		if (is_opaque)
			dir_cut(u, inode, i + 1);
	}
	if (r < 0) {
		merge_free(b.m);
		return r;
	}
	purge(b.m);
	merge_attach(u, inode, b.m);
	return 0;
}
