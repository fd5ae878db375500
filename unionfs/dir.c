/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/dir.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "unionfs/dir_record.h"
#include "unionfs/merge.h"
#include "unionfs/redirect.h"
#include "unionfs/union.h"

struct dir *dir_new(const uint16_t *layers, unsigned count)
{
	struct dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;

	dir->parts = calloc(count ? count : 1, sizeof(*dir->parts));
	if (!dir->parts)
		return dir_free(dir);

	dir->count = count;
	for (unsigned i = 0; layers && i < count; i++)
		dir->parts[i].layer = layers[i];
	return dir;
}

struct dir *dir_free(struct dir *dir)
{
	if (!dir)
		return NULL;

	for (unsigned i = 0; dir->parts && i < dir->count; i++)
		free(dir->parts[i].path);
	free(dir->parts);
	free(dir->redirect);
	free(dir);
	return NULL;
}

struct part *dir_part(const struct dir *dir, unsigned layer)
{
	/* Sorted by layer: few parts or very many, both are quick. */
	unsigned low = 0, high = dir->count;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (dir->parts[mid].layer < layer)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < dir->count && dir->parts[low].layer == layer)
		return &dir->parts[low];
	return NULL;
}

void dir_cut(struct unionfs *u, struct inode *inode, unsigned count)
{
	struct dir *dir = inode->dir;

	rwlock_write_scope(&u->inodes.lock);
	while (dir->count > count)
		free(dir->parts[--dir->count].path);
	if (dir->is_settled)
		dir_save(&u->inodes, inode);
}

int dir_add_upper(struct inode_table *t, struct inode *inode)
{
	struct dir *dir = inode->dir;
	struct part *parts = calloc(dir->count + 1, sizeof(*parts));

	if (!parts)
		return -ENOMEM;

	memcpy(parts + 1, dir->parts, dir->count * sizeof(*parts));
	parts[0].layer = LAYER_TOP;
	free(dir->parts);
	dir->parts = parts;
	dir->count++;
	dir_save(t, inode);
	return 0;
}

void dir_drop_upper(struct unionfs *u, struct inode *inode)
{
	struct dir *dir = inode->dir;

	rwlock_write_scope(&u->inodes.lock);
	memmove(dir->parts, dir->parts + 1, --dir->count * sizeof(*dir->parts));
	dir_save(&u->inodes, inode);
}

/* The name that a directory has, or had: it never has two. */
static const struct name *dir_name(const struct inode *inode)
{
	const struct name *live = name_live(inode, LAYER_TOP);

	return live ? live : inode->names;
}

/*
 * Paths are put together from the end: @components are hung before what is
 * there, up to the root or to a part that knows its whole path.
 */
static int prepend(char **path, const char *directory, const char *rest)
{
	char *joined;
	int length = asprintf(&joined, "%s%s%s", directory,
			      rest[0] == '/' ? "" : "/", rest);

	if (length < 0)
		return -ENOMEM;
	free(*path);
	*path = joined;
	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int dir_layer_path(struct inode_table *t, const struct inode *inode,
		   unsigned layer, char **ret_path)
{
	cleanup_free char *path = strdup("");
	int r = path ? 0 : -ENOMEM;

	while (r == 0 && inode->slot != 0) {
		const struct part *part = dir_part(inode->dir, layer);
		const struct name *name = dir_name(inode);

		if (!part || !name)
			return -ESTALE;
		r = prepend(&path, part->path ? part->path : name->text, path);
		if (part->path && part->path[0] == '/')
			break;
		inode = inode_at(t, name->parent);
	}
	if (r < 0)
		return r;
	if (path[0] != '/')
		r = prepend(&path, "", path);
	if (r < 0)
		return r;
	if (path[1] && path[strlen(path) - 1] == '/')
		path[strlen(path) - 1] = '\0';
	*ret_path = take_ptr(path);
	return 0;
}

int dir_union_path(struct inode_table *t, const struct inode *dir,
		   const char *last, char **ret_path)
{
	cleanup_free char *path = strdup(last);
	int r = path ? 0 : -ENOMEM;

	while (r >= 0 && dir->slot != 0) {
		const struct name *name = dir_name(dir);
		const char *text = dir->dir->redirect;

		if (!name)
			return -ESTALE;
		r = prepend(&path, text ? text : name->text, path);
		if (text && text[0] == '/')
			break;
		dir = inode_at(t, name->parent);
	}
	if (r >= 0 && path[0] != '/')
		r = prepend(&path, "", path);
	if (r < 0)
		return r;
	*ret_path = take_ptr(path);
	return 0;
}

int dir_freeze(struct inode_table *t, struct inode *inode)
{
	struct dir *dir = inode->dir;
	cleanup_free char **paths = calloc(dir->count + 1, sizeof(*paths));
	int r = paths ? 0 : -ENOMEM;

	for (unsigned i = 0; r == 0 && i < dir->count; i++) {
		if (dir->parts[i].layer != LAYER_TOP)
			r = dir_layer_path(t, inode, dir->parts[i].layer,
					   &paths[i]);
	}
	for (unsigned i = 0; paths && i < dir->count; i++) {
		if (r < 0) {
			free(paths[i]);
		} else if (paths[i]) {
			free(dir->parts[i].path);
			dir->parts[i].path = paths[i];
		}
	}
	if (r == 0)
		dir_save(t, inode);
	return r;
}
