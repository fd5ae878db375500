/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/calls_impl.h - between the files of calls only */
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include "common/buf.h"
#include "procfs/calls.h"
#include "procfs/service.h"

#define CALLS_LISTENERS 4000	/* about as many descriptors are kept by a holder */
#define CALLS_NOTIFICATION 256	/* bytes; later kernels may have more to say */
#define CALLS_TRIES	3	/* workers that die over a call; then the kernel has it */

/* In the state. */
struct calls_listener {
	uint32_t place;		/* of the descriptor, as session_keep_fd() has it; 0: free */
	uint32_t slot, generation;	/* the container; slot 0: see who calls */
	uint32_t is_given;	/* to the keeper */
	uint64_t arrival;	/* the number of the connection that brought it */
};

/* In the state. */
struct calls_state {
	uint32_t answering;	/* 1 + the listener that a notification is of; 0: none */
	uint32_t tries;		/* workers that had it */
	_Alignas(8) unsigned char notification[CALLS_NOTIFICATION];
	uint32_t highest;	/* listeners from here on were never used */
	uint32_t keeper_place;	/* of the socket to the keeper, as session_keep_fd() has it */
	struct calls_listener listeners[CALLS_LISTENERS];
};

static inline struct seccomp_notif *calls_notification(struct calls_state *state)
{
	return (void *)state->notification;
}

/* What an engine sent. */
struct calls_message {
	char *id;		/* owned */
	int listener_fd;	/* owned, or -1 */
};

void calls_message_done(struct calls_message *m);

/* A connection of an engine, while its message comes in. */
struct calls_client;

/** calls_client_new() - takes @take_fd over; NULL if out of memory */
struct calls_client *calls_client_new(int take_fd);

/** calls_client_free() - accepts NULL, returns NULL */
struct calls_client *calls_client_free(struct calls_client *client);

/**
 * calls_client_read() - look at all that has come
 *
 * Not repeated for what was there already: wait for more with EPOLLET.
 *
 * Return: 1 if @ret holds the whole message; 0 if more has to come; -EPROTO if it
 * is none; -EPIPE if it ended too early; any recvmsg(2) error.
 */
int calls_client_read(struct calls_client *client, struct calls_message *ret);

int calls_client_fd(const struct calls_client *client);

/**
 * calls_keeper_give() - have a listener outlive the daemon
 * @index:		its place in the state
 * @listener_fd:	lent; the keeper gets one of its own
 *
 * Return: 0; -EPIPE if the keeper was killed; any sendmsg(2) error.
 */
int calls_keeper_give(int keeper_fd, unsigned index, int listener_fd);

/** calls_answer() - find out what to say to a call, and do what it takes
 * @listener_fd:	of the filter
 * @container:		whose the filter is, or NULL
 *
 * Return: 0 and @ret filled; -ENOENT if the caller is gone.
 */
int calls_answer(struct service *s, int listener_fd, struct container *container,
		 const struct seccomp_notif *n, struct seccomp_notif_resp *ret);
