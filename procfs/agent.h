/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/agent.h - answer system calls of containers, as their files would
 *
 * How it works. An engine that sets up a filter with SCMP_ACT_NOTIFY connects to
 * the socket which the filter names as its listenerPath, once a container, and
 * sends the container's state and the filter's listener. A thread here waits for
 * listeners: each call of a container is a notification, answered from the view
 * of that container; what is not known is left to the kernel (CONTINUE).
 *
 * A listener has no name to be opened by again, so the holder keeps them all, and
 * a notification is received into the state memfd: a worker that is killed with
 * one in hand leaves it to its successor. Without any worker, calls wait. When the
 * daemon ends, agent_leave() has a process of its own let the calls of the
 * containers that remain go to the kernel: a listener that nobody has open would
 * make them fail.
 *
 * The caller's memory is written through /proc/TID/mem, opened before the
 * notification is looked at once more: what is open then is the memory of the
 * caller, whoever has its number afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/session.h"

struct agent;
struct agent_state;
struct service;

/** agent_state_size() - bytes of state */
size_t agent_state_size(void);

/**
 * agent_start() - answer in a thread of its own
 * @listen_fd:	where engines connect; lent; < 0: there is no such socket
 * @state:	zeroed, or what an earlier worker left; lent
 *
 * Return: 0; -ENOMEM; any thread's error.
 */
int agent_start(struct service *service, int listen_fd, struct agent_state *state,
		struct agent **ret);

/** agent_stop() - and wait for the thread; accepts NULL, returns NULL */
struct agent *agent_stop(struct agent *agent);

/** agent_leave() - in the holder, at its end: leave a process behind for the
 *	containers that have a listener; see above */
void agent_leave(struct session *s, const struct agent_state *state);
