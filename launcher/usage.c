/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* v1 writes "no limit" as the largest number of pages. */
#define V1_NO_LIMIT (INT64_MAX - (1 << 20))

static int64_t read_number(const struct cgroup_group *g, enum cgroup_controller controller,
			   const char *v1, const char *v2)
{
	cleanup_buf struct buf text = BUF_INIT;
	int64_t n;

	if (cgroup_group_read(g, controller, v1, &text) < 0) {
		buf_done(&text);
		text = (struct buf)BUF_INIT;
		if (cgroup_group_read(g, controller, v2, &text) < 0)
			return USAGE_UNKNOWN;
	}
	if (strncmp(buf_text(&text), "max", 3) == 0)
		return USAGE_NO_LIMIT;
	n = strtoll(buf_text(&text), NULL, 10);
	return n >= V1_NO_LIMIT ? USAGE_NO_LIMIT : n;
}

static int64_t read_cpu(const struct cgroup_group *g)
{
	cleanup_buf struct buf text = BUF_INIT;
	uint64_t us;

	if (cgroup_group_read(g, CGROUP_CPUACCT, "cpuacct.usage", &text) >= 0)
		return strtoll(buf_text(&text), NULL, 10) / 1000;
	if (cgroup_group_read_key(g, CGROUP_CPUACCT, "cpu.stat", "usage_usec", &us) >= 0 ||
	    cgroup_group_read_key(g, CGROUP_CPU, "cpu.stat", "usage_usec", &us) >= 0)
		return (int64_t)us;
	return USAGE_UNKNOWN;
}

/* The sum over all devices. */
static int64_t sum(const char *text, const char *format)
{
	int64_t total = 0;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *word = strstr(line, format);
		size_t length = strcspn(line, "\n");

		if (word && (size_t)(word - line) < length)
			total += strtoll(word + strlen(format), NULL, 10);
	}
	return total;
}

static void read_io(const struct cgroup_group *g, struct usage *u)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (cgroup_group_read(g, CGROUP_IO, "blkio.throttle.io_service_bytes", &text) >= 0) {
		u->read_bytes = sum(buf_text(&text), " Read ");
		u->written_bytes = sum(buf_text(&text), " Write ");
	} else if (cgroup_group_read(g, CGROUP_IO, "io.stat", &text) >= 0) {
		u->read_bytes = sum(buf_text(&text), " rbytes=");
		u->written_bytes = sum(buf_text(&text), " wbytes=");
	}
}

void usage_read(const struct cgroup_group *g, struct usage *u)
{
	*u = (struct usage){ .read_bytes = USAGE_UNKNOWN, .written_bytes = USAGE_UNKNOWN };
	u->cpu_us = read_cpu(g);
	u->memory_bytes = read_number(g, CGROUP_MEMORY, "memory.usage_in_bytes", "memory.current");
	u->memory_limit_bytes = read_number(g, CGROUP_MEMORY, "memory.limit_in_bytes",
					    "memory.max");
	u->pids = read_number(g, CGROUP_PIDS, "pids.current", "pids.current");
	u->pids_limit = read_number(g, CGROUP_PIDS, "pids.max", "pids.max");
	read_io(g, u);
}
