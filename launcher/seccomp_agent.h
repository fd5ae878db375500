/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/seccomp_agent.h - hand a filter's listener to the agent that answers */
#pragma once

#include <sys/types.h>

#include "launcher/fault.h"
#include "launcher/plan.h"

/**
 * seccomp_agent_send() - connect to the plan's agent and give it a listener
 * @status:	of the container: "created"
 * @pid:	of the process with the filter, as we see it
 * @listener:	lent
 *
 * What is sent is the specification's container process state, one a connection.
 *
 * Return: 0; -ECONNREFUSED, -ENOENT and the like if nobody serves the socket; all
 * with @fault.
 */
int seccomp_agent_send(const struct plan *plan, const char *status, pid_t pid, int listener,
		       struct fault *fault);
