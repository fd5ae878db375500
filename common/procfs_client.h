/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/procfs_client.h - talk to a running nacre-procfs
 *
 * The protocol is text over a unix stream socket, one request a connection:
 *
 *	VERB			register, unregister, list, ...
 *	KEY VALUE		any number; a value goes to the end of its line
 *	(an empty line)
 *
 * and the answer, up to the end of the stream:
 *
 *	ok			then the answer's own lines
 *	error ERRNO TEXT	ERRNO is a decimal number; TEXT is for people and may
 *				have more lines, each a next step
 *
 * The daemon serves root only: it checks the peer's credentials.
 */
#pragma once

#include <sys/types.h>

#include "common/buf.h"
#include "common/cgroup.h"

#define PROCFS_SOCKET_DEFAULT "/run/nacre/procfs.sock"
#define PROCFS_MOUNT_DEFAULT  "/run/nacre/procfs"
#define PROCFS_SECCOMP_DEFAULT "/run/nacre/seccomp.sock"

/* What a container is, for its registered view. */
struct procfs_container {
	const char *id;		/* letters, digits, and _.+-: as engines use; < 128 bytes */
	pid_t pid;		/* its init, as the daemon sees it; 0 if unknown */
	/*
	 * Its cgroup in each hierarchy, as cgroup_path_of() writes it; NULL
	 * means that of @pid. @v2 is the one in the v2 tree of a hybrid host.
	 */
	const char *cgroup[CGROUP_CONTROLLER_COUNT];
	const char *v2;
};

/** procfs_connect() - a connection that ends when the daemon does, or negative errno */
int procfs_connect(const char *socket_path);

/**
 * procfs_call() - one request and its answer
 * @socket_path: NULL: PROCFS_SOCKET_DEFAULT
 * @request:	VERB and KEY VALUE lines, each ended by a newline; without the
 *		empty line
 * @answer:	the answer's lines, or the daemon's error text
 *
 * Return: 0; the daemon's error; -ENOENT or -ECONNREFUSED if no daemon
 * listens; -EPROTO if something else answers; any socket error. @answer is
 * filled with an error text in each case.
 */
int procfs_call(const char *socket_path, const char *request, struct buf *answer);

/**
 * procfs_register() - give a container its own view
 * @socket_path: NULL: PROCFS_SOCKET_DEFAULT
 * @c:		lent; needs @id and at least one of @pid and a cgroup
 * @answer:	the directory that holds the container's "proc" and "sys", or
 *		the error text
 *
 * The view lasts until procfs_unregister(), or until all of the container's
 * cgroups are removed.
 *
 * Return: 0; -EEXIST if @id is registered; -ENOENT if a cgroup does not exist;
 * -ESRCH if there is no such process; else as procfs_call().
 */
int procfs_register(const char *socket_path, const struct procfs_container *c,
		    struct buf *answer);

/**
 * procfs_unregister() - end a view; files bound from it answer ENODEV from now on
 *
 * Return: 0; -ENOENT if @id is not registered; else as procfs_call().
 */
int procfs_unregister(const char *socket_path, const char *id, struct buf *answer);
