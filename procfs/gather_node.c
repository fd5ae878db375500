/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/gather_node.c - memory nodes, and huge pages of any size */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "procfs/gather_impl.h"

int gather_nodes(struct gather *g, struct view *v)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct cpus set;
	int r = host_read(g->host, "sys/devices/system/node/online", &text);

	if (r == -ENOENT) {	/* a kernel without NUMA has no such directory */
		cpus_add(&v->host_nodes, 0);
		v->nodes = v->host_nodes;
		return 0;
	}
	if (r >= 0)
		r = cpus_parse_list(buf_text(&text), &v->host_nodes);
	if (r < 0)
		return r;

	v->nodes = v->host_nodes;
	r = gather_set(g, "cpuset.effective_mems", "cpuset.mems.effective", &set);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	cpus_and(&set, &v->nodes);
	if (cpus_count(&set))
		v->nodes = set;
	return 0;
}

/* MemTotal of one node of the host; 0 if it cannot be read. */
static uint64_t node_bytes(const struct gather *g, unsigned node)
{
	cleanup_buf struct buf text = BUF_INIT;
	char path[64];
	const char *at;

	snprintf(path, sizeof(path), "sys/devices/system/node/node%u/meminfo", node);
	if (host_read(g->host, path, &text) < 0)
		return 0;
	at = strstr(buf_text(&text), "MemTotal:");
	return at ? strtoull(at + 9, NULL, 10) * 1024 : 0;
}

int gather_numa(struct gather *g, struct view *v)
{
	int r = gather_text(g, CGROUP_MEMORY, 0, "memory.numa_stat", &v->memory.numa);

	cpus_for_each(node, &v->nodes)
		v->nodes_bytes += node_bytes(g, node);
	v->node_bytes = node_bytes(g, v->number);
	if (r == -ENOENT) {
		gather_miss(g, MISSING_MEMORY_STAT);
		r = 0;
	}
	return r;
}

static int host_count(const struct gather *g, const char *dir, const char *name,
		      uint64_t *ret)
{
	cleanup_buf struct buf text = BUF_INIT;
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	r = host_read(g->host, path, &text);
	*ret = strtoull(buf_text(&text), NULL, 10);
	return r;
}

/* @path: .../hugepages-2048kB/nr_hugepages */
int gather_huge_file(struct gather *g, const char *path, struct view *v)
{
	const char *name = strrchr(path, '/');
	const char *size = strstr(path, "hugepages-");
	uint64_t total, available;
	char dir[PATH_MAX];
	int r;

	if (!name || !size)
		return -ENOENT;
	snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	r = host_count(g, dir, "nr_hugepages", &total);
	if (r >= 0)
		r = host_count(g, dir, "free_hugepages", &available);
	if (r >= 0)
		r = gather_huge(g, strtoull(size + 10, NULL, 10) * 1024, total, available,
				&v->huge);
	return r;
}
