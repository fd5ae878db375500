/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/sysinfo.h"

#include <string.h>

#include "procfs/clock.h"
#include "tests/unit/unit.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* One word of the answer: its offset differs between the two kinds of program. */
struct word { const char *name; size_t at_64, at_32; uint64_t want_64, want_32; };

static uint64_t word_of(const unsigned char *data, size_t at, size_t size)
{
	uint64_t value = 0;
	uint32_t half;

	if (size == 8) {
		memcpy(&value, data + at, 8);
		return value;
	}
	memcpy(&half, data + at, 4);
	return half;
}

static void check_words(const struct view *v, const struct word *words, size_t count)
{
	unsigned char data[SYSINFO_BYTES_64];

	ck_assert_uint_eq(sysinfo_write(v, true, data), SYSINFO_BYTES_64);
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(word_of(data, words[i].at_64, 8) == words[i].want_64, "%s is %llu",
			      words[i].name,
			      (unsigned long long)word_of(data, words[i].at_64, 8));
	ck_assert_uint_eq(sysinfo_write(v, false, data), SYSINFO_BYTES_32);
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(word_of(data, words[i].at_32, 4) == words[i].want_32, "%s is %llu",
			      words[i].name,
			      (unsigned long long)word_of(data, words[i].at_32, 4));
}

static uint32_t unit_of(const struct view *v, bool is_64)
{
	unsigned char data[SYSINFO_BYTES_64];

	sysinfo_write(v, is_64, data);
	return (uint32_t)word_of(data, is_64 ? 104 : 52, 4);
}

START_TEST(every_field_is_where_the_kernel_has_it)
{
	const struct view v = {
		.uptime_ns = 12 * NS_PER_S + 1,
		.load = { .average = { 2048, 1024, 1 }, .total = 7 },
		.memory = {
			.figures = { 256 * MIB, 100 * MIB, 150 * MIB },
			.stat = { .shmem = 3 * MIB },
			.swap = { 64 * MIB, 32 * MIB },
		},
	};
	const struct word words[] = {
		{ "uptime", 0, 0, 13, 13 },		/* a second that began is one */
		{ "load 1", 8, 4, 65536, 65536 },
		{ "load 5", 16, 8, 32768, 32768 },
		{ "load 15", 24, 12, 32, 32 },
		{ "total", 32, 16, 256 * MIB, 256 * MIB },
		{ "free", 40, 20, 100 * MIB, 100 * MIB },
		{ "shared", 48, 24, 3 * MIB, 3 * MIB },
		{ "buffers", 56, 28, 0, 0 },
		{ "swap", 64, 32, 64 * MIB, 64 * MIB },
		{ "free swap", 72, 36, 32 * MIB, 32 * MIB },
		{ "high", 88, 44, 0, 0 },
		{ "free high", 96, 48, 0, 0 },
	};
	unsigned char data[SYSINFO_BYTES_64];

	check_words(&v, words, sizeof(words) / sizeof(words[0]));
	ck_assert_uint_eq(unit_of(&v, true), 1);
	ck_assert_uint_eq(unit_of(&v, false), 1);
	sysinfo_write(&v, true, data);
	ck_assert_int_eq(data[80] | data[81] << 8, 7);
	sysinfo_write(&v, false, data);
	ck_assert_int_eq(data[40] | data[41] << 8, 7);
}
END_TEST

START_TEST(what_32_bits_do_not_hold_is_in_pages)
{
	const struct view v = {
		.load.total = 100000,
		.memory = { .figures = { 8 * GIB, GIB, 2 * GIB }, .swap = { GIB, GIB } },
	};
	const struct word words[] = {
		{ "total", 32, 16, 8 * GIB, 8 * GIB / 4096 },
		{ "free", 40, 20, GIB, GIB / 4096 },
		{ "swap", 64, 32, GIB, GIB / 4096 },
	};
	unsigned char data[SYSINFO_BYTES_64];

	check_words(&v, words, sizeof(words) / sizeof(words[0]));
	ck_assert_uint_eq(unit_of(&v, true), 1);
	ck_assert_uint_eq(unit_of(&v, false), 4096);
	sysinfo_write(&v, true, data);
	ck_assert_int_eq(data[80] | data[81] << 8, 65535);	/* and does not wrap */
}
END_TEST

static const struct {
	uint64_t visible;
	unsigned char mask, expect;
} masks[] = {
	{ 0x0f, 0xff, 0x0f },	/* what is hidden is not counted */
	{ 0x0f, 0x02, 0x02 },	/* a thread's own choice stays */
	{ 0x03, 0x12, 0x02 },
	{ 0x03, 0xf0, 0x30 },	/* a choice of hidden ones: as many as are visible */
	{ 0x01, 0x80, 0x80 },	/* never none */
};

START_TEST(a_thread_counts_visible_cpus)
{
	struct view v = { .cpu_count = (unsigned)__builtin_popcountll(masks[_i].visible) };
	unsigned char mask[16] = { 0 };

	v.visible.bits[0] = masks[_i].visible;
	mask[0] = masks[_i].mask;
	sysinfo_affinity(&v, mask, sizeof(mask));
	ck_assert_uint_eq(mask[0], masks[_i].expect);
	for (size_t i = 1; i < sizeof(mask); i++)
		ck_assert_uint_eq(mask[i], 0);
}
END_TEST

UNIT_MAIN("sysinfo",
	tcase_add_test(tc, every_field_is_where_the_kernel_has_it);
	tcase_add_test(tc, what_32_bits_do_not_hold_is_in_pages);
	tcase_add_loop_test(tc, a_thread_counts_visible_cpus, 0,
			    sizeof(masks) / sizeof(masks[0]));)
