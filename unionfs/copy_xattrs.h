/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/copy_xattrs.h - a lower object's extended attributes onto its copy
 */
#pragma once

#include "unionfs/layer.h"
#include "unionfs/overlay_xattr.h"

/**
 * copy_xattrs() - copy all but the overlay's own
 *
 * Escaped ones are copied as they stand; layers that keep "security." elsewhere
 * (override.h) are read and written accordingly. As for kernel overlay, an attribute that
 * the upper filesystem knows nothing of (-EOPNOTSUPP) is left behind, unless it is
 * an ACL or of the "security." class: those decide who may do what, and their loss
 * fails the copy. SELinux and EVM labels are the exception: what they should be is
 * up to the policy and the machine, so they are copied only if they may be.
 *
 * Return: 0; -errno of the first attribute that could not be copied.
 */
int copy_xattrs(enum overlay_ns ns, const struct layer *from_layer, int from_dir_fd,
		const char *from_name, const struct layer *to_layer, int to_dir_fd,
		const char *to_name);
