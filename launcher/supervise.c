/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/supervise.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "launcher/limits_apply.h"
#include "launcher/wait.h"

static void format_bytes(char *text, size_t size, int64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (bytes >= 1024 && bytes % 1024 == 0 && unit < 3) {
		bytes /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(text, size, "%" PRId64 " bytes", bytes);
	else
		snprintf(text, size, "%" PRId64 " %ciB", bytes, units[unit]);
}

static void explain_kill(struct container *c, int status)
{
	int64_t limit = c->plan->limits.memory_bytes;
	uint64_t kills = 0;
	char text[32];

	if (!c->group || limits_oom_kills(c->group, &kills) < 0 || !kills)
		return;
	if (limit > 0)
		format_bytes(text, sizeof(text), limit);
	log_warn("out of memory: the kernel killed %" PRIu64 " process%s at the limit%s%s%s\n"
		 "Give the container more (--memory), or have it use less.", kills,
		 kills == 1 ? "" : "es", limit > 0 ? " of " : "", limit > 0 ? text : "",
		 status == 128 + SIGKILL ? ", the command with it" : "");
}

int supervise(struct container *c)
{
	int status = wait_for_command(c->state->pid, c->signals, c->terminal_fd);

	c->terminal_fd = -1;
	/* Reaped: undoing must not signal a pid that is free again. */
	close(c->pidfd);
	c->pidfd = -1;
	explain_kill(c, status);
	return status;
}
