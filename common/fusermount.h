/* SPDX-License-Identifier: Apache-2.0 */
/* common/fusermount.h - asking fusermount3, the setuid helper of libfuse */
#pragma once

#include <stdbool.h>

/**
 * fusermount_mount() - mount without privileges
 * @path:	absolute mountpoint
 * @options:	for its -o
 * @ret_device_fd: the /dev/fuse descriptor it opened, owned by the caller
 *
 * What fusermount3 has to say goes to our stderr.
 *
 * Return: 0; -ENOENT if it is not installed; -EPERM if it refused; any
 * socketpair(2) or fork(2) error.
 */
int fusermount_mount(const char *path, const char *options, int *ret_device_fd);

/**
 * fusermount_unmount() - unmount what fusermount_mount() mounted
 * @lazy:	detach even if it is in use
 *
 * Allocates nothing. Return: 0; -EBUSY if it refused.
 */
int fusermount_unmount(const char *path, bool lazy);
