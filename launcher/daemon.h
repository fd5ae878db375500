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

/**
 * daemon_start_child() - start a daemon that stays our child, and wait until it serves
 * @path:	its executable
 * @argv:	NULL ends it
 * @s:		an interruption ends the wait
 * @ret_pid:	its pid; it gets SIGTERM when we die
 *
 * It tells that it serves by READY=1 on $NOTIFY_SOCKET. Its messages go to our
 * stderr.
 *
 * Return: 0; -EINTR; -ETIMEDOUT after 30 s; -ECHILD if it ended; @fault is set,
 * and the daemon is gone.
 */
int daemon_start_child(const char *path, char *const argv[], struct signals *s,
		       pid_t *ret_pid, struct fault *fault);

/**
 * daemon_run() - run a program that puts itself into the background, and wait
 *	for its first process
 *
 * Return: 0; -ECHILD with @fault if its status is not 0; -ENOENT.
 */
int daemon_run(const char *path, char *const argv[], struct fault *fault);

/** daemon_stop() - wait for a child to end by itself, then TERM, then KILL it; reaps */
void daemon_stop(pid_t pid);
