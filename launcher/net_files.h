/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/net_files.h - /etc/hosts and /etc/resolv.conf of a container with a network */
#pragma once

#include <stdint.h>

#include "launcher/fault.h"
#include "launcher/plan.h"
#include "launcher/state.h"

/**
 * net_files_add() - write them beside the state, and have them mounted
 * @address:	the container's; 0: it has the host's network
 *
 * What the user mounts there himself stays his. Nameservers that only the host can
 * reach are left out.
 *
 * Return: 0 or negative errno with @fault.
 */
int net_files_add(struct plan *plan, const struct state_dir *dir, uint32_t address,
		  struct fault *fault);
