/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/control.h - the control socket; its protocol is in common/procfs_client.h */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/buf.h"

struct control;
struct service;

/* Made before the mount; open in the holder and in every worker. */
struct control_socket {
	int listen_fd;		/* owned, or -1 */
	int lock_fd;		/* owned, or -1: while it is open the socket is taken */
};

/**
 * control_listen() - make the socket, refusing where another daemon serves it
 * @path:	its directory is made if there is none
 *
 * Says on stderr what went wrong. Return: 0 or -errno.
 */
int control_listen(const char *path, struct control_socket *ret_socket);

/** control_bind() - a listening socket at @path, for root; what is there is removed:
 *	the lock of a control socket must be held. Return: a descriptor or -errno */
int control_bind(const char *path);

/** control_is_allowed() - whether who is at the other end may talk to us, and who
 *	that is */
bool control_is_allowed(int fd, struct ucred *ret_peer);

/** control_close() - give a socket's descriptors back */
void control_close(struct control_socket *socket);

/** control_start() - answer requests in a thread of its own, which counts for load
 *	averages in between; 0 or -errno */
int control_start(struct service *service, struct control **ret);

/** control_stop() - and wait for the thread; accepts NULL, returns NULL */
struct control *control_stop(struct control *control);

/**
 * control_answer() - carry out one request
 * @peer:	who asks: its process id as we see it
 * @request:	its text, without the empty line; cut up
 * @answer:	what goes back, status line and all
 */
void control_answer(struct service *s, pid_t peer, char *request, struct buf *answer);
