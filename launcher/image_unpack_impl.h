/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_unpack_impl.h - what the parts of image_unpack share */
#pragma once

#include <limits.h>
#include <sys/types.h>
#include <time.h>

#include "launcher/image_archive.h"
#include "launcher/image_unpack.h"

/* Set at the end, when nothing is put into the directory any more. */
struct unpack_dir {
	char *path;
	size_t order;		/* of two for one path the later counts */
	mode_t mode;
	struct timespec mtime;
};

struct unpack {
	struct archive *archive;
	const struct unpack_job *job;
	struct image_stack stack;	/* the layer itself, then those below */
	struct fault *fault;
	char name[PATH_MAX];	/* the entry's, clean */
	struct timespec mtime;	/* the entry's */
	struct unpack_dir *dirs;
	size_t dir_count, dir_size;
	/* The directory of the entry before, for the next is often in it too. */
	int parent_fd;
	char parent_name[PATH_MAX];
	char parent_path[PATH_MAX];
	bool changed;		/* what a path may have led through was replaced */
	int64_t bytes;
	bool bad_input;
};

/* image_unpack.c */

/** unpack_fail() - a fault that names layer and entry; returns @error or -EINVAL */
int unpack_fail(struct unpack *u, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** unpack_lose() - count a loss */
void unpack_lose(struct unpack *u, enum unpack_loss loss);

/* image_unpack_path.c */

/** unpack_clean_name() - "./a//b" as "a/b"; -EINVAL if it has "..", -ENAMETOOLONG */
int unpack_clean_name(const char *name, char ret_name[static PATH_MAX]);

/** unpack_split() - the name's directory and last component, both inside @copy */
void unpack_split(const char *name, char copy[static PATH_MAX], const char **ret_dir,
		  const char **ret_base);

/**
 * unpack_walk() - the directory that a clean path leads to
 * @create:	make what is missing, as the layers below have it
 * @ret_path:	the same without symlinks, PATH_MAX bytes
 *
 * Return: an O_PATH descriptor; -ENOENT, -ENOTDIR, -ELOOP, ...
 */
int unpack_walk(struct unpack *u, const char *name, bool create, char *ret_path);

/** unpack_parent() - unpack_walk() for entries, with a memory; the descriptor is lent */
int unpack_parent(struct unpack *u, const char *name);

/** unpack_forget_parent() - the tree changed: the memory may be wrong */
void unpack_forget_parent(struct unpack *u);

/** unpack_begin_root() - attributes for the root, should the archive give none */
int unpack_begin_root(struct unpack *u);

/* image_unpack_attrs.c */

/** unpack_attrs() - owner, mode (unless @is_dir or a symlink), xattrs and time of the entry */
int unpack_attrs(struct unpack *u, int fd, struct archive_entry *entry, const char *path);

/** unpack_attrs_like() - owner and xattrs of another object */
int unpack_attrs_like(struct unpack *u, int fd, int like_fd);

/** unpack_remember_dir() - set mode and time of a directory at the end; 0 or -ENOMEM */
int unpack_remember_dir(struct unpack *u, const char *path, mode_t mode, struct timespec mtime);

/** unpack_finish_dirs() - do it */
int unpack_finish_dirs(struct unpack *u);
