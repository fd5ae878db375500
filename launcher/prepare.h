/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/prepare.h - what the supervisor takes hold of for the child */
#pragma once

#include "common/cgroup_group.h"
#include "launcher/child.h"
#include "launcher/fault.h"

/**
 * prepare_child() - open the sources of binds and the cgroup directories
 *
 * Done outside, where the user's paths mean what the user wrote, and with our
 * rights: the container's user namespace may have none to reach them.
 *
 * Return: 0 or negative errno with @fault.
 */
int prepare_child(struct child *child, const struct cgroup_group *group,
		  const struct cgroup_layout *layout, struct fault *fault);

/**
 * prepare_send_fd() - connect to a socket and send a descriptor
 * @socket_name: what kind of socket it is, for messages
 * @name:	the text that goes along
 *
 * Return: 0 or negative errno with @fault.
 */
int prepare_send_fd(const char *socket_name, const char *path, const char *name, int fd,
		    struct fault *fault);

/** prepare_send_terminal() - send a descriptor to a console socket */
int prepare_send_terminal(const char *socket_path, int fd, struct fault *fault);
