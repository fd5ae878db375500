/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/sequence.h"

#include "tests/unit/unit.h"

#define US INT64_C(1000)
#define DENSE (40 * US)

static struct sequence sequence;
static int64_t now;

static void setup(void)
{
	sequence_init(&sequence);
	now = 1000 * 1000 * US;
}

static enum sequence_advice ask(uint32_t pid, uint32_t bytes, int64_t after_ns)
{
	now += after_ns;
	return sequence_note(&sequence, pid, bytes, now);
}

/* Return: how many requests it took; -1: it was not advised within @most. */
static int requests_until(enum sequence_advice advice, int most, int64_t after_ns)
{
	for (int i = 1; i <= most; i++)
		if (ask(7, 100, after_ns) == advice)
			return i;
	return -1;
}

START_TEST(one_dense_caller_is_paired_with)
{
	int n = requests_until(SEQUENCE_PAIR, 1000, DENSE);

	ck_assert_int_ge(n, 16);
	ck_assert_int_le(n, 64);
}
END_TEST

START_TEST(only_one_thread_is_told)
{
	ck_assert_int_gt(requests_until(SEQUENCE_PAIR, 1000, DENSE), 0);
	ck_assert_int_eq(requests_until(SEQUENCE_PAIR, 1000, DENSE / 4), -1);
}
END_TEST

START_TEST(sparse_requests_are_not)
{
	ck_assert_int_eq(requests_until(SEQUENCE_PAIR, 1000, 400 * US), -1);
}
END_TEST

START_TEST(two_who_ask_at_the_same_time_are_not)
{
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_int_eq(ask(7 + i % 2, 100, DENSE), SEQUENCE_GO_ON);
}
END_TEST

START_TEST(a_second_caller_ends_it)
{
	int n = 0;

	ck_assert_int_gt(requests_until(SEQUENCE_PAIR, 1000, DENSE), 0);
	while (ask(8 + (uint32_t)n % 2, 100, DENSE / 4) == SEQUENCE_GO_ON)
		ck_assert_int_lt(++n, 16);
}
END_TEST

START_TEST(one_process_after_another_is_paired_with)
{
	int paired = 0;

	for (uint32_t i = 0; i < 1000 && !paired; i++)
		paired = ask(7 + i / 8, 100, DENSE) == SEQUENCE_PAIR;
	ck_assert_int_eq(paired, 1);
}
END_TEST

START_TEST(what_the_kernel_asks_for_changes_nothing)
{
	int paired = 0;

	for (int i = 0; i < 1000 && !paired; i++) {
		ck_assert_int_eq(ask(0, 100, US), SEQUENCE_GO_ON);
		paired = ask(7, 100, DENSE) == SEQUENCE_PAIR;
	}
	ck_assert_int_eq(paired, 1);
}
END_TEST

START_TEST(who_moves_much_data_is_not)
{
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(ask(7, 128 * 1024, DENSE), SEQUENCE_GO_ON);
}
END_TEST

START_TEST(what_is_not_quicker_ends_and_waits_longer_each_time)
{
	int before = 0, n;

	for (int i = 0; i < 5; i++) {
		n = requests_until(SEQUENCE_PAIR, 10000, DENSE);
		ck_assert_int_gt(n, before);
		before = n;
		ck_assert_int_le(requests_until(SEQUENCE_PART, 100, DENSE + US), 64);
		sequence_end(&sequence);
	}
}
END_TEST

START_TEST(what_is_quicker_goes_on)
{
	ck_assert_int_gt(requests_until(SEQUENCE_PAIR, 1000, DENSE), 0);
	ck_assert_int_eq(requests_until(SEQUENCE_PART, 10000, DENSE / 4), -1);
	sequence_end(&sequence);
	ck_assert_int_le(requests_until(SEQUENCE_PAIR, 1000, DENSE), 64);
}
END_TEST

START_TEST(a_caller_with_work_of_its_own_is_quick_enough)
{
	ck_assert_int_gt(requests_until(SEQUENCE_PAIR, 1000, DENSE), 0);
	for (int i = 0; i < 10000; i++)
		ck_assert_int_eq(ask(7, 100, i % 2 ? DENSE / 4 : 10 * DENSE),
				 SEQUENCE_GO_ON);
}
END_TEST

UNIT_MAIN("sequence",
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, one_dense_caller_is_paired_with);
	tcase_add_test(tc, only_one_thread_is_told);
	tcase_add_test(tc, sparse_requests_are_not);
	tcase_add_test(tc, two_who_ask_at_the_same_time_are_not);
	tcase_add_test(tc, a_second_caller_ends_it);
	tcase_add_test(tc, one_process_after_another_is_paired_with);
	tcase_add_test(tc, what_the_kernel_asks_for_changes_nothing);
	tcase_add_test(tc, who_moves_much_data_is_not);
	tcase_add_test(tc, what_is_not_quicker_ends_and_waits_longer_each_time);
	tcase_add_test(tc, what_is_quicker_goes_on);
	tcase_add_test(tc, a_caller_with_work_of_its_own_is_quick_enough);)
