/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/wait.h - stay beside a process until it ends */
#pragma once

#include <sys/types.h>

#include "launcher/signals.h"

/**
 * wait_for_command() - forward signals and a terminal, reap the process
 * @pid:	our child, or a process that the helper left to us
 * @terminal_fd: the master of its terminal; -1 without one; closed at the end
 *
 * Return: its exit status, or 128+N if signal N ended it.
 */
int wait_for_command(pid_t pid, struct signals *signals, int terminal_fd);
