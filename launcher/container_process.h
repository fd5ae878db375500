/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/container_process.h - the stages of a container that have files of their own */
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

/* The same for its cgroups and its network: each returns 0 or negative errno with @fault. */
int container_make_cgroups(struct container *c, struct fault *fault);
void container_remove_cgroups(struct container *c);
int container_set_limits(struct container *c, struct fault *fault);
int container_reserve_address(struct container *c, struct fault *fault);
void container_release_address(struct container *c);
int container_attach_network(struct container *c, struct fault *fault);

/** container_set_text() - @from, owned from now on, in place of what was in a string field */
void container_set_text(char **to, char *from);

/**
 * container_serve() - do what the child asks for until it says @kind
 *
 * Return: 1; 0 at its end of file; negative errno with @fault.
 */
int container_serve(struct container *c, enum channel_kind kind, struct fault *fault);
