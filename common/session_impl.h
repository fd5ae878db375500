/* SPDX-License-Identifier: Apache-2.0 */
/* common/session_impl.h - what the session's own files share */
#pragma once

#include "common/mount.h"
#include "common/record.h"
#include "common/session.h"

struct session {
	const struct session_config *config;	   /* lent */
	const struct session_service *service;	   /* lent */
	void *context;
	struct mountpoint mount;
	int device_fd;		/* owned */
	int state_fd;		/* owned */
	int serving_fd;		/* owned, an eventfd: the first INIT is answered */
	pid_t holder;
	int oom_score_adj;	/* what the worker should have; see holder.c */
	struct record *record;	/* owned mapping */

	/* The rest belongs to the worker. */
	struct fuse_session *fuse;
	struct fuse_conn_info *conn;	/* only inside init() */
	uint64_t wanted;		/* INIT flags beyond libfuse's */
	unsigned stack_depth;
	bool wants_writeback, wants_parallel_dirops;
};

/** session_hold() - mount, keep workers running, unmount; see holder.c
 * @tell_fd:	for ready_tell(), or -1 in the foreground; taken over
 *
 * Return: an exit status. */
int session_hold(struct session *s, int take_tell_fd);

/** session_work() - be a worker until the mount is gone. Return: an exit
 *	status, 0 only if it is gone. */
int session_work(struct session *s);
