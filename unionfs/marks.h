/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/marks.h - whiteouts and opaque directories, in every form that exists
 *
 * Read: char 0:0, xattr whiteouts in a directory marked opaque=x, and AUFS ".wh."
 * files. Written: char 0:0 as one inode linked many times, or what the upper allows.
 *
 * Names beginning ".wh." are marks for AUFS and for unpacked image layers, and
 * ordinary names for kernel overlay. Both exist in the wild, so it is settled per
 * layer by layer_traits.has_aufs_marks:
 *
 *   whiteout=auto	lower layers: yes. Upper: no, unless it can hold no device.
 *   whiteout=overlay	no layer: as kernel overlay reads them
 *   whiteout=aufs	every layer; such marks are also what is written
 *
 * Where they count, a mark is an empty regular file. A client's own empty file of
 * such a name gets the attribute "literal" (in the overlay's namespace, so hidden
 * from clients and ignored by the kernel): it stays a name when the upper layer
 * later serves as a lower one. Whoever creates, renames or links to such a name in
 * the upper calls aufs_set_literal().
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "unionfs/overlay_xattr.h"
#include "unionfs/workdir.h"

#define AUFS_WHITEOUT_PREFIX ".wh."
#define AUFS_OPAQUE	     ".wh..wh..opq"

/* Our own; see above. */
#define OVERLAY_LITERAL	     "literal"

enum opacity {
	OPACITY_NONE,
	OPACITY_OPAQUE,		/* "y": layers below are hidden */
	OPACITY_XATTR_WHITEOUTS, /* "x": merged, and may hold xattr whiteouts */
};

/** is_whiteout_device() - the classic whiteout */
bool is_whiteout_device(const struct statx *stx);

/** opacity_of() - what a directory says about the layers below; -errno on failure.
 *	The AUFS mark is not looked for: whoever lists the directory sees it. */
int opacity_of(enum overlay_ns ns, int dir_fd, const char *name,
	       enum opacity *ret_opacity);

/** opaque_set() - hide the layers below @name */
int opaque_set(enum overlay_ns ns, int dir_fd, const char *name);

/** opaque_make() - the same in the form the upper writes; 0 or -errno */
int opaque_make(struct workdir *work, int dir_fd, const char *name);

/** aufs_is_name() - does @name begin as AUFS's marks do */
bool aufs_is_name(const char *name);

/**
 * aufs_is_mark() - is this ".wh." name a mark, where such marks count
 * @stx:	of the object, or NULL to have it looked at
 *
 * Return: 1, 0 or -errno.
 */
int aufs_is_mark(enum overlay_ns ns, int dir_fd, const char *name,
		 const struct statx *stx);

/**
 * aufs_hides() - does a mark ".wh.@name" stand in the directory
 *
 * For lookups of single names in a layer that has AUFS marks; dirlist_read()
 * finds them by itself. Return: 1, 0 or -errno.
 */
int aufs_hides(enum overlay_ns ns, int dir_fd, const char *name);

/** aufs_mark_clear() - take the mark ".wh.@name" away, if there is one. Return: 0 or -errno */
int aufs_mark_clear(enum overlay_ns ns, int upper_fd, const char *name);

/**
 * aufs_set_literal() - keep a ".wh." name in the upper from being taken for a mark
 *
 * Does nothing for other names, and where the object can hold no attribute (it
 * is no regular file, then it is no mark either). Return: 0 or -errno.
 */
int aufs_set_literal(enum overlay_ns ns, int dir_fd, const char *name);

/** aufs_set_opaque() - make AUFS's opaque mark in a directory; 0 also if it is there */
int aufs_set_opaque(int dir_fd);

/** is_xattr_whiteout() - an empty regular file with the whiteout attribute: 1, 0 or -errno */
int is_xattr_whiteout(enum overlay_ns ns, int dir_fd, const char *name);

/**
 * whiteout_clear() - remove the whiteout of a name, in the form the upper writes
 *
 * For when the lower object shall show again. Return: 0, also if there was none.
 */
int whiteout_clear(struct workdir *work, int upper_fd, const char *name);

/**
 * whiteout_make() - hide @name of the layers below; nothing may be there in the upper
 *
 * Return: 0; -EEXIST; -ENOSPC and the like, with nothing changed.
 */
int whiteout_make(struct workdir *work, int upper_fd, const char *name);

/**
 * whiteout_replace() - put a whiteout where an upper object is, in one step
 * @is_dir:	the object is a directory; its remaining contents (whiteouts and
 *		leftovers no union shows) are removed after the exchange
 *
 * The name never shows the lower object in between. Return: 0; -errno with
 * nothing changed.
 */
int whiteout_replace(struct workdir *work, int upper_fd, const char *name,
		     bool is_dir);

/** protattr_of() - FS_IMMUTABLE_FL, FS_APPEND_FL, both or 0: what an object has itself */
int protattr_of(const struct statx *stx);

/** protattr_write() - the mark that says these flags, of an upper object; 0: none */
int protattr_write(enum overlay_ns ns, int dir_fd, const char *name, int flags);
