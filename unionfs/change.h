/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/change.h - making, linking, removing and renaming objects of the union
 *
 * All of these copy up the directories they change, answer -EROFS without an
 * upper layer, and leave everything as it was when they fail.
 */
#pragma once

#include <sys/stat.h>

#include "unionfs/inode.h"
#include "unionfs/object.h"

struct call;
struct unionfs;

/**
 * change_create() - make an object
 * @spec:	what; owner, umask, opaque and over_whiteout are filled in here
 * @ret:	counted once for the kernel
 *
 * A regular file's descriptor becomes its backing.
 */
int change_create(struct unionfs *u, const struct call *call, struct inode *dir,
		  const char *name, struct object_spec *spec, struct inode **ret,
		  struct stat *ret_st);

/** change_tmpfile() - make a file without a name, in the filesystem of a directory */
int change_tmpfile(struct unionfs *u, const struct call *call, struct inode *dir,
		   struct object_spec *spec, struct inode **ret,
		   struct stat *ret_st);

/** change_link() - give an inode one more name; counts it for the kernel */
int change_link(struct unionfs *u, const struct call *call, struct inode *inode,
		struct inode *dir, const char *name, struct stat *ret_st);

int change_unlink(struct unionfs *u, const struct call *call, struct inode *dir,
		  const char *name);
int change_rmdir(struct unionfs *u, const struct call *call, struct inode *dir,
		 const char *name);

/**
 * change_rename() - as renameat2(2) does
 * @flags:	RENAME_NOREPLACE or RENAME_EXCHANGE; -EINVAL for others
 *
 * -EXDEV for a directory with lower parts where redirects are not written.
 */
int change_rename(struct unionfs *u, const struct call *call, struct inode *dir,
		  const char *name, struct inode *to_dir, const char *to_name,
		  unsigned flags);

/*
 * For the parts of this module.
 */

/**
 * change_keep() - hold an upper object that is about to lose a name, if it is the
 *	last one it can be reached by
 * @ret_kept:	whether inode.fd was set: undo with change_unkeep() if nothing came
 *		of it
 */
int change_keep(struct unionfs *u, struct inode *inode, const struct name *name,
		bool *ret_kept) REQUIRES(inode->lock);
void change_unkeep(struct unionfs *u, struct inode *inode, bool kept)
	REQUIRES(inode->lock);

/** change_redirect_fully() - let a metacopy say by a whole path where its data is, so
 *	that this can be found from anywhere; 0, also for what is no metacopy; -errno */
int change_redirect_fully(struct unionfs *u, struct inode *inode, int dir_fd,
			  const char *name) REQUIRES(inode->lock);

/** change_drop_index() - a name went: if it was the last, the index lets go too */
void change_drop_index(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock);

/** change_mark_impure() - a directory will hold an object that shows another's number */
int change_mark_impure(struct unionfs *u, struct inode *dir, int upper_fd,
		       const struct inode *inode) REQUIRES(dir->lock);

/**
 * change_redirect() - let what moves be followed to its lower parts or data
 * @upper_fd, @name: where it is now
 * @same_dir:	a name will do, it stays beside its lower part
 *
 * Return: 0; -EXDEV if the path is too long or redirects are not written; -errno.
 */
int change_redirect(struct unionfs *u, struct inode *dir, int upper_fd,
		    const char *name, struct inode *inode, bool same_dir)
	REQUIRES(dir->lock, inode->lock);
