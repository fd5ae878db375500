/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/trigger.h - be told of pressure, as poll(2) on the kernel's own files does
 *
 * How it works. What is written to a pressure file goes to that of the container's
 * cgroup, whose descriptor is kept for the handle, by the holder as well. A thread
 * waits for all of them; an event is noted in the state, and who polls is woken. So a
 * worker's death loses no trigger.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/session.h"
#include "procfs/container.h"

struct triggers;

/** triggers_state_size() - bytes of state */
size_t triggers_state_size(void);

/** triggers_start() - @state: zeroed, or what an earlier worker left; lent.
 *	0, -ENOMEM, -EMFILE or any thread's error. Before confine_others(). */
int triggers_start(struct session *session, void *state, struct triggers **ret);

/** triggers_stop() - and wait for the thread; accepts NULL, returns NULL */
struct triggers *triggers_stop(struct triggers *t);

/** triggers_has() - whether a path is that of a file that takes them */
bool triggers_has(const char *path);

/**
 * triggers_set() - what was written to a pressure file
 * @text:	"some 150000 2000000", with or without an end of line
 *
 * Return: 0; -EBUSY if the handle has one; -ENOSPC if there are too many; what the
 * kernel says to the text, as to one without privileges; -EOPNOTSUPP if the container
 * has no such file.
 */
int triggers_set(struct triggers *t, uint64_t handle, struct container *c,
		 const char *path, const char *text, size_t length);

/**
 * triggers_poll() - what poll(2) is to say
 * @wake:	who is to be woken at the next event, for session_notify_poll(); 0: nobody
 *
 * Return: POLL* bits.
 */
unsigned triggers_poll(struct triggers *t, uint64_t handle, uint64_t wake);

/** triggers_drop() - the handle is closed */
void triggers_drop(struct triggers *t, uint64_t handle);
