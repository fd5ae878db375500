/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/channel.h - what supervisor and child say to each other
 *
 * A pair of SOCK_SEQPACKET sockets: a message is whole or absent, and the end of
 * the other side is an end of file. The child's end is closed by exec, so an end
 * of file without a CHANNEL_FAULT before it means that the command runs.
 */
#pragma once

#include <stdint.h>

#include "launcher/fault.h"

enum channel_kind {
	CHANNEL_MAP_IDS,	/* child: I am in my user namespace, write the maps */
	CHANNEL_PID,		/* child: the container's first process; value: its pid */
	CHANNEL_CONSOLE,	/* child: the terminal's master, as a descriptor */
	CHANNEL_PREPARED,	/* child: mounts are made, the host's root still there */
	CHANNEL_SECCOMP,	/* child: the filter's listener; its agent must have it */
	CHANNEL_READY,		/* child: all is set up, I wait for the start */
	CHANNEL_FAULT,		/* child: it failed; fault */
	CHANNEL_WARNING,	/* child: something is left out; fault.text */
	CHANNEL_GO,		/* supervisor: carry on */
};

struct channel_message {
	enum channel_kind kind;
	int32_t value;
	int32_t error;
	struct fault fault;
};

/** channel_open() - both ends, close-on-exec; 0 or negative errno */
int channel_open(int ret_ends[2]);

/**
 * channel_send() - send one message
 * @fd:		a descriptor to send along, or -1
 *
 * Return: 0; -EPIPE if the other side is gone; any sendmsg(2) error.
 */
int channel_send(int channel, const struct channel_message *message, int fd);

/** channel_say() - send a message that has no more than a kind and a value */
int channel_say(int channel, enum channel_kind kind, int value);

/** channel_send_fault() - tell the supervisor what failed; never fails itself */
void channel_send_fault(int channel, enum channel_kind kind, int error,
			const struct fault *fault);

/**
 * channel_receive() - wait for one message
 * @ret_fd:	a descriptor that came along, owned by the caller, or -1; NULL to
 *		refuse any
 *
 * Return: 1; 0 at the end of file; any recvmsg(2) error.
 */
int channel_receive(int channel, struct channel_message *message, int *ret_fd);

/** channel_wait_go() - the child's wait for CHANNEL_GO; -EPIPE if the supervisor is gone */
int channel_wait_go(int channel);
