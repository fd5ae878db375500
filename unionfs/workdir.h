/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/workdir.h - where objects are built before the upper layer shows them
 *
 * WORKDIR/work holds what is being built, under names "#HEX"; it is emptied at
 * mount. WORKDIR/index holds the hard-link index. Upper and work are locked
 * against a second writer for as long as the workdir is open.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "unionfs/layer.h"
#include "unionfs/overlay_xattr.h"

struct private_mounts;
struct workdir;

struct workdir_options {
	enum overlay_ns ns;
	bool aufs_whiteouts;	/* write ".wh." files instead of devices */
	bool is_volatile;	/* nothing is synced; leave the marker */
	bool skips_fsync;	/* copies are not synced before they are shown */
	bool squashes_owner;	/* owners are not kept: a refused chown is no error */
	bool is_handed_over;	/* another worker of the same mount uses it, or did */
	bool index;		/* make and use the index directory, if it can work here */
};

/**
 * workdir_open() - prepare the work directory of an upper layer
 * @upper:	lent for as long as the workdir is open
 * @mounts:	what @upper was opened through, if it was; lent for this call; or NULL
 *
 * Return: 0; -EXDEV if @path is on another filesystem; -EINVAL if one lies in the
 * other; -EBUSY if another union writes here; -ENOTRECOVERABLE if a volatile
 * mount's marker or an unknown incompat mark forbids use; -errno.
 */
int workdir_open(const char *path, struct layer *upper, struct private_mounts *mounts,
		 const struct workdir_options *options, struct workdir **ret_work);

/** workdir_close() - drop the locks; accepts NULL, returns NULL */
struct workdir *workdir_close(struct workdir *work);

int workdir_fd(const struct workdir *work);		/* WORKDIR/work; lent */
int workdir_index_fd(const struct workdir *work);	/* -1 without index; lent */

/* Whether the index may hold anything; it never becomes empty again. */
bool workdir_index_is_used(const struct workdir *work);
void workdir_set_index_used(struct workdir *work);

/* In a process that takes over: whether it does. */
void workdir_look_at_index(struct workdir *work);

/* Go on without it, as if it had not been asked for. */
void workdir_drop_index(struct workdir *work);

const struct layer *workdir_upper(const struct workdir *work);
const struct workdir_options *workdir_options(const struct workdir *work);

/** workdir_open_private() - open a directory of mode 000 that is ours, for all of its use;
 *	-errno */
int workdir_open_private(int dir_fd, const char *name);

#define TEMP_NAME_SIZE 20

/**
 * workdir_temp_name() - a name not in use in WORKDIR/work; safe from any thread
 *
 * Names of a process that died are never given again by its successor.
 */
void workdir_temp_name(struct workdir *work, char name[TEMP_NAME_SIZE]);

/**
 * workdir_mark_volatile() - if it is to be volatile, let no later mount trust it
 *
 * When the union begins to serve: one that could not be mounted has lost nothing.
 * Return: 0 or -errno.
 */
int workdir_mark_volatile(struct workdir *work);

/** workdir_take_over() - the calling process builds here from now on, after a fork */
void workdir_take_over(struct workdir *work);

/** workdir_gives_owner() - do new files in WORKDIR/work belong to these by themselves */
bool workdir_gives_owner(const struct workdir *work, uid_t uid, gid_t gid);

/**
 * workdir_may_clone() - may files of the upper share blocks with a device's files
 *
 * True until workdir_cannot_clone() was told otherwise; a hint.
 */
bool workdir_may_clone(const struct workdir *work, dev_t dev);
void workdir_cannot_clone(struct workdir *work, dev_t dev);

/** workdir_remove() - remove a temporary object, a whole tree if it is one; best effort */
void workdir_remove(struct workdir *work, const char *name);

/**
 * workdir_sweep() - remove what a process that died was building; best effort
 *
 * Nobody else may be building anything.
 */
void workdir_sweep(struct workdir *work);

/**
 * workdir_whiteout() - link the shared whiteout inode to a temporary name
 *
 * Made on first use, made anew at the filesystem's link limit.
 */
int workdir_whiteout(struct workdir *work, char name[TEMP_NAME_SIZE]);

/**
 * workdir_link_whiteout() - link the shared whiteout inode to @name of a directory
 * @dir_fd:	a directory of the upper layer, or workdir_fd()
 *
 * Return: 0; -EEXIST; -errno.
 */
int workdir_link_whiteout(struct workdir *work, int dir_fd, const char *name);

/**
 * workdir_set_link_limit() - make the shared whiteout anew after this many links;
 *	0 leaves it to the filesystem. For filesystems that slow down, and for tests.
 */
void workdir_set_link_limit(struct workdir *work, unsigned limit);
