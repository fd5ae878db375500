/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/cpus.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct { const char *text; int r; uint32_t milli; int64_t quota_us; unsigned cpus; } amounts[] = {
	{ "1", 0, 1000, 100000, 1 },
	{ "2", 0, 2000, 200000, 2 },
	{ "0.5", 0, 500, 50000, 1 },	/* half a CPU fills one */
	{ ".25", 0, 250, 25000, 1 },
	{ "1.5", 0, 1500, 150000, 2 },
	{ "2.001", 0, 2001, 200100, 3 },
	{ "1.0009", 0, 1000, 100000, 1 },	/* below a thousandth nothing counts */
	{ "0.01", 0, 10, 1000, 1 },	/* the smallest quota: 1 ms */
	{ "0.009", -ERANGE, 0, 0, 0 },
	{ "0", -ERANGE, 0, 0, 0 },
	{ "99999999999999999999", -ERANGE, 0, 0, 0 },
	{ "", -EINVAL, 0, 0, 0 },
	{ ".", -EINVAL, 0, 0, 0 },
	{ "-1", -EINVAL, 0, 0, 0 },
	{ "1,5", -EINVAL, 0, 0, 0 },
	{ "two", -EINVAL, 0, 0, 0 },
	{ "1e3", -EINVAL, 0, 0, 0 },
};

START_TEST(an_amount_of_cpus_gives_quota_and_count)
{
	uint32_t milli = 0;

	ck_assert_int_eq(cpus_parse_amount(amounts[_i].text, &milli), amounts[_i].r);
	if (amounts[_i].r < 0)
		return;
	ck_assert_uint_eq(milli, amounts[_i].milli);
	ck_assert_int_eq(cpus_quota_us(milli), amounts[_i].quota_us);
	ck_assert_uint_eq(cpus_needed(milli), amounts[_i].cpus);
}
END_TEST

static const struct { const char *text; int r; const char *again; } lists[] = {
	{ "0", 0, "0" },
	{ "0-3", 0, "0-3" },
	{ "3,1,2", 0, "1-3" },
	{ "0-1,3,5-6\n", 0, "0-1,3,5-6" },	/* as the kernel writes it */
	{ "", 0, "" },
	{ "\n", 0, "" },
	{ "3-1", -EINVAL, NULL },
	{ "1,", -EINVAL, NULL },
	{ "a", -EINVAL, NULL },
	{ "1-", -EINVAL, NULL },
	{ "1 2", -EINVAL, NULL },
	{ "1024", -ERANGE, NULL },
	{ "0-99999999999999999999", -ERANGE, NULL },
};

START_TEST(a_list_of_cpus_is_read_and_written)
{
	char text[256];
	cpu_set_t set;

	ck_assert_int_eq(cpus_parse_list(lists[_i].text, &set), lists[_i].r);
	if (lists[_i].r < 0)
		return;
	ck_assert_int_eq(cpus_format_list(&set, text, sizeof(text)), 0);
	ck_assert_str_eq(text, lists[_i].again);
}
END_TEST

START_TEST(a_list_that_does_not_fit_is_an_error)
{
	char text[4];
	cpu_set_t set;

	ck_assert_int_eq(cpus_parse_list("10-11", &set), 0);
	ck_assert_int_eq(cpus_format_list(&set, text, sizeof(text)), -ENOSPC);
}
END_TEST

static const struct { const char *available; unsigned users[4]; unsigned count; const char *chosen; } choices[] = {
	{ "0-3", { 0, 0, 0, 0 }, 1, "0" },
	{ "0-3", { 1, 0, 0, 0 }, 1, "1" },	/* the least used */
	{ "0-3", { 1, 1, 0, 0 }, 2, "2-3" },
	{ "0-3", { 2, 2, 1, 2 }, 1, "2" },
	{ "1,3", { 0, 5, 0, 5 }, 1, "1" },	/* only those that may be given */
	{ "0-1", { 0, 0, 0, 0 }, 9, "0-1" },	/* not more than there are */
};

START_TEST(containers_go_round_the_cpus)
{
	unsigned users[CPU_SETSIZE] = { 0 };
	cpu_set_t available, chosen;
	char text[64];

	memcpy(users, choices[_i].users, sizeof(choices[_i].users));
	ck_assert_int_eq(cpus_parse_list(choices[_i].available, &available), 0);
	cpus_choose(&available, users, choices[_i].count, &chosen);
	ck_assert_int_eq(cpus_format_list(&chosen, text, sizeof(text)), 0);
	ck_assert_str_eq(text, choices[_i].chosen);
}
END_TEST

UNIT_MAIN("cpus",
	tcase_add_loop_test(tc, an_amount_of_cpus_gives_quota_and_count, 0, COUNT(amounts));
	tcase_add_loop_test(tc, a_list_of_cpus_is_read_and_written, 0, COUNT(lists));
	tcase_add_test(tc, a_list_that_does_not_fit_is_an_error);
	tcase_add_loop_test(tc, containers_go_round_the_cpus, 0, COUNT(choices));)
