/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/view.h"

#include <stdlib.h>

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void view_done(struct view *v)
{
	free(v->rows);
	free(v->devices);
	buf_done(&v->memory.events);
	buf_done(&v->memory.oom);
	buf_done(&v->memory.numa);
	buf_done(&v->host_text);
	buf_done(&v->pressure);
	*v = (struct view){ 0 };
}

unsigned view_cpu_count(uint64_t quota_us, uint64_t period_us, unsigned cpuset,
			enum view_rounding rounding)
{
	uint64_t count;

	if (quota_us == VIEW_UNLIMITED || period_us == 0)
		return cpuset;

	count = quota_us / period_us;
	if (rounding == VIEW_ROUND_UP)
		count += quota_us % period_us != 0;
	else if (rounding == VIEW_ROUND_NEAREST)
		count += quota_us % period_us >= (period_us + 1) / 2;

	if (count == 0)
		return 1;
	return count < cpuset ? (unsigned)count : cpuset;
}

bool view_quota_is_less(uint64_t quota_a, uint64_t period_a, uint64_t quota_b,
			uint64_t period_b)
{
	if (quota_a == VIEW_UNLIMITED || period_a == 0)
		return false;
	if (quota_b == VIEW_UNLIMITED || period_b == 0)
		return true;
	return (unsigned __int128)quota_a * period_b < (unsigned __int128)quota_b * period_a;
}

struct memory_figures view_memory_figures(const struct host_memory *host,
					  const struct memory_level *levels,
					  unsigned count)
{
	uint64_t max = VIEW_UNLIMITED, limit = VIEW_UNLIMITED;
	uint64_t room = VIEW_UNLIMITED, available = VIEW_UNLIMITED;
	struct memory_figures f;

	for (unsigned i = 0; i < count; i++) {
		const struct memory_level *l = &levels[i];
		uint64_t here = min_u64(l->max_bytes, l->high_bytes);
		uint64_t free_here = minus(here, l->usage_bytes);

		/* What is above the host's memory limits nothing: "unlimited" of
		 * v1 is such a number, another one for each page size. */
		if (here >= host->total)
			continue;
		if (l->max_bytes < host->total)
			max = min_u64(max, l->max_bytes);
		limit = min_u64(limit, here);
		room = min_u64(room, free_here);
		available = min_u64(available,
				    min_u64(here, free_here + l->reclaim_bytes));
	}

	if (limit == VIEW_UNLIMITED) {
		room = host->free;
		available = host->available;
	}
	/* memory.high only throttles: a total where there is no harder one. */
	f.total_bytes = min_u64(host->total, max != VIEW_UNLIMITED ? max : limit);
	f.available_bytes = min_u64(available, f.total_bytes);
	f.free_bytes = min_u64(room, f.available_bytes);
	return f;
}

struct swap_figures view_swap_v2(const struct host_memory *host, uint64_t limit_bytes,
				 uint64_t used_bytes)
{
	struct swap_figures f;

	f.total_bytes = min_u64(host->swap_total, limit_bytes);
	f.free_bytes = min_u64(minus(f.total_bytes, used_bytes), host->swap_free);
	return f;
}

struct swap_figures view_swap_v1(const struct host_memory *host, uint64_t limit_bytes,
				 uint64_t memsw_limit_bytes, uint64_t used_bytes,
				 enum view_v1_swap mode, bool may_swap)
{
	uint64_t total = memsw_limit_bytes;
	struct swap_figures f;

	if (mode == VIEW_V1_SWAP_DIFFERENCE && memsw_limit_bytes < host->total + host->swap_total)
		total = minus(memsw_limit_bytes, limit_bytes);
	if (total < used_bytes || !may_swap)
		total = used_bytes;

	f.total_bytes = min_u64(host->swap_total, total);
	f.free_bytes = min_u64(minus(f.total_bytes, used_bytes), host->swap_free);
	return f;
}

unsigned view_cpu_id(const struct view *v, unsigned cpu)
{
	unsigned rank = 0;

	if (!v->renumber)
		return cpu;
	cpus_for_each(other, &v->visible) {
		if (other == cpu)
			break;
		rank++;
	}
	return rank;
}

struct cpus view_shown_cpus(const struct view *v)
{
	struct cpus shown = v->visible;

	if (v->renumber)
		cpus_renumber(&shown, &v->visible);
	return shown;
}
