/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/mount.h - mounts by descriptor
 *
 * A mount is made detached, given its flags, and only then moved onto a target
 * that the caller resolved: nobody sees it half made, and no path is looked up
 * twice. Kernels or filters without the new calls get mount(2) on
 * /proc/self/fd/N, which is the same target.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/**
 * mount_fs() - mount a new file system
 * @target_fd:	O_PATH descriptor of what it covers
 * @data:	its options, comma separated, or NULL; a backslash keeps a comma
 * @attrs:	MOUNT_ATTR_* flags
 * @ret_reason:	if not NULL, filled with what the kernel says besides errno: up
 *		to 256 bytes with the NUL
 *
 * Return: a descriptor of the new mount's root, or negative errno.
 */
int mount_fs(const char *type, const char *source, int target_fd, const char *data,
	     uint64_t attrs, char *ret_reason);

/** mount_fs_detached() - the same without a target; -ENOSYS without the new calls */
int mount_fs_detached(const char *type, const char *source, const char *data,
		      uint64_t attrs, char *ret_reason);

/**
 * mount_clone() - a detached copy of the mount at a descriptor
 * @fd:		any descriptor in the tree to show
 *
 * Return: a descriptor of the copy, or negative errno.
 */
int mount_clone(int fd, bool recursive);

/** mount_attach() - move a detached tree onto a target; 0 or negative errno */
int mount_attach(int tree_fd, int target_fd);

/** mount_bind() - show what is at @source_fd at @target_fd too; its new root or negative errno */
int mount_bind(int source_fd, int target_fd, bool recursive);

/** mount_set_attrs() - change MOUNT_ATTR_* flags; atime ones may be in @set alone */
int mount_set_attrs(int fd, uint64_t set, uint64_t clear, bool recursive);

/** mount_set_propagation() - MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE, with MS_REC or not */
int mount_set_propagation(int fd, uint64_t propagation);

/** mount_set_idmap() - show ids through the map of a user namespace */
int mount_set_idmap(int fd, int userns_fd, bool recursive);
