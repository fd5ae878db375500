/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/rootfs.h - the container's root, put together from its layers */
#pragma once

#include <sys/types.h>

#include "launcher/daemon.h"
#include "launcher/fault.h"
#include "launcher/plan.h"
#include "launcher/signals.h"

struct rootfs {
	int tree_fd;		/* the root as a detached tree; -1 */
	struct daemon_start start;	/* what will serve it */
	pid_t daemon;		/* serves it, or 0 */
	char *mountpoint;	/* where it is mounted in our mount namespace, or NULL */
};

#define ROOTFS_INIT { .tree_fd = -1 }

/**
 * rootfs_begin() - start what takes a while, and return meanwhile
 * @plan:	drivers, layers
 * @upper:	the layer that takes changes
 * @work:	the overlay's work directory, on the same file system
 * @mountpoint:	an empty directory, for drivers that need one
 *
 * Return: 0 or negative errno with @fault; then nothing was started.
 */
int rootfs_begin(const struct plan_rootfs *plan, const char *upper, const char *work,
		 const char *mountpoint, struct rootfs *ret_rootfs, struct fault *fault);

/**
 * rootfs_mount() - mount the root that was begun
 * @plan, @upper, @work: the same
 * @userns_fd:	show ids through its map; -1 shows them as they are
 *
 * Return: 0 or negative errno with @fault; then nothing is mounted.
 */
int rootfs_mount(const struct plan_rootfs *plan, const char *upper, const char *work,
		 int userns_fd, struct signals *signals, struct rootfs *rootfs,
		 struct fault *fault);

/** rootfs_unmount() - after the container's last process is gone; or once it was begun */
void rootfs_unmount(struct rootfs *rootfs);

/**
 * rootfs_driver_probe() - the driver that this host can use, when nobody names one
 * @data:	the data directory, made if it is missing
 *
 * nacre-unionfs where it and /dev/fuse are there, else the kernel's overlay, else
 * subvolumes where @data is on btrfs, else copies.
 */
int rootfs_driver_probe(const char *data);

/** rootfs_driver_by_name() - enum rootfs_driver, or -1 */
int rootfs_driver_by_name(const char *name);

/** rootfs_driver_name() - "unionfs" and so on */
const char *rootfs_driver_name(enum rootfs_driver driver);

/**
 * rootfs_union_options() - the -o string for nacre-unionfs; freed by the caller
 *
 * In the list of layers a colon and a backslash are escaped; then in the whole,
 * commas and quotes.
 */
char *rootfs_union_options(const struct opt_list *lowers, const char *upper,
			   const char *work);
