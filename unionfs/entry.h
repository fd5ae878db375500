/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/entry.h - a directory's table of names after our own changes */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "unionfs/inode.h"

struct unionfs;

/** entry_show() - the name is an upper object's now */
void entry_show(struct unionfs *u, struct inode *dir, const char *name,
		const struct inode *inode) REQUIRES(dir->lock);

/**
 * entry_hide() - the name is not there any more
 * @is_whiteout:	because the upper holds a whiteout of it
 */
void entry_hide(struct unionfs *u, struct inode *dir, const char *name,
		bool is_whiteout) REQUIRES(dir->lock);
