/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/calls.h - answer system calls of containers, as their files would
 *
 * How it works. An engine that sets up a filter with SCMP_ACT_NOTIFY connects to
 * the socket which the filter names as its listenerPath, once a container, and
 * sends the container's state and the filter's listener. A thread here waits for
 * listeners: each call of a container is a notification, answered from the view
 * of that container; what is not known is left to the kernel (CONTINUE).
 *
 * A listener has no name to be opened by again, so the holder keeps them all. It also
 * accepts the connections, and lets go of one only when its listener is kept: a worker
 * that is killed before leaves the engine's message to its successor. A notification is received into the state memfd: a worker that is killed with
 * one in hand leaves it to its successor. Without any worker, calls wait. When the
 * daemon ends, however it does, a process of its own lets the calls of the containers
 * that remain go to the kernel: a listener that nobody has open would make them fail.
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

struct calls;
struct calls_state;
struct service;

/** calls_state_size() - bytes of state */
size_t calls_state_size(void);

/**
 * calls_keeper_start() - have the process that keeps listeners when the daemon ends
 * @state:	zeroed, or what an earlier worker left; lent
 * @ret_fd:	its socket, for the service; given back when the process ends
 *
 * In a worker, before it is confined: it forks. Return: 0 if there is one from an
 * earlier worker; 1 if it is a new one; -EAGAIN if it could not be forked; any
 * socketpair(2) error.
 */
int calls_keeper_start(struct session *s, struct calls_state *state, int *ret_fd);

/**
 * calls_start() - answer in a thread of its own
 * @state:	zeroed, or what an earlier worker left; lent
 *
 * Engines are what arrives at the session; see session_arrivals_look().
 *
 * Return: 0; -ENOMEM; any thread's error.
 */
int calls_start(struct service *service, struct calls_state *state, struct calls **ret);

/** calls_stop() - and wait for the thread; accepts NULL, returns NULL */
struct calls *calls_stop(struct calls *calls);

/** calls_leave() - in the holder, at its end in order: the keeper begins; it ends itself
 *	if no container has a listener */
void calls_leave(struct session *s, const struct calls_state *state);
