/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/marks.h - whiteouts and opaque directories, in every form that exists
 *
 * Read: char 0:0, xattr whiteouts in a directory marked opaque=x, and AUFS ".wh."
 * files. Written: char 0:0 as one inode linked many times, or what the upper allows.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "unionfs/overlay_xattr.h"
#include "unionfs/workdir.h"

#define AUFS_WHITEOUT_PREFIX ".wh."
#define AUFS_OPAQUE	     ".wh..wh..opq"

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

/** is_xattr_whiteout() - an empty regular file with the whiteout attribute: 1, 0 or -errno */
int is_xattr_whiteout(enum overlay_ns ns, int dir_fd, const char *name);

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
