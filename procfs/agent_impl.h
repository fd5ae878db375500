/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/agent_impl.h - between the files of the agent only */
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include "common/buf.h"
#include "procfs/agent.h"
#include "procfs/service.h"

#define AGENT_LISTENERS 4000	/* about as many descriptors are kept by a holder */
#define AGENT_NOTIFICATION 256	/* bytes; later kernels may have more to say */
#define AGENT_TRIES	3	/* workers that die over a call; then the kernel has it */

/* In the state. */
struct agent_listener {
	uint32_t place;		/* of the descriptor, as session_keep_fd() has it; 0: free */
	uint32_t slot, generation;	/* the container; slot 0: see who calls */
	uint32_t unused;
};

/* In the state. */
struct agent_state {
	uint32_t answering;	/* 1 + the listener that a notification is of; 0: none */
	uint32_t tries;		/* workers that had it */
	_Alignas(8) unsigned char notification[AGENT_NOTIFICATION];
	uint32_t highest;	/* listeners from here on were never used */
	uint32_t unused;
	struct agent_listener listeners[AGENT_LISTENERS];
};

static inline struct seccomp_notif *agent_notification(struct agent_state *state)
{
	return (void *)state->notification;
}

/* What an engine sent. */
struct agent_message {
	char *id;		/* owned */
	int listener_fd;	/* owned, or -1 */
};

void agent_message_done(struct agent_message *m);

/* A connection of an engine, while its message comes in. */
struct agent_client;

/** agent_client_new() - takes @take_fd over; NULL if out of memory */
struct agent_client *agent_client_new(int take_fd);

/** agent_client_free() - accepts NULL, returns NULL */
struct agent_client *agent_client_free(struct agent_client *client);

/**
 * agent_client_read() - take in what has come
 *
 * Return: 1 if @ret holds the whole message; 0 if more has to come; -EPROTO if it
 * is none; -EPIPE if it ended too early; any recvmsg(2) error.
 */
int agent_client_read(struct agent_client *client, struct agent_message *ret);

int agent_client_fd(const struct agent_client *client);

/** agent_answer() - find out what to say to a call, and do what it takes
 * @listener_fd:	of the filter
 * @container:		whose the filter is, or NULL
 *
 * Return: 0 and @ret filled; -ENOENT if the caller is gone.
 */
int agent_answer(struct service *s, int listener_fd, struct container *container,
		 const struct seccomp_notif *n, struct seccomp_notif_resp *ret);
