/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/tree.h - the files and directories that one container sees
 *
 * Paths are as in table.h, "" being the directory that holds "proc" and "sys".
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "procfs/container.h"
#include "procfs/table.h"

/**
 * tree_stat() - type and permissions of what is at @path
 * @c:		who looks
 * @ret_changes: true if another moment, or another container, may see it differently
 *
 * Return: 0; -ENOENT; as container_view().
 */
int tree_stat(struct host *host, struct container *c, const char *path,
	      struct stat *ret_stat, bool *ret_changes);

/** tree_depends() - whether what is at @path depends on who looks, beyond its text;
 *	if not, tree_stat() needs no container */
bool tree_depends(const char *path);

/**
 * tree_list() - call @add for each name in a directory
 * @add:	@mode's type bits are valid; a non-zero answer ends the listing
 *
 * Return: 0; -ENOENT; -ENOTDIR; as container_view().
 */
int tree_list(struct host *host, struct container *c, const char *path,
	      int (*add)(void *context, const char *name, mode_t mode), void *context);

/** tree_readlink() - target of a symlink: its length, or -errno */
ssize_t tree_readlink(struct host *host, struct container *c, const char *path,
		      char *target, size_t size);

/**
 * tree_render() - a file's whole text
 *
 * Return: 0; -ENOENT; -EISDIR; as container_view(); as the file's renderer.
 */
int tree_render(struct host *host, struct container *c, const char *path,
		struct buf *out);
