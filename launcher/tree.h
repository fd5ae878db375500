/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/tree.h - whole directory trees: remove, copy */
#pragma once

/**
 * tree_remove() - remove a file or a directory with all in it
 *
 * Follows no symlink and enters no mount. However deep a container made its
 * directories, only a bounded number of descriptors is used.
 *
 * Return: 0, also if there is none; the first error, after removing what it can.
 */
int tree_remove(int dir_fd, const char *name);

/** tree_remove_path() - the same for an absolute path */
int tree_remove_path(const char *path);

/**
 * tree_copy() - copy what is in a directory into another, which is empty
 *
 * Types, owners, modes, times and extended attributes; a hard link becomes a file
 * of its own. Data by reference where the file system can.
 *
 * Return: 0, or the first error; what was copied before stays.
 */
int tree_copy(int from_fd, int to_fd);

/**
 * tree_copy_layer() - put a layer of overlay's on top of what is in a directory
 *
 * The same, but hard links stay links, and marks do what they mean: whiteouts and
 * opaque directories remove what was there.
 *
 * Return: 0; -EOPNOTSUPP for a layer with redirects or files without data; others.
 */
int tree_copy_layer(int from_fd, int to_fd);
