/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/resolve.h - paths inside a container's root
 *
 * The tree below @root_fd may be hostile: its symlinks may point anywhere and
 * change while we look. So the kernel resolves each path with the root as "/"
 * (openat2, RESOLVE_IN_ROOT), and everything is done to the descriptor it
 * returns, never to the path again.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/**
 * resolve_open() - an O_PATH descriptor of what @path names inside the root
 * @no_follow:	the last component may be a symlink: open that itself
 *
 * Return: the descriptor; any openat2(2) error; -ENOSYS before Linux 5.6.
 */
int resolve_open(int root_fd, const char *path, bool no_follow);

/**
 * resolve_open_flags() - open for more than O_PATH; as above
 * @flags:	open(2) flags without O_CREAT
 */
int resolve_open_flags(int root_fd, const char *path, int flags);

/**
 * resolve_make_dir() - the same, making directories that are missing
 *
 * Return: an O_PATH descriptor of a directory; -ENOTDIR if something else is
 * there; -EEXIST at a symlink that leads nowhere; any mkdirat(2) error.
 */
int resolve_make_dir(int root_fd, const char *path, mode_t mode);

/**
 * resolve_make_parent() - the directory that holds, or shall hold, @path
 * @ret_name:	the last component; points into @path's copy, freed by the caller
 *
 * Return: an O_PATH descriptor of the parent, or as resolve_make_dir(); -EINVAL
 * if @path has no last component ("/", "..").
 */
int resolve_make_parent(int root_fd, const char *path, char **ret_name);

/**
 * resolve_make_target() - what a mount covers, made if it is missing
 * @directory:	what to make: a directory, or an empty file
 *
 * A file behind a symlink to nowhere is made where that leads, inside the root.
 *
 * Return: an O_PATH descriptor; -ELOOP if links lead on and on; errors as for
 * resolve_make_dir().
 */
int resolve_make_target(int root_fd, const char *path, bool directory, bool no_follow);
