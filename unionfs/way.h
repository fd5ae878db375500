/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/way.h - going down through the layers along a path that redirects bend
 *
 * Only one name at a time is opened, and no symlink followed: whatever the layers
 * hold, the way stays inside them.
 */
#pragma once

#include <stdbool.h>

#include "unionfs/overlay_xattr.h"
#include "unionfs/redirect.h"

struct unionfs;

struct marks {
	bool is_opaque, has_xattr_whiteouts, is_impure;
	char redirect[REDIRECT_MAX];	/* "" : none */
};

struct way {
	struct unionfs *u;
	char path[REDIRECT_MAX];	/* "" : by the same name; a name; or "/..." */
	bool has_ended;			/* nothing below counts */
};

/** marks_read() - what a directory says about the layers below; 0 or -errno */
int marks_read(enum overlay_ns ns, int dir_fd, const char *name, struct marks *m);

/**
 * way_step() - open one directory of a layer
 * @ret_fd:	-1 if it is not there
 * @ret_ends:	set where a whiteout, or something else that is no directory, ends
 *		the way; not touched otherwise
 */
int way_step(struct way *w, unsigned layer, int at, const char *name, int *ret_fd,
	     bool *ret_ends);

/**
 * way_walk() - walk w->path, a path from the root, in one layer
 * @ret_fd:	the directory it leads to, owned by the caller; -1 if it is not there
 *
 * Marks on the way apply to the layers below: an opaque directory ends the way, a
 * redirect rewrites w->path.
 */
int way_walk(struct way *w, unsigned layer, int *ret_fd);
