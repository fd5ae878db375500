/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/stats.h"

#include <inttypes.h>
#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

void stats_rendered(struct stats *s, uint64_t ns)
{
	unsigned bucket = 0;

	while (bucket < STATS_BUCKETS - 1 && ns >= UINT64_C(8000) << bucket)
		bucket++;
	stats_count(&s->renders);
	stats_count(&s->latency[bucket]);
	__atomic_add_fetch(&s->render_ns, ns, __ATOMIC_RELAXED);
}

static const struct {
	const char *name, *help;
	size_t offset;
} counters[] = {
	{ "opens", "files opened", offsetof(struct stats, opens) },
	{ "reads", "read requests answered", offsetof(struct stats, reads) },
	{ "renders", "files rendered", offsetof(struct stats, renders) },
	{ "errors", "requests answered with an error", offsetof(struct stats, errors) },
	{ "identity_lookups", "containers looked up by who read",
	  offsetof(struct stats, identity_lookups) },
	{ "identity_failures", "of these, how many found none",
	  offsetof(struct stats, identity_failures) },
	{ "calls", "system calls of containers answered", offsetof(struct stats, calls) },
	{ "calls_continued", "of these, how many were left to the kernel",
	  offsetof(struct stats, calls_continued) },
};

static uint64_t counter(const struct stats *s, size_t offset)
{
	return __atomic_load_n((const uint64_t *)((const char *)s + offset),
			       __ATOMIC_RELAXED);
}

static void write_text(const struct stats *s, struct buf *out)
{
	for (size_t i = 0; i < COUNT(counters); i++)
		buf_addf(out, "%-18s %12" PRIu64 "  %s\n", counters[i].name,
			 counter(s, counters[i].offset), counters[i].help);
	buf_addf(out, "%-18s %12" PRIu64 "  mean time to render, ns\n", "render_ns_mean",
		 s->renders ? s->render_ns / s->renders : 0);
	for (unsigned i = 0; i < STATS_BUCKETS; i++)
		if (s->latency[i])
			buf_addf(out, "rendered %s %-6u us %8" PRIu64 "\n",
				 i < STATS_BUCKETS - 1 ? "<" : ">=",
				 8u << (i < STATS_BUCKETS - 1 ? i : i - 1), s->latency[i]);
	for (unsigned i = 0; i < MISSING_COUNT; i++)
		if (s->missing[i])
			buf_addf(out, "missing %-18s %8" PRIu64 "  times not found in a cgroup\n",
				 gather_missing_name(i), s->missing[i]);
}

static void write_json(const struct stats *s, struct buf *out)
{
	for (size_t i = 0; i < COUNT(counters); i++)
		buf_addf(out, ",\"%s\":%" PRIu64, counters[i].name,
			 counter(s, counters[i].offset));
	buf_addf(out, ",\"render_ns\":%" PRIu64 ",\"latency\":[", s->render_ns);
	for (unsigned i = 0; i < STATS_BUCKETS; i++)
		buf_addf(out, "%s%" PRIu64, i ? "," : "", s->latency[i]);
	buf_adds(out, "],\"missing\":{");
	for (unsigned i = 0; i < MISSING_COUNT; i++)
		buf_addf(out, "%s\"%s\":%" PRIu64, i ? "," : "", gather_missing_name(i),
			 s->missing[i]);
	buf_adds(out, "}}\n");
}

static void write_histogram(const struct stats *s, struct buf *out)
{
	uint64_t sum = 0;

	buf_adds(out, "# HELP nacre_procfs_render_seconds time to render a file\n"
		      "# TYPE nacre_procfs_render_seconds histogram\n");
	for (unsigned i = 0; i < STATS_BUCKETS - 1; i++) {
		sum += s->latency[i];
		buf_addf(out, "nacre_procfs_render_seconds_bucket{le=\"%.6f\"} %" PRIu64 "\n",
			 (8u << i) * 1e-6, sum);
	}
	sum += s->latency[STATS_BUCKETS - 1];
	buf_addf(out, "nacre_procfs_render_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n"
		 "nacre_procfs_render_seconds_sum %.9f\n"
		 "nacre_procfs_render_seconds_count %" PRIu64 "\n",
		 sum, (double)s->render_ns * 1e-9, sum);
}

static void write_prometheus(const struct stats *s, struct buf *out)
{
	for (size_t i = 0; i < COUNT(counters); i++)
		buf_addf(out, "# HELP nacre_procfs_%s_total %s\n"
			 "# TYPE nacre_procfs_%s_total counter\n"
			 "nacre_procfs_%s_total %" PRIu64 "\n",
			 counters[i].name, counters[i].help, counters[i].name,
			 counters[i].name, counter(s, counters[i].offset));
	write_histogram(s, out);
	buf_adds(out, "# HELP nacre_procfs_missing_total sources not found in a cgroup\n"
		      "# TYPE nacre_procfs_missing_total counter\n");
	for (unsigned i = 0; i < MISSING_COUNT; i++)
		buf_addf(out, "nacre_procfs_missing_total{source=\"%s\"} %" PRIu64 "\n",
			 gather_missing_name(i), s->missing[i]);
}

void stats_write(const struct stats *s, unsigned containers, unsigned generation,
		 enum stats_format format, struct buf *out)
{
	if (format == STATS_JSON) {
		buf_addf(out, "{\"containers\":%u,\"worker_restarts\":%u", containers,
			 generation);
		write_json(s, out);
	} else if (format == STATS_PROMETHEUS) {
		buf_addf(out, "# HELP nacre_procfs_containers containers known\n"
			 "# TYPE nacre_procfs_containers gauge\n"
			 "nacre_procfs_containers %u\n"
			 "# HELP nacre_procfs_worker_restarts_total workers replaced\n"
			 "# TYPE nacre_procfs_worker_restarts_total counter\n"
			 "nacre_procfs_worker_restarts_total %u\n", containers, generation);
		write_prometheus(s, out);
	} else {
		buf_addf(out, "%-18s %12u  known now\n%-18s %12u  since the mount began\n",
			 "containers", containers, "worker_restarts", generation);
		write_text(s, out);
	}
}
