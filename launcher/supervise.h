/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/supervise.h - stay beside a running container until it ends */
#pragma once

#include "launcher/container.h"

/**
 * supervise() - forward signals and the terminal, wait for the end
 * @c:		started
 *
 * If the kernel killed for memory it says so on stderr.
 *
 * Return: the exit status for main(): the command's.
 */
int supervise(struct container *c);
