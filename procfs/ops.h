/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/ops.h - FUSE requests: find the objects, ask the tree, reply once */
#pragma once

#include "common/session.h"

/* Its userdata is a struct service. */
extern const struct fuse_lowlevel_ops procfs_ops;

/* The same with pressure triggers. */
extern const struct fuse_lowlevel_ops procfs_ops_triggers;
