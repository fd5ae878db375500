/* SPDX-License-Identifier: Apache-2.0 */
/* common/session_impl.h - what the session's own files share */
#pragma once

#include "common/mount.h"
#include "common/receive.h"
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
	int stop_fd;		/* owned, an eventfd: see record.stopping */
	int null_fd;		/* owned, /dev/null; -1: there is none */
	int crash_fd;		/* owned, a memfd; see crash.h */
	int keep_holder_fd, keep_worker_fd;	/* owned, a socket; see keep.h */
	int arrival_holder_fd, arrival_worker_fd;	/* owned, a socket; see arrival.h */
	int arrival_next_fd;	/* owned: accepted, and there is no room yet */
	uint64_t arrival_count;
	int log_holder_fd, log_worker_fd;	/* owned, a socket; see log_through() */
	pid_t holder;
	char program[PATH_MAX], cwd[PATH_MAX];	/* see handover.h */
	char **argv, *argv_words;		/* owned, */
	struct record *record;	/* owned mapping */

	/* The rest belongs to the worker. */
	struct fuse_session *fuse;
	struct receive receive;
	int inherited[RECORD_KEPT];	/* owned; see keep.h */
	_Atomic unsigned keep_next;	/* where to look for a free place */
	struct fuse_conn_info *conn;	/* only inside init() */
	uint64_t wanted;		/* INIT flags beyond libfuse's */
	unsigned stack_depth;
	bool wants_parallel_dirops;
	bool init_answered;		/* and the reply passed by us */
};

/** session_hold() - mount, keep workers running, unmount; see holder.c
 * @tell_fd:	for ready_tell(), or -1 in the foreground; taken over
 *
 * Return: an exit status. */
int session_hold(struct session *s, int take_tell_fd);

/** session_work() - be a worker until the mount is gone. Return: an exit
 *	status, 0 only if it is gone. */
int session_work(struct session *s);
