/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/entry.h"

#include <stdlib.h>

#include "unionfs/dir.h"
#include "unionfs/merge.h"
#include "unionfs/union.h"

void entry_show(struct unionfs *u, struct inode *dir, const char *name,
		const struct inode *inode)
{
	struct merge *m = dir->dir->merge;
	struct merge_entry *e;
	size_t before;

	if (!m)
		return;
	before = m->bytes;
	e = merge_find(&u->merges, m, name);
	if (!e)
		e = merge_add(&u->merges, m, name);
	if (!e) {
		merge_detach(&u->merges, dir);	/* built anew when needed */
		return;
	}
	merge_drop_layers(m, e);
	e->layer = LAYER_TOP;
	e->type = inode->type;
	e->ino = inode->st_ino;
	merge_set(m, e, (e->flags & MERGE_BELOW) | MERGE_VISIBLE | MERGE_INO |
				MERGE_CUT);
	merge_touch(&u->merges, m, before);
}

void entry_hide(struct unionfs *u, struct inode *dir, const char *name,
		bool is_whiteout)
{
	struct merge *m = dir->dir->merge;
	struct merge_entry *e;
	size_t before;

	if (!m)
		return;
	before = m->bytes;
	e = merge_find(&u->merges, m, name);
	if (!e)
		return;
	if (is_whiteout) {
		merge_drop_layers(m, e);
		e->layer = LAYER_TOP;
		merge_set(m, e,
			  (e->flags & MERGE_BELOW) | MERGE_WHITEOUT | MERGE_CUT);
	} else {
		merge_remove(m, e);
	}
	merge_touch(&u->merges, m, before);
}
