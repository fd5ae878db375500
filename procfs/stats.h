/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/stats.h - what a daemon did; plain data in the state, added to atomically */
#pragma once

#include <stdint.h>

#include "common/buf.h"
#include "procfs/gather.h"

#define STATS_BUCKETS 12	/* latencies: < 8 µs, < 16 µs, ... and the rest */

struct stats {
	uint64_t opens, reads, renders, errors;
	uint64_t render_ns;
	uint64_t latency[STATS_BUCKETS];
	uint64_t identity_lookups, identity_failures;
	uint64_t calls, calls_continued;
	uint64_t missing[MISSING_COUNT];
};

enum stats_format { STATS_TEXT, STATS_JSON, STATS_PROMETHEUS };

/** stats_count() - one more */
static inline void stats_count(uint64_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/** stats_rendered() - a file was rendered in @ns */
void stats_rendered(struct stats *s, uint64_t ns);

/** stats_write() - append all counters; @containers and @generation are gauges */
void stats_write(const struct stats *s, unsigned containers, unsigned generation,
		 enum stats_format format, struct buf *out);
