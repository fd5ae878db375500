/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/file.h"

#include <inttypes.h>
#include <string.h>

#include "procfs/clock.h"

enum column { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST_NICE, COLUMNS };

static void add_row(struct buf *out, const uint64_t ticks[COLUMNS])
{
	char text[COLUMNS * 21 + 1];
	size_t n = sizeof(text);

	text[--n] = '\n';
	for (int i = COLUMNS - 1; i >= 0; i--) {
		uint64_t value = ticks[i];

		do
			text[--n] = (char)('0' + value % 10);
		while (value /= 10);
		text[--n] = ' ';
	}
	buf_add(out, text + n, sizeof(text) - n);
}

static void row_ticks(const struct account_row *row, uint64_t ticks[COLUMNS])
{
	memset(ticks, 0, COLUMNS * sizeof(*ticks));
	ticks[USER] = row->user_ns / NS_PER_TICK;
	ticks[NICE] = row->nice_ns / NS_PER_TICK;
	ticks[SYSTEM] = row->system_ns / NS_PER_TICK;
	ticks[IDLE] = row->idle_ns / NS_PER_TICK;
	ticks[STEAL] = row->steal_ns / NS_PER_TICK;
}

/* The first line is the sum of the printed ticks, so that it is their sum exactly. */
static void add_cpus(const struct view *v, struct buf *out)
{
	uint64_t sum[COLUMNS] = { 0 }, ticks[COLUMNS];
	unsigned i = 0;

	for (; i < v->cpu_count; i++) {
		row_ticks(&v->rows[i], ticks);
		for (int c = 0; c < COLUMNS; c++)
			sum[c] += ticks[c];
	}
	buf_adds(out, "cpu ");
	add_row(out, sum);

	i = 0;
	cpus_for_each(cpu, &v->visible) {
		row_ticks(&v->rows[i++], ticks);
		buf_addf(out, "cpu%u", view_cpu_id(v, cpu));
		add_row(out, ticks);
	}
}

/*
 * No cgroup counts interrupts or context switches, and the host's would tell
 * one container what the others do: 0. The host's boot time stays: the start
 * times of processes count from it.
 */
int file_stat(const struct view *v, struct buf *out)
{
	add_cpus(v, out);
	buf_addf(out, "intr 0\nctxt 0\nbtime %" PRIu64 "\nprocesses %" PRIu64 "\n"
		 "procs_running %u\nprocs_blocked %u\n"
		 "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
		 v->btime_s, v->load.forks, v->load.running ? v->load.running : 1,
		 v->load.blocked);
	return buf_error(out);
}
