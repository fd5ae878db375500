/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/file_node.c - below /sys/devices/system/node, and huge pages */
#include "config.h"
#include "procfs/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs/text.h"

int file_node_list(const struct view *v, struct buf *out)
{
	struct cpus set;
	int r = cpus_parse_list(buf_text(&v->host_text), &set);

	if (r < 0)
		return r;
	cpus_and(&set, &v->nodes);
	cpus_add_list(&set, out);
	buf_adds(out, "\n");
	return buf_error(out);
}

/* One figure per online node, in their order. */
int file_node_distance(const struct view *v, struct buf *out)
{
	const char *p = buf_text(&v->host_text), *blank = "";

	cpus_for_each(node, &v->host_nodes) {
		char *end;
		unsigned long distance = strtoul(p, &end, 10);

		if (end == p)
			return -EINVAL;
		p = end;
		if (!cpus_has(&v->nodes, node))
			continue;
		buf_addf(out, "%s%lu", blank, distance);
		blank = " ";
	}
	buf_adds(out, "\n");
	return buf_error(out);
}

/*
 * "KEY N0=1 N1=2": what memory.numa_stat says of a node, in bytes. v1 counts
 * pages and puts "=TOTAL" after the key.
 */
static uint64_t numa_value(const struct view *v, const char *key)
{
	const char *text = buf_text(&v->memory.numa);
	size_t length = strlen(key);
	char node[16];

	snprintf(node, sizeof(node), " N%u=", v->number);
	for (const char *p = text; *p;) {
		const char *end = strchrnul(p, '\n');

		if (strncmp(p, key, length) == 0 && (p[length] == ' ' || p[length] == '=')) {
			const char *at = strstr(p, node);
			uint64_t value = at && at < end ? strtoull(at + strlen(node), NULL, 10) : 0;

			return v->memory.is_v1 ? value * (uint64_t)sysconf(_SC_PAGESIZE) : value;
		}
		p = end + (*end == '\n');
	}
	return 0;
}

static const struct {
	const char *name, *v2, *v1;
} node_lines[] = {
	{ "Active(anon)", "active_anon", NULL },
	{ "Inactive(anon)", "inactive_anon", NULL },
	{ "Active(file)", "active_file", NULL },
	{ "Inactive(file)", "inactive_file", NULL },
	{ "Unevictable", "unevictable", "hierarchical_unevictable" },
	{ "Dirty", "file_dirty", NULL },
	{ "Writeback", "file_writeback", NULL },
	{ "FilePages", "file", "hierarchical_file" },
	{ "Mapped", "file_mapped", NULL },
	{ "AnonPages", "anon", "hierarchical_anon" },
	{ "Shmem", "shmem", NULL },
	{ "KernelStack", "kernel_stack", NULL },
	{ "PageTables", "pagetables", NULL },
	{ "SReclaimable", "slab_reclaimable", NULL },
	{ "SUnreclaim", "slab_unreclaimable", NULL },
	{ "AnonHugePages", "anon_thp", NULL },
	{ "ShmemHugePages", "shmem_thp", NULL },
	{ "FileHugePages", "file_thp", NULL },
};

static uint64_t node_used(const struct view *v)
{
	if (v->memory.is_v1)
		return numa_value(v, "hierarchical_total");
	return numa_value(v, "anon") + numa_value(v, "file") +
	       numa_value(v, "kernel_stack") + numa_value(v, "pagetables") +
	       numa_value(v, "slab_reclaimable") + numa_value(v, "slab_unreclaimable");
}

/* The node's share of the limit, by its share of the memory that is visible. */
static uint64_t node_total(const struct view *v, uint64_t host_bytes)
{
	uint64_t total;

	if (v->memory.figures.total_bytes >= v->memory.host.total || !v->nodes_bytes)
		return host_bytes;
	total = (unsigned __int128)v->memory.figures.total_bytes * host_bytes / v->nodes_bytes;
	return total < host_bytes ? total : host_bytes;
}

static uint64_t node_figure(const struct view *v, const char *name, uint64_t host_bytes)
{
	uint64_t total = node_total(v, v->node_bytes), used = node_used(v);

	if (used > total)
		used = total;
	if (strcmp(name, "MemTotal") == 0)
		return total;
	if (strcmp(name, "MemUsed") == 0)
		return used;
	if (strcmp(name, "MemFree") == 0)	/* unlimited: what the host has left */
		return total == v->node_bytes && host_bytes < total - used ? host_bytes
									   : total - used;
	for (size_t i = 0; i < TEXT_COUNT(node_lines); i++) {
		const char *key = v->memory.is_v1 ? node_lines[i].v1 : node_lines[i].v2;

		if (strcmp(node_lines[i].name, name) == 0)
			return key ? numa_value(v, key) : 0;
	}
	return 0;
}

/* "Node 0 MemTotal:       1234 kB": the host's lines, with the container's figures. */
int file_node_meminfo(const struct view *v, struct buf *out)
{
	if (v->memory.is_host)
		return file_copy(v, out);

	for (const char *p = buf_text(&v->host_text); *p;) {
		const char *end = strchrnul(p, '\n');
		unsigned long long host;
		int start, stop;
		char name[64];

		if (sscanf(p, "Node %*u %n%63[^:]:%n %llu", &start, name, &stop, &host) != 2)
			return -EINVAL;
		buf_add(out, p, (size_t)stop);
		buf_addf(out, "%*" PRIu64 "%s\n", 24 - (stop - start),
			 node_figure(v, name, host * 1024) /
				 (strncmp(end - 2, "kB", 2) == 0 ? 1024 : 1),
			 strncmp(end - 2, "kB", 2) == 0 ? " kB" : "");
		p = end + (*end == '\n');
	}
	return buf_error(out);
}

static const struct {
	const char *name, *line;
} node_amounts[] = {
	{ "nr_free_pages", "MemFree" },
	{ "nr_inactive_anon", "Inactive(anon)" },
	{ "nr_active_anon", "Active(anon)" },
	{ "nr_inactive_file", "Inactive(file)" },
	{ "nr_active_file", "Active(file)" },
	{ "nr_zone_inactive_anon", "Inactive(anon)" },
	{ "nr_zone_active_anon", "Active(anon)" },
	{ "nr_zone_inactive_file", "Inactive(file)" },
	{ "nr_zone_active_file", "Active(file)" },
	{ "nr_unevictable", "Unevictable" },
	{ "nr_zone_unevictable", "Unevictable" },
	{ "nr_anon_pages", "AnonPages" },
	{ "nr_mapped", "Mapped" },
	{ "nr_file_pages", "FilePages" },
	{ "nr_dirty", "Dirty" },
	{ "nr_writeback", "Writeback" },
	{ "nr_shmem", "Shmem" },
	{ "nr_slab_reclaimable", "SReclaimable" },
	{ "nr_slab_unreclaimable", "SUnreclaim" },
	{ "nr_page_table_pages", "PageTables" },
};

/* @host: the host's figure, in pages */
static uint64_t node_pages(const struct view *v, const char *name, uint64_t host)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < TEXT_COUNT(node_amounts); i++)
		if (strcmp(node_amounts[i].name, name) == 0)
			return node_figure(v, node_amounts[i].line, host * page) / page;
	return 0;
}

/* numastat, too: no cgroup counts where its pages were wanted, so all of it is 0. */
int file_node_vmstat(const struct view *v, struct buf *out)
{
	if (v->memory.is_host)
		return file_copy(v, out);

	for (const char *p = buf_text(&v->host_text); *p;) {
		size_t length = strcspn(p, " \n");
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)length, p);
		buf_addf(out, "%s %" PRIu64 "\n", name,
			 node_pages(v, name, strtoull(p + length, NULL, 10)));
		p = strchrnul(p, '\n');
		p += *p == '\n';
	}
	return buf_error(out);
}

static int add_count(uint64_t count, struct buf *out)
{
	buf_addf(out, "%" PRIu64 "\n", count);
	return buf_error(out);
}

int file_huge_total(const struct view *v, struct buf *out)
{
	return add_count(v->huge.total, out);
}

int file_huge_free(const struct view *v, struct buf *out)
{
	return add_count(v->huge.free, out);
}

int file_huge_reserved(const struct view *v, struct buf *out)
{
	return add_count(v->huge.reserved, out);
}

int file_huge_surplus(const struct view *v, struct buf *out)
{
	return add_count(0, out);
}
