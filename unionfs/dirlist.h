/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/dirlist.h - the names in one layer's directory, with its marks understood
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unionfs/layer.h"
#include "unionfs/overlay_xattr.h"

enum dirlist_kind {
	DIRLIST_ENTRY,
	DIRLIST_WHITEOUT,	/* hides the name in the layers below this one */
};

/**
 * dirlist_read() - read a directory of a layer
 * @dir_fd:	open for reading; its offset is moved
 * @opacity_x:	the directory is marked opaque=x: look for xattr whiteouts
 * @add:	called for each name but "." and "..", in no order. An AUFS whiteout is
 *		reported under the name it hides; its own name, and AUFS's reserved
 *		names, are not reported (marks.h says in which layers). A whiteout and
 *		an entry may be reported under one name: the whiteout hides what is
 *		below this layer only. A negative return ends the reading.
 * @ret_opaque:	whether the directory holds the AUFS opaque mark; may be NULL
 *
 * Char devices are looked at to tell whiteouts; other types come from d_type, or
 * from statx(2) where the filesystem does not fill it.
 *
 * Return: 0; what @add returned; -errno.
 */
int dirlist_read(const struct layer *layer, enum overlay_ns ns, int dir_fd,
		 bool opacity_x,
		 int (*add)(void *arg, enum dirlist_kind kind, const char *name,
			    unsigned char d_type, uint64_t ino),
		 void *arg, bool *ret_opaque);
