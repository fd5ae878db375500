/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/rename_impl.h - what the parts of a rename share
 *
 * rename_lift.c copies up what will move, rename.c takes the locks and makes the
 * change, for which rename_prepare.c makes both sides ready.
 */
#pragma once

#include <stdbool.h>

#include "unionfs/lookup.h"
#include "unionfs/union.h"
#include "unionfs/up.h"

struct call;
struct intent;

struct side {
	struct inode *dir;
	const char *name;
	struct found f;
	struct inode *inode;	/* counted; NULL if nothing is there */
	struct dirfd_ref ref;	/* the directory's upper part */
};

struct rename {
	struct unionfs *u;
	const struct call *call;
	struct side from, to;
	bool is_exchange, no_replace;
	bool kept;		/* to.inode.fd was set for this */
	struct intent *intent;
};

/** rename_side_find() - what is there now, which may be nothing; 0 or -errno */
int rename_side_find(struct rename *r, struct side *s) REQUIRES(s->dir->lock);
void rename_side_done(struct rename *r, struct side *s);

/**
 * rename_lift_dirs() - copy up both directories
 *
 * Return: 0; -EPERM if chattr +i or +a forbids the rename; any error of up_dir(). What
 * is refused leaves no copy behind.
 */
int rename_lift_dirs(struct rename *r);

/** rename_lift() - copy up what will move; 0, the same -EPERM, or as up_name() */
int rename_lift(struct rename *r);

/**
 * rename_check_target() - may the target be replaced; makes it ready to be
 *
 * Return: 0; -EEXIST, -EISDIR, -ENOTDIR, -ENOTEMPTY as rename(2); or what reading
 * or clearing the target's directory failed with.
 */
int rename_check_target(struct rename *r)
	REQUIRES(r->to.dir->lock, r->to.inode->lock, r->from.inode->lock);

/**
 * rename_prepare() - give the object the marks that it needs at the other side's place
 *
 * A directory without lower parts must hide what the lower layers have there. As the
 * kernel, it does so wherever there may be something, not only where something is now.
 * Return: 0 or -errno.
 */
int rename_prepare(struct rename *r, struct side *s, const struct side *other)
	REQUIRES(s->dir->lock, s->inode->lock);
