/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/object.h - making new objects in the upper layer, right from the start
 *
 * Owner, mode, umask, default ACL and setgid inheritance are as if the caller had
 * made the object itself. An object that must appear in place of a whiteout is
 * built in the work directory and renamed over it.
 *
 * The umask is applied by the layer's own filesystem, which alone knows when a
 * default ACL replaces it. A thread that creates objects therefore gets a umask
 * of its own: the first object_create() in a thread calls unshare(CLONE_FS).
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "unionfs/workdir.h"

struct object_spec {
	mode_t mode;		/* type and permissions as the caller gave them */
	mode_t umask;		/* the caller's; not applied where a default ACL rules */
	uid_t uid;		/* the new owner, in the layer's ids */
	gid_t gid;		/* unless the directory's setgid bit decides */
	dev_t rdev;
	const char *target;	/* of a symlink */
	bool opaque;		/* directory that must hide the layers below */
	bool over_whiteout;	/* a whiteout stands at the name now */
	int open_flags;		/* regular file: returned open with these, else -1 */
};

/**
 * object_thread_init() - give the calling thread its own umask now
 *
 * Optional: object_create() does it when needed. Return: 0 or -errno.
 */
int object_thread_init(void);

/**
 * object_allow_mode() - see to it that the thread's umask takes none of these bits
 *
 * Return: 0 or -errno.
 */
int object_allow_mode(mode_t mode);

/**
 * object_create() - make an object at @name in an upper directory
 * @ret_fd:	regular file: descriptor open as @spec says; may be NULL
 * @ret_stx:	the new object's attributes; may be NULL
 *
 * Return: 0; -EEXIST; -EPERM for a char device 0:0, which would be a whiteout;
 * any error of the underlying call, with nothing changed.
 */
int object_create(struct workdir *work, int upper_dir_fd, const char *name,
		  const struct object_spec *spec, int *ret_fd,
		  struct statx *ret_stx);

/**
 * object_tmpfile() - a regular file without a name, as O_TMPFILE makes it
 *
 * Return: 0; -EOPNOTSUPP where the filesystem cannot; -errno.
 */
int object_tmpfile(struct workdir *work, int upper_dir_fd,
		   const struct object_spec *spec, int *ret_fd,
		   struct statx *ret_stx);
