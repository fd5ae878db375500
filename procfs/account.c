/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/account.h"

#include <string.h>

#include "procfs/clock.h"

void account_reset(struct account *a, unsigned cpu_count)
{
	memset(a, 0, account_size(cpu_count));
	a->cpu_count = cpu_count;
}

const struct account_row *account_row(const struct account *a, unsigned cpu)
{
	return &a->rows[a->active * a->cpu_count + cpu];
}

/* One update: where it writes, and what is still to be handed out. */
struct update {
	struct account_head *head;
	struct account_row *rows;
	unsigned cpu_count;
	const struct account_input *in;
	unsigned visible_count;
	uint64_t elapsed_ns;
	struct cpu_times pool;		/* time that belongs to no visible row */
	uint64_t steal_ns;
};

static uint64_t since(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static uint64_t times_sum(const struct cpu_times *t)
{
	return t->user_ns + t->nice_ns + t->system_ns;
}

static uint64_t row_used(const struct account_row *row)
{
	return row->user_ns + row->nice_ns + row->system_ns + row->steal_ns;
}

/* The i-th of @count even parts of @amount; the parts add up to it exactly. */
static uint64_t even_part(uint64_t amount, unsigned count, unsigned i)
{
	return amount / count + (i < amount % count);
}

/*
 * The same in whole ticks, what is left of one to the first. /proc/stat shows whole
 * ticks of each row and their sum, which would lose one where a row's share of another
 * row's whole ticks is none.
 */
static uint64_t tick_part(uint64_t amount, unsigned count, unsigned i)
{
	return even_part(amount / NS_PER_TICK, count, i) * NS_PER_TICK +
	       (i == 0 ? amount % NS_PER_TICK : 0);
}

/* The i-th part of what was noted on @old goes to @row. */
static void fold_part(struct account_row *row, const struct account_row *old,
		      unsigned count, unsigned i)
{
	uint64_t before = row_used(row) + row->idle_ns;
	uint64_t noted = row_used(old) + old->idle_ns;

	row->user_ns += tick_part(old->user_ns, count, i);
	row->nice_ns += tick_part(old->nice_ns, count, i);
	row->system_ns += tick_part(old->system_ns, count, i);
	row->steal_ns += tick_part(old->steal_ns, count, i);
	row->idle_ns += tick_part(old->idle_ns, count, i);
	/* As long as that takes; and of what is still to be noted, or was ahead. */
	row->visible_ns += row_used(row) + row->idle_ns - before;
	row->visible_ns += even_part(since(old->visible_ns, noted), count, i);
	row->visible_ns = since(row->visible_ns,
				even_part(since(noted, old->visible_ns), count, i));
}

/*
 * The figures of rows that are no longer seen go to those that are. What the
 * kernel counted on them stays noted, so nothing is added twice.
 */
static void fold_hidden(struct update *u)
{
	for (unsigned cpu = 0; cpu < u->cpu_count; cpu++) {
		struct account_row old = u->rows[cpu];
		unsigned i = 0;

		if (cpus_has(u->in->visible, cpu) || old.visible_ns + row_used(&old) == 0)
			continue;

		cpus_for_each(to, u->in->visible)
			fold_part(&u->rows[to], &old, u->visible_count, i++);
		u->rows[cpu] = (struct account_row){
			.raw_user_ns = old.raw_user_ns,
			.raw_system_ns = old.raw_system_ns,
		};
	}
}

/*
 * Splits @total as @part is of @of, so that neither part is less than it was; returns
 * the first. Source: cputime_adjust() of the kernel, which does so for each process.
 */
static uint64_t split(uint64_t total, uint64_t part, uint64_t of, uint64_t part_was,
		      uint64_t rest_was)
{
	uint64_t now = of ? (unsigned __int128)total * part / of : 0;

	if (now < part_was)
		now = part_was;
	return now > since(total, rest_was) ? since(total, rest_was) : now;
}

/* What the kernel says of a CPU, without its own errors of sampling. */
static struct cpu_times exact_times(const struct account_input *in, unsigned cpu,
				    const struct account_row *row)
{
	struct cpu_times t = in->per_cpu[cpu];
	uint64_t total;

	if (!in->per_cpu_ns)
		return t;
	total = in->per_cpu_ns[cpu];
	if (total < row->raw_user_ns + row->raw_system_ns)
		return (struct cpu_times){ row->raw_user_ns, 0, row->raw_system_ns };
	t.system_ns = split(total, t.system_ns, t.user_ns + t.system_ns,
			    row->raw_system_ns, row->raw_user_ns);
	t.user_ns = total - t.system_ns;
	return t;
}

/* v1: each CPU's own time; that of hidden CPUs is left in the pool. */
static void add_own_time(struct update *u)
{
	for (unsigned cpu = 0; cpu < u->cpu_count; cpu++) {
		struct account_row *row = &u->rows[cpu];
		const struct cpu_times now = exact_times(u->in, cpu, row);
		uint64_t user = since(now.user_ns, row->raw_user_ns);
		uint64_t system = since(now.system_ns, row->raw_system_ns);

		row->raw_user_ns = now.user_ns;
		row->raw_system_ns = now.system_ns;
		if (cpus_has(u->in->visible, cpu)) {
			row->user_ns += user;
			row->system_ns += system;
		} else {
			u->pool.user_ns += user;
			u->pool.system_ns += system;
		}
	}
}

/* v2: only the total is known. */
static void add_total_time(struct update *u)
{
	struct cpu_times now = u->in->total, *raw = &u->head->raw;
	uint64_t user = now.user_ns + now.nice_ns;

	/* Of user time, which is exact, the part of nice processes is not. */
	now.nice_ns = split(user, now.nice_ns, user, raw->nice_ns, raw->user_ns);
	now.user_ns = user - now.nice_ns;
	u->pool.user_ns += since(now.user_ns, raw->user_ns);
	u->pool.nice_ns += since(now.nice_ns, raw->nice_ns);
	u->pool.system_ns += since(now.system_ns, raw->system_ns);
	*raw = now;
}

static void give(struct account_row *row, struct cpu_times *pool,
		 const struct cpu_times *part)
{
	row->user_ns += part->user_ns;
	row->nice_ns += part->nice_ns;
	row->system_ns += part->system_ns;
	pool->user_ns -= part->user_ns;
	pool->nice_ns -= part->nice_ns;
	pool->system_ns -= part->system_ns;
}

/* Time spent on hidden CPUs, where the visible ones have been idle. */
static void fill_idle_room(struct update *u)
{
	cpus_for_each(cpu, u->in->visible) {
		struct account_row *row = &u->rows[cpu];
		uint64_t whole = times_sum(&u->pool);
		uint64_t room = since(row->visible_ns, row_used(row) + row->idle_ns);
		struct cpu_times part = u->pool;

		if (room < whole) {
			part.user_ns = (unsigned __int128)part.user_ns * room / whole;
			part.nice_ns = (unsigned __int128)part.nice_ns * room / whole;
			part.system_ns = (unsigned __int128)part.system_ns * room / whole;
		}
		give(row, &u->pool, &part);
	}
}

static void share_pool(struct update *u)
{
	const struct cpu_times pool = u->pool;
	unsigned i = 0;

	cpus_for_each(cpu, u->in->visible) {
		const struct cpu_times part = {
			.user_ns = even_part(pool.user_ns, u->visible_count, i),
			.nice_ns = even_part(pool.nice_ns, u->visible_count, i),
			.system_ns = even_part(pool.system_ns, u->visible_count, i),
		};

		give(&u->rows[cpu], &u->pool, &part);
		i++;
	}
}

/* Steal takes only what would be idle: throttled time is summed over threads. */
static void close_rows(struct update *u)
{
	unsigned i = 0;

	cpus_for_each(cpu, u->in->visible) {
		struct account_row *row = &u->rows[cpu];
		uint64_t room = since(row->visible_ns, row_used(row) + row->idle_ns);
		uint64_t steal = even_part(u->steal_ns, u->visible_count, i++);

		row->steal_ns += steal < room ? steal : room;
		room = since(row->visible_ns, row_used(row));
		if (room > row->idle_ns)
			row->idle_ns = room;
	}
}

static void update_begin(struct update *u, struct account *a,
			 const struct account_input *in)
{
	unsigned from = a->active, to = !from;

	*u = (struct update){
		.head = &a->head[to],
		.rows = &a->rows[to * a->cpu_count],
		.cpu_count = a->cpu_count,
		.in = in,
		.visible_count = cpus_count(in->visible),
	};
	*u->head = a->head[from];
	memcpy(u->rows, &a->rows[from * a->cpu_count], a->cpu_count * sizeof(*u->rows));

	u->elapsed_ns = since(in->now_ns, u->head->time_ns ? u->head->time_ns
							   : in->start_ns);
	if (in->now_ns > u->head->time_ns)
		u->head->time_ns = in->now_ns;
	u->steal_ns = since(in->throttled_ns, u->head->raw_throttled_ns);
	u->head->raw_throttled_ns = in->throttled_ns;
}

void account_update(struct account *a, const struct account_input *in)
{
	struct update u;

	update_begin(&u, a, in);
	fold_hidden(&u);
	cpus_for_each(cpu, in->visible)
		u.rows[cpu].visible_ns += u.elapsed_ns;

	if (in->per_cpu) {
		add_own_time(&u);
		fill_idle_room(&u);
	} else {
		add_total_time(&u);
	}
	share_pool(&u);
	close_rows(&u);

	/* The other copy is whole: from here on it counts. */
	__atomic_store_n(&a->active, !a->active, __ATOMIC_RELEASE);
}
