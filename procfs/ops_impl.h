/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/ops_impl.h - between ops.c and ops_trigger.c only */
#pragma once

#include <limits.h>

#include "procfs/ops.h"
#include "procfs/service.h"

struct node {
	unsigned slot, generation;
	uint32_t path;
	char text[PATH_MAX];	/* of the path, below the container */
};

/** node_from_id() - 0, or -ESTALE for what is no id of ours */
int node_from_id(struct service *s, fuse_ino_t ino, struct node *node);

/** handle_container() - the container that a handle was opened for */
int handle_container(fuse_req_t req, struct service *s, const struct node *node,
		     uint64_t handle, struct container **ret);

/** reply_error() - and count it; @r: -errno */
void reply_error(fuse_req_t req, int r);

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* What only a mount with pressure triggers has. */
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	      struct fuse_file_info *fi);
void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	     struct fuse_pollhandle *handle);
