/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/table.h - what is served: one row per file or family of files
 *
 * lookup, readdir, getattr and open all read this one table. A path has no
 * leading "/": "proc/meminfo". Below the mirrored directories of /sys
 * everything that the host has exists, except what belongs to hidden CPUs
 * and memory nodes; a row there only says how a file is cut down.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "procfs/view.h"

struct proc_file {
	const char *pattern;	/* fnmatch(3) pattern of the path */
	mode_t mode;		/* permission bits; 0: the host's, without writing */
	unsigned needs;		/* view parts */
	int (*render)(const struct view *v, struct buf *out);
};

/** table_find() - the row for a file, or NULL if no file of that path is served */
const struct proc_file *table_find(const char *path);

/** table_is_mirrored() - whether @path is a mirrored directory or below one */
bool table_is_mirrored(const char *path);

/** table_is_dir() - whether @path is a directory that rows or mirrors lie below */
bool table_is_dir(const char *path);

/**
 * table_child() - the names in a directory of the table, one after the other
 * @dir:	a path for which table_is_dir() is true
 * @i:		begin with 0; moved on
 * @name:	the name, at most NAME_MAX bytes with its NUL
 *
 * Return: true while there is one more. No name comes twice.
 */
bool table_child(const char *dir, unsigned *i, char *name, size_t size);
