/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/container_process.h - the stage that makes the container's first process */
#pragma once

#include "launcher/channel.h"
#include "launcher/container.h"
#include "launcher/fault.h"

/**
 * container_spawn() - clone it, and serve it until it waits for the start
 *
 * Return: 0; -EINTR if interrupted; negative errno with @fault. On failure it is gone.
 */
int container_spawn(struct container *c, struct fault *fault);

/** container_kill() - the undo: kill it and all in its pid namespace, and reap it */
void container_kill(struct container *c);

/**
 * container_serve() - do what the child asks for until it says @kind
 *
 * Return: 1; 0 at its end of file; negative errno with @fault.
 */
int container_serve(struct container *c, enum channel_kind kind, struct fault *fault);
