/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/init.h - pid 1 of a container: reap, forward signals, end with the command */
#pragma once

#include <sys/types.h>

/** init_block_signals() - hold all signals back until init_run() takes them */
void init_block_signals(void);

/** init_reset_signals() - for the command: nothing blocked, nothing ignored */
void init_reset_signals(void);

/**
 * init_run() - serve as pid 1 until the command ends
 * @command:	its pid
 *
 * Does not return: exits with the command's status, or 128+N if signal N ended
 * it; the kernel then kills what else runs in the pid namespace.
 */
void init_run(pid_t command) __attribute__((noreturn));
