/* SPDX-License-Identifier: Apache-2.0 */
/* common/ready.h - going into the background, and saying when it is time */
#pragma once

/**
 * ready_detach() - leave the caller behind as a daemon
 * @ret_tell_fd: in the daemon: what ready_tell() wants, owned
 *
 * The caller's process stays in here until the daemon tells or dies.
 *
 * Return: 0 in the daemon; in the caller's process 1 when the daemon is ready,
 * -ECHILD if it ended without saying so (it logged why); -errno if there is no
 * daemon at all.
 */
int ready_detach(int *ret_tell_fd);

/** ready_tell() - let the caller's process return. Return: 0; -EPIPE if it is
 *	gone */
int ready_tell(int tell_fd);

/** ready_drop_stdio() - log to the system log, and give back the terminal: @null_fd
 *	takes its place, if not negative */
void ready_drop_stdio(int null_fd);

/**
 * ready_notify() - tell the service manager, if NOTIFY_SOCKET names one
 * @text:	lines as in sd_notify(3)
 *
 * Allocates nothing. Return: 0, also if nobody asked; -errno.
 */
int ready_notify(const char *text);
