/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/gather_memory.c - limits and usage of memory, swap and huge pages */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "procfs/gather_impl.h"
#include "procfs/text.h"

#define LEVELS_MAX 32	/* with a limit; more than that changes nothing real */

#define STAT(name, field) { name, offsetof(struct memory_stat, field) }

/* In the order of the kernel's file. */
static const struct text_field stat_v2[] = {
	STAT("anon", anon),
	STAT("file", file),
	STAT("kernel_stack", kernel_stack),
	STAT("pagetables", page_tables),
	STAT("sec_pagetables", sec_page_tables),
	STAT("percpu", percpu),
	STAT("vmalloc", vmalloc),
	STAT("shmem", shmem),
	STAT("zswap", zswap),
	STAT("zswapped", zswapped),
	STAT("file_mapped", mapped),
	STAT("file_dirty", dirty),
	STAT("file_writeback", writeback),
	STAT("swapcached", swap_cached),
	STAT("anon_thp", anon_huge),
	STAT("file_thp", file_huge),
	STAT("shmem_thp", shmem_huge),
	STAT("inactive_anon", inactive_anon),
	STAT("active_anon", active_anon),
	STAT("inactive_file", inactive_file),
	STAT("active_file", active_file),
	STAT("unevictable", unevictable),
	STAT("slab_reclaimable", slab_reclaimable),
	STAT("slab_unreclaimable", slab_unreclaimable),
	STAT("slab", slab),
};

static const struct text_field stat_v1[] = {
	STAT("hierarchical_memory_limit", limit),
	STAT("hierarchical_memsw_limit", memsw_limit),
	STAT("total_cache", file),
	STAT("total_rss", anon),
	STAT("total_rss_huge", anon_huge),
	STAT("total_shmem", shmem),
	STAT("total_mapped_file", mapped),
	STAT("total_dirty", dirty),
	STAT("total_writeback", writeback),
	STAT("total_swap", swap),
	STAT("total_swapcached", swap_cached),
	STAT("total_inactive_anon", inactive_anon),
	STAT("total_active_anon", active_anon),
	STAT("total_inactive_file", inactive_file),
	STAT("total_active_file", active_file),
	STAT("total_unevictable", unevictable),
};

struct names {
	const struct text_field *stat;
	size_t stat_count;
	const char *max, *high, *usage;
};

static const struct names names_v1 = {
	stat_v1, TEXT_COUNT(stat_v1),
	"memory.limit_in_bytes", NULL, "memory.usage_in_bytes",
};

static const struct names names_v2 = {
	stat_v2, TEXT_COUNT(stat_v2), "memory.max", "memory.high", "memory.current",
};

static const struct names *names_of(const struct gather *g)
{
	return group_version(g->group, CGROUP_MEMORY) == CGROUP_V2 ? &names_v2
								     : &names_v1;
}

static int read_stat(struct gather *g, unsigned level, struct buf *text,
		     struct memory_stat *stat)
{
	const struct names *names = names_of(g);
	int r = gather_text(g, CGROUP_MEMORY, level, "memory.stat", text);

	*stat = (struct memory_stat){
		.limit = VIEW_UNLIMITED, .memsw_limit = VIEW_UNLIMITED,
	};
	if (r == -ENOENT) {
		gather_miss(g, MISSING_MEMORY_STAT);
		return 0;
	}
	if (r >= 0)
		text_fields(buf_text(text), names->stat, names->stat_count, stat);
	return r;
}

static uint64_t reclaimable(const struct memory_stat *stat)
{
	return stat->active_file + stat->inactive_file + stat->slab_reclaimable;
}

/*
 * v1's memory.stat has the lowest limit of all levels. The container's own is
 * that one, or a higher one; then the level that has it holds at least as much
 * that cannot be dropped, so it has less to spare, and the own limit decides
 * nothing. Either way it need not be read.
 */
static int read_max(struct gather *g, const struct view_memory *m, unsigned level,
		    uint64_t *ret_bytes)
{
	if (m->is_v1 && level == 0 && m->stat.limit != VIEW_UNLIMITED) {
		*ret_bytes = m->stat.limit;
		return 0;
	}
	return group_read_limit(g->group, CGROUP_MEMORY, level, names_of(g)->max, ret_bytes);
}

static int read_limits(struct gather *g, const struct view_memory *m, unsigned level,
		       struct memory_level *l)
{
	const struct names *names = names_of(g);
	int r = read_max(g, m, level, &l->max_bytes);

	l->high_bytes = VIEW_UNLIMITED;
	if (r >= 0 && names->high)
		r = group_read_limit(g->group, CGROUP_MEMORY, level, names->high,
				     &l->high_bytes);
	return r;
}

/* What is charged at a level that has a limit; @own is the container's stat. */
static int read_usage(struct gather *g, unsigned level, const struct memory_stat *own,
		      struct memory_level *l)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct memory_stat stat = *own;
	int r = group_read_limit(g->group, CGROUP_MEMORY, level, names_of(g)->usage,
				 &l->usage_bytes);

	if (r >= 0 && l->usage_bytes == VIEW_UNLIMITED) {
		/* Full, not empty: nobody is promised memory we know nothing of. */
		gather_miss(g, MISSING_MEMORY_USAGE);
	}
	if (r >= 0 && level > 0)
		r = read_stat(g, level, &text, &stat);
	l->reclaim_bytes = reclaimable(&stat);
	return r;
}

/* The levels that have a limit, at most LEVELS_MAX; how many, or -errno. */
static int read_levels(struct gather *g, const struct view_memory *m,
		       struct memory_level *levels)
{
	unsigned depth = group_depth(g->group, CGROUP_MEMORY);
	int count = 0;

	/* v1 tells the lowest limit of all levels: mostly there is none. */
	if (names_of(g) == &names_v1 && m->stat.limit >= m->host.total &&
	    m->stat.limit != VIEW_UNLIMITED)
		return 0;

	for (unsigned level = 0; level < depth && count < LEVELS_MAX; level++) {
		struct memory_level *l = &levels[count];
		int r = read_limits(g, m, level, l);

		if (r < 0)
			return r;
		if (l->max_bytes >= m->host.total && l->high_bytes >= m->host.total)
			continue;
		r = read_usage(g, level, &m->stat, l);
		if (r < 0)
			return r;
		count++;
	}
	return count;
}

static int gather_swap_v1(struct gather *g, struct view_memory *m)
{
	uint64_t swappiness = 60;

	/* Without swap accounting there is no such line: then nothing is known. */
	if (m->stat.memsw_limit == VIEW_UNLIMITED) {
		gather_miss(g, MISSING_SWAP);
		return 0;
	}
	if (m->host.swap_total) {
		int r = group_read_limit(g->group, CGROUP_MEMORY, 0, "memory.swappiness",
					 &swappiness);

		if (r < 0)
			return r;
	}
	m->swap = view_swap_v1(&m->host, m->stat.limit, m->stat.memsw_limit,
			       m->stat.swap, g->policy->v1_swap, swappiness != 0);
	return 0;
}

static int gather_swap_v2(struct gather *g, struct view_memory *m)
{
	unsigned depth = group_depth(g->group, CGROUP_MEMORY);
	uint64_t limit = VIEW_UNLIMITED, used;
	int r;

	if (m->host.swap_total == 0)
		return 0;

	r = group_read_limit(g->group, CGROUP_MEMORY, 0, "memory.swap.current", &used);
	if (r >= 0 && used == VIEW_UNLIMITED) {	/* no such file: no accounting */
		gather_miss(g, MISSING_SWAP);
		return 0;
	}
	for (unsigned level = 0; r >= 0 && level < depth; level++) {
		uint64_t here;

		r = group_read_limit(g->group, CGROUP_MEMORY, level, "memory.swap.max",
				     &here);
		if (r >= 0 && here < limit)
			limit = here;
	}
	if (r >= 0)
		m->swap = view_swap_v2(&m->host, limit, used);
	return r;
}

/* One kernel-memory counter is all that v1 has; newer kernels dropped its limit. */
static int gather_kmem_v1(struct gather *g, struct view_memory *m)
{
	uint64_t used;
	int r = group_read_limit(g->group, CGROUP_MEMORY, 0,
				 "memory.kmem.usage_in_bytes", &used);

	if (r >= 0 && used != VIEW_UNLIMITED)
		m->stat.slab = m->stat.slab_unreclaimable = used;
	return r;
}

#define HUGE(bytes, name)                                                      \
	{ bytes, { "hugetlb." name ".limit_in_bytes", "hugetlb." name ".max" },\
	  { "hugetlb." name ".usage_in_bytes", "hugetlb." name ".current" },   \
	  { "hugetlb." name ".rsvd.usage_in_bytes",                            \
	    "hugetlb." name ".rsvd.current" } }

/* Every size that any architecture has, and its files in v1 and v2. */
static const struct {
	uint64_t bytes;
	const char *limit[2], *usage[2], *reserved[2];
} huge_sizes[] = {
	HUGE(UINT64_C(2) << 20, "2MB"),	   HUGE(UINT64_C(1) << 30, "1GB"),
	HUGE(UINT64_C(64) << 10, "64KB"),  HUGE(UINT64_C(1) << 20, "1MB"),
	HUGE(UINT64_C(16) << 20, "16MB"),  HUGE(UINT64_C(32) << 20, "32MB"),
	HUGE(UINT64_C(512) << 20, "512MB"), HUGE(UINT64_C(2) << 30, "2GB"),
	HUGE(UINT64_C(16) << 30, "16GB"),
};

int gather_huge(struct gather *g, uint64_t size_bytes, uint64_t host_total,
		uint64_t host_free, struct huge_figures *ret)
{
	int v = group_version(g->group, CGROUP_HUGETLB) == CGROUP_V2;
	uint64_t limit = VIEW_UNLIMITED, here = 0, used = 0, reserved = 0;
	size_t i = 0;
	int r = 0;

	*ret = (struct huge_figures){ host_total, host_free, 0 };
	while (i < TEXT_COUNT(huge_sizes) && huge_sizes[i].bytes != size_bytes)
		i++;
	if (i == TEXT_COUNT(huge_sizes) || !group_has(g->group, CGROUP_HUGETLB) ||
	    host_total == 0)
		return 0;

	for (unsigned level = 0; r >= 0 && level < group_depth(g->group, CGROUP_HUGETLB);
	     level++) {
		r = group_read_limit(g->group, CGROUP_HUGETLB, level,
				     huge_sizes[i].limit[v], &here);
		if (r >= 0 && here < limit)
			limit = here;
	}
	if (r >= 0)
		r = group_read_limit(g->group, CGROUP_HUGETLB, 0, huge_sizes[i].usage[v],
				     &used);
	if (r >= 0)
		r = group_read_limit(g->group, CGROUP_HUGETLB, 0,
				     huge_sizes[i].reserved[v], &reserved);
	if (r < 0 || used == VIEW_UNLIMITED)
		return r;

	if (limit / size_bytes < ret->total)
		ret->total = limit / size_bytes;
	used /= size_bytes;
	if (ret->total - (used < ret->total ? used : ret->total) < ret->free)
		ret->free = ret->total - (used < ret->total ? used : ret->total);
	if (reserved != VIEW_UNLIMITED && reserved / size_bytes > used)
		ret->reserved = reserved / size_bytes - used;
	return 0;
}

static int gather_default_huge(struct gather *g, struct view_memory *m)
{
	int r = gather_huge(g, m->host.huge_size, m->host.huge_total, m->host.huge_free,
			    &m->huge);

	/* Other sizes are counted as the host's; their own files show the limit. */
	m->hugetlb_bytes = m->host.hugetlb -
			   (m->host.huge_total - m->huge.total) * m->host.huge_size;
	return r;
}

/* Not in any memory cgroup: what is there for the host is there for it. */
static int gather_without_controller(struct gather *g, struct view_memory *m)
{
	gather_miss(g, MISSING_MEMORY_STAT);
	m->figures = view_memory_figures(&m->host, NULL, 0);
	return 0;
}

int gather_memory(struct gather *g, struct view *v, bool want_text)
{
	struct memory_level levels[LEVELS_MAX];
	struct view_memory *m = &v->memory;
	int r = host_memory(g->host, &m->host, want_text ? &v->host_text : NULL);
	int count;

	if (r >= 0)
		r = gather_default_huge(g, m);
	if (r < 0)
		return r;
	if (!group_has(g->group, CGROUP_MEMORY))
		return gather_without_controller(g, m);

	m->is_host = group_depth(g->group, CGROUP_MEMORY) == 0;
	m->is_v1 = names_of(g) == &names_v1;
	r = read_stat(g, 0, &m->events, &m->stat);
	count = r < 0 ? r : read_levels(g, m, levels);
	if (count < 0)
		return count;
	m->figures = view_memory_figures(&m->host, levels, (unsigned)count);

	if (!m->is_v1)
		return gather_swap_v2(g, m);
	r = gather_swap_v1(g, m);
	return r < 0 ? r : gather_kmem_v1(g, m);
}
