/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/ops_trigger.c - what is written to pressure files, and who waits for it */
#include "config.h"
#include "procfs/ops_impl.h"

#include <errno.h>

#include "common/cleanup.h"
#include "procfs/trigger.h"

/* Truncation by O_TRUNC changes nothing, as with the kernel's files. */
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct service *s = fuse_req_userdata(req);
	struct node node;
	int r = node_from_id(s, ino, &node);

	if (r >= 0 && (!(to_set & FUSE_SET_ATTR_SIZE) || !triggers_has(node.text)))
		r = -EPERM;
	if (r < 0)
		reply_error(req, r);
	else
		op_getattr(req, ino, fi);
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	      struct fuse_file_info *fi)
{
	struct service *s = fuse_req_userdata(req);
	cleanup_container struct container *c = NULL;
	struct node node;
	int r = node_from_id(s, ino, &node);

	if (r >= 0)
		r = handle_container(req, s, &node, fi->fh, &c);
	if (r >= 0)
		r = triggers_set(s->triggers, fi->fh, c, node.text, data, size);
	if (r < 0)
		reply_error(req, r);
	else
		fuse_reply_write(req, size);
}

/* The handle of libfuse's means nothing to another worker. */
void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	     struct fuse_pollhandle *handle)
{
	struct service *s = fuse_req_userdata(req);

	if (handle)
		fuse_pollhandle_destroy(handle);
	fuse_reply_poll(req, triggers_poll(s->triggers, fi->fh, session_poll_waiter()));
}
