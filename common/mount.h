/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/mount.h - putting a FUSE mount in place and taking it away
 *
 * With mount(2) where the kernel lets us, else through fusermount3, which may.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct session_config;

struct mountpoint {
	char path[PATH_MAX];	/* absolute, without symlinks */
	dev_t device;		/* of what we mounted there */
	uint64_t mount_id;	/* device numbers are given out again, at once */
	bool helped;		/* by fusermount3, so it must unmount as well */
};

/**
 * mount_fuse() - resolve the mountpoint and mount on it
 * @config:	what to mount, and where
 * @ret_mount:	where it is now
 * @ret_device_fd: the /dev/fuse descriptor that serves it, owned by the caller
 *
 * Says on stderr what went wrong. Return: 0 or -errno.
 */
int mount_fuse(const struct session_config *config, struct mountpoint *ret_mount,
	       int *ret_device_fd);

/**
 * mount_change() - give a mount other flags, as mount -o remount does
 * @path:	where it is
 * @flags:	all that it is to have, as for session_config
 *
 * Says on stderr what went wrong. Return: 0; -EBUSY if it shall be read-only and files
 * are open for writing; -EINVAL if nothing is mounted there; any error of mount(2).
 */
int mount_change(const char *path, const char *flags);

/** mount_is_there() - whether our mount is still on its mountpoint; asks the
 *	kernel only, never the worker */
bool mount_is_there(const struct mountpoint *m);

/**
 * mount_sync_and_unmount() - write back what is dirty and unmount
 *
 * May wait for the worker: for a process of its own that can be killed.
 *
 * Return: 0; -EBUSY if it is in use; any other error of umount(2).
 */
int mount_sync_and_unmount(const struct mountpoint *m);

/**
 * mount_detach() - unmount now and let those who use it finish; never waits
 *	for the worker
 *
 * Return: 0; any error of umount(2); -EPERM if fusermount3 would not.
 */
int mount_detach(const struct mountpoint *m);
