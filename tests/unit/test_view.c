/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/view.h"

#include <stdlib.h>
#include <string.h>

#include "procfs/clock.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct {
	uint64_t quota_us, period_us;
	unsigned cpuset, up, down, nearest;
} cpu_cases[] = {
	{ VIEW_UNLIMITED, 0, 8, 8, 8, 8 },	/* no quota: the cpuset decides */
	{ 50000, 100000, 8, 1, 1, 1 },		/* half a CPU still shows one */
	{ 150000, 100000, 8, 2, 1, 2 },
	{ 140000, 100000, 8, 2, 1, 1 },
	{ 900000, 100000, 4, 4, 4, 4 },		/* never above the cpuset */
	{ 200000, 100000, 8, 2, 2, 2 },
	{ 1000, 1000000, 8, 1, 1, 1 },		/* the least the kernel takes */
};

START_TEST(quota_and_cpuset_give_the_cpu_count)
{
	ck_assert_uint_eq(view_cpu_count(cpu_cases[_i].quota_us, cpu_cases[_i].period_us,
					 cpu_cases[_i].cpuset, VIEW_ROUND_UP), cpu_cases[_i].up);
	ck_assert_uint_eq(view_cpu_count(cpu_cases[_i].quota_us, cpu_cases[_i].period_us,
					 cpu_cases[_i].cpuset, VIEW_ROUND_DOWN), cpu_cases[_i].down);
	ck_assert_uint_eq(view_cpu_count(cpu_cases[_i].quota_us, cpu_cases[_i].period_us,
					 cpu_cases[_i].cpuset, VIEW_ROUND_NEAREST),
			  cpu_cases[_i].nearest);
}
END_TEST

/* Any levels, in any order, with counters that were read at different moments. */
START_TEST(memory_figures_are_always_in_order)
{
	const struct host_memory host = {
		.total = 1 << 30, .free = 1 << 28, .available = 1 << 29,
	};

	srandom(_i);
	for (int n = 0; n < 20000; n++) {
		struct memory_level levels[4];
		unsigned count = (unsigned)random() % 5;
		struct memory_figures f;

		for (unsigned i = 0; i < count; i++) {
			struct memory_level *l = &levels[i];

			l->max_bytes = random() % 4 ? (uint64_t)random() : VIEW_UNLIMITED;
			l->high_bytes = random() % 4 ? VIEW_UNLIMITED : (uint64_t)random();
			l->usage_bytes = random() % 8 ? (uint64_t)random() : VIEW_UNLIMITED;
			l->reclaim_bytes = (uint64_t)random();
		}
		f = view_memory_figures(&host, levels, count);
		ck_assert_uint_le(f.free_bytes, f.available_bytes);
		ck_assert_uint_le(f.available_bytes, f.total_bytes);
		ck_assert_uint_le(f.total_bytes, host.total);
	}
}
END_TEST

START_TEST(a_list_of_cpus_survives_being_read_and_written)
{
	static const char *const lists[] = { "", "0", "0-3", "1,3,5-7", "0-64,66-127,4095" };
	struct buf out = BUF_INIT;
	struct cpus set;

	ck_assert_int_eq(cpus_parse_list(lists[_i], &set), 0);
	cpus_add_list(&set, &out);
	ck_assert_str_eq(buf_text(&out), lists[_i]);
	buf_done(&out);
}
END_TEST

START_TEST(nonsense_is_no_list_of_cpus)
{
	static const char *const lists[] = { "x", "3-1", "1,,2", "4096", "1-99999999999", "-1", "1 2" };
	struct cpus set;

	ck_assert_int_lt(cpus_parse_list(lists[_i], &set), 0);
}
END_TEST

START_TEST(words_are_a_list_of_cpus)
{
	struct cpus set;

	ck_assert_int_eq(cpus_parse_words("0 2 65\n", &set), 0);
	ck_assert(cpus_count(&set) == 3 && cpus_has(&set, 0) && cpus_has(&set, 65));
	ck_assert_int_eq(cpus_parse_words("\n", &set), 0);
	ck_assert_uint_eq(cpus_count(&set), 0);
	ck_assert_int_lt(cpus_parse_words("0-1", &set), 0);
	ck_assert_int_lt(cpus_parse_words("0 4096", &set), 0);
}
END_TEST

START_TEST(a_mask_keeps_its_width)
{
	struct buf out = BUF_INIT;
	struct cpus set;

	ck_assert_int_eq(cpus_parse_mask("ff,00000001\n", &set), 0);
	ck_assert_uint_eq(cpus_count(&set), 9);
	ck_assert(cpus_has(&set, 0) && cpus_has(&set, 39) && !cpus_has(&set, 1));
	cpus_add_mask(&set, "ff,00000001\n", &out);
	ck_assert_str_eq(buf_text(&out), "ff,00000001");
	buf_done(&out);
}
END_TEST

#define CPU_COUNT 6

static struct cpus random_cpus(void)
{
	struct cpus set = { { 0 } };

	while (!cpus_count(&set))
		for (unsigned i = 0; i < CPU_COUNT; i++)
			if (random() % 2)
				cpus_add(&set, i);
	return set;
}

static uint64_t used(const struct account_row *row)
{
	return row->user_ns + row->nice_ns + row->system_ns;
}

/* One container's life: usage grows, CPUs come and go, rows are looked at. */
struct life {
	struct account *account;
	struct cpu_times per_cpu[CPU_COUNT], total;
	struct account_row before[CPU_COUNT];
	uint64_t ticks[5];	/* in the first line of /proc/stat, by column */
	struct cpus visible;
	uint64_t now_ns;
};

static void spend(struct life *l, bool per_cpu)
{
	for (unsigned i = 0; i < CPU_COUNT; i++) {
		uint64_t user = (uint64_t)random() % 3000000, system = (uint64_t)random() % 1000000;

		l->per_cpu[i].user_ns += user;
		l->per_cpu[i].system_ns += system;
		l->total.user_ns += user;
		l->total.system_ns += system;
		if (!per_cpu)
			l->total.nice_ns += user / 3;
	}
	l->now_ns += (uint64_t)random() % 4000000;
}

/* The first line is made of whole ticks of each row. */
static void check_first_line(struct life *l)
{
	uint64_t now[5] = { 0 };

	for (unsigned i = 0; i < CPU_COUNT; i++) {
		const struct account_row *row = account_row(l->account, i);

		now[0] += row->user_ns / NS_PER_TICK;
		now[1] += row->nice_ns / NS_PER_TICK;
		now[2] += row->system_ns / NS_PER_TICK;
		now[3] += row->steal_ns / NS_PER_TICK;
		now[4] += row->idle_ns / NS_PER_TICK;
	}
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_ge(now[i], l->ticks[i]);
		l->ticks[i] = now[i];
	}
}

static void check_rows(struct life *l, const struct cpus *was, bool per_cpu)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CPU_COUNT; i++) {
		const struct account_row *row = account_row(l->account, i);
		const struct account_row *old = &l->before[i];

		if (cpus_has(&l->visible, i) && cpus_has(was, i)) {
			ck_assert_uint_ge(row->user_ns, old->user_ns);
			ck_assert_uint_ge(row->nice_ns, old->nice_ns);
			ck_assert_uint_ge(row->system_ns, old->system_ns);
			ck_assert_uint_ge(row->idle_ns, old->idle_ns);
		}
		if (!cpus_has(&l->visible, i))
			ck_assert_uint_eq(used(row) + row->idle_ns, 0);
		sum += used(row);
		l->before[i] = *row;
	}
	ck_assert_uint_eq(sum, l->total.user_ns + l->total.system_ns +
			       (per_cpu ? 0 : l->total.nice_ns));
}

START_TEST(cpu_rows_never_decrease_and_add_up_exactly)
{
	struct life l = { .now_ns = NS_PER_S };
	bool per_cpu = _i % 2;

	srandom(_i);
	l.account = malloc(account_size(CPU_COUNT));
	account_reset(l.account, CPU_COUNT);
	l.visible = random_cpus();

	for (int n = 0; n < 5000; n++) {
		struct cpus was = l.visible;
		struct account_input in = {
			.start_ns = NS_PER_S, .visible = &l.visible,
			.per_cpu = per_cpu ? l.per_cpu : NULL,
		};

		spend(&l, per_cpu);
		if (random() % 10 == 0)
			l.visible = random_cpus();
		in.now_ns = l.now_ns;
		in.total = l.total;
		account_update(l.account, &in);
		check_rows(&l, &was, per_cpu);
		check_first_line(&l);
	}
	free(l.account);
}
END_TEST

/* Ticks say how time is split, wrongly at times; how much it was is known exactly. */
START_TEST(ticks_only_split_what_was_measured)
{
	struct account *a = malloc(account_size(1));
	struct cpus visible = { { 1 } };
	struct cpu_times ticks = { 0 };
	uint64_t exact = 0, user = 0, system = 0, nice = 0;
	struct account_input in = {
		.now_ns = NS_PER_S, .start_ns = NS_PER_S, .visible = &visible,
		.per_cpu = _i % 2 ? &ticks : NULL, .per_cpu_ns = &exact,
	};

	srandom(_i);
	account_reset(a, 1);
	for (int n = 0; n < 2000; n++) {
		const struct account_row *row;

		exact += (uint64_t)random() % NS_PER_TICK;
		if (random() % 2)
			ticks.user_ns += NS_PER_TICK;
		else
			ticks.system_ns += NS_PER_TICK;
		/* v2: the sum is exact, its nice part is ticks that may overtake it */
		in.total.nice_ns = ticks.user_ns < exact ? ticks.user_ns : exact;
		in.total.user_ns = exact - in.total.nice_ns;
		in.now_ns += NS_PER_TICK;
		account_update(a, &in);
		row = account_row(a, 0);
		ck_assert_uint_eq(used(row), exact);
		ck_assert(row->user_ns >= user && row->system_ns >= system && row->nice_ns >= nice);
		user = row->user_ns;
		system = row->system_ns;
		nice = row->nice_ns;
	}
	free(a);
}
END_TEST

/* A worker that died while it wrote has changed only the copy that is not valid. */
START_TEST(a_half_written_update_does_not_count)
{
	struct account *a = malloc(account_size(2));
	struct cpus visible = { { 3 } };
	struct account_input in = {
		.now_ns = 5 * NS_PER_S, .start_ns = NS_PER_S, .visible = &visible,
		.total = { .user_ns = 2000, .system_ns = 1000 },
	};
	uint64_t before;

	account_reset(a, 2);
	account_update(a, &in);
	before = used(account_row(a, 0));
	memset(&a->rows[!a->active * 2], 0xff, 2 * sizeof(a->rows[0]));
	memset(&a->head[!a->active], 0xff, sizeof(a->head[0]));
	ck_assert_uint_eq(used(account_row(a, 0)), before);
	in.now_ns += NS_PER_S;
	account_update(a, &in);
	ck_assert_uint_eq(used(account_row(a, 0)), before);
	free(a);
}
END_TEST

START_TEST(idle_is_what_was_not_used)
{
	struct account *a = malloc(account_size(2));
	struct cpus visible = { { 3 } };
	struct account_input in = {
		.now_ns = 11 * NS_PER_S, .start_ns = NS_PER_S, .visible = &visible,
		.total = { .user_ns = 6 * NS_PER_S },
	};

	account_reset(a, 2);
	account_update(a, &in);
	ck_assert_uint_eq(account_row(a, 0)->idle_ns, 7 * NS_PER_S);
	ck_assert_uint_eq(account_row(a, 1)->idle_ns, 7 * NS_PER_S);
	free(a);
}
END_TEST

UNIT_MAIN("view",
	tcase_add_loop_test(tc, quota_and_cpuset_give_the_cpu_count, 0, COUNT(cpu_cases));
	tcase_add_loop_test(tc, memory_figures_are_always_in_order, 0, 4);
	tcase_add_loop_test(tc, a_list_of_cpus_survives_being_read_and_written, 0, 5);
	tcase_add_loop_test(tc, nonsense_is_no_list_of_cpus, 0, 7);
	tcase_add_test(tc, words_are_a_list_of_cpus);
	tcase_add_test(tc, a_mask_keeps_its_width);
	tcase_add_loop_test(tc, ticks_only_split_what_was_measured, 0, 8);
	tcase_add_loop_test(tc, cpu_rows_never_decrease_and_add_up_exactly, 0, 6);
	tcase_add_test(tc, a_half_written_update_does_not_count);
	tcase_add_test(tc, idle_is_what_was_not_used);)
