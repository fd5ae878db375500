/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/daemon.h - the programs that nacre starts beside a container */
#pragma once

#include <sys/types.h>

#include "launcher/fault.h"
#include "launcher/signals.h"

/**
 * daemon_find() - where a program of the suite is
 *
 * Beside our own executable, so that a build tree uses its own; then
 * $NACRE_BINDIR; then where it was installed; then $PATH.
 *
 * Return: its path, freed by the caller; NULL if it is nowhere.
 */
char *daemon_find(const char *name);

/* One that was started and has not said yet that it serves. */
struct daemon_start {
	pid_t pid;		/* 0: none */
	int notify_fd;		/* owned while there is one */
};

/**
 * daemon_begin() - start a daemon that stays our child, and do not wait for it
 * @path:	its executable
 * @argv:	NULL ends it
 * @ret_start:	for daemon_await() or daemon_abandon(); it gets SIGTERM when we die
 *
 * Its messages go to our stderr. Return: 0; a negative errno with @fault.
 */
int daemon_begin(const char *path, char *const argv[], struct daemon_start *ret_start,
		 struct fault *fault);

/**
 * daemon_await() - wait until it serves, which it tells by READY=1 on $NOTIFY_SOCKET
 * @path:	for messages
 * @s:		an interruption ends the wait
 *
 * Return: its pid; -EINTR; -ETIMEDOUT after 30 s; -ECHILD if it ended; then @fault is
 * set, and the daemon is gone. There is nothing left to abandon.
 */
int daemon_await(struct daemon_start *start, const char *path, struct signals *s,
		 struct fault *fault);

/** daemon_abandon() - kill and reap it, unless there is none */
void daemon_abandon(struct daemon_start *start);

/**
 * daemon_run() - run a program that puts itself into the background, and wait
 *	for its first process
 *
 * Return: 0; -ECHILD with @fault if its status is not 0; -ENOENT.
 */
int daemon_run(const char *path, char *const argv[], struct fault *fault);

/** daemon_stop() - wait for a child to end by itself, then TERM, then KILL it; reaps */
void daemon_stop(pid_t pid);
