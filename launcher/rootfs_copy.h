/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/rootfs_copy.h - a root for drivers that stack nothing: the layers as one tree */
#pragma once

#include "launcher/fault.h"
#include "launcher/plan.h"

/**
 * rootfs_copy_make() - make the root from the plan's layers, unless it is there
 * @upper:	where; its parent exists
 *
 * ROOTFS_BTRFS takes a snapshot of the lowest layer where that is a subvolume; what
 * is copied shares its data by reference where the file system can.
 * A layer that only makes sense on those below it (redirected directories, files
 * without their data) is refused.
 *
 * Return: 0 or negative errno with @fault; then nothing is left of it.
 */
int rootfs_copy_make(const struct plan_rootfs *root, const char *upper, struct fault *fault);
