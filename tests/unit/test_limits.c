/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/devices_bpf.h"
#include "launcher/devices_cgroup.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const enum cgroup_version all_v1[CGROUP_CONTROLLER_COUNT] = {
	CGROUP_V1, CGROUP_V1, CGROUP_V1, CGROUP_V1, CGROUP_V1, CGROUP_V1, CGROUP_V1, CGROUP_V1,
	CGROUP_V1,
};
static const enum cgroup_version all_v2[CGROUP_CONTROLLER_COUNT] = {
	CGROUP_V2, CGROUP_V2, CGROUP_V2, CGROUP_V2, CGROUP_V2, CGROUP_V2, CGROUP_V2, CGROUP_V2,
	CGROUP_V2,
};

/* "file=value file=value", in the order they are written. */
static void settings_text(const struct limits *l, const enum cgroup_version *versions,
			  char *text, size_t size)
{
	struct limit_setting settings[LIMIT_SETTINGS_MAX];
	enum cgroup_controller missing;
	int count = limits_settings(l, versions, settings, &missing);
	size_t length = 0;

	text[0] = '\0';
	ck_assert_int_ge(count, 0);
	for (int i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, size - length, "%s%s=%s", i ? ";" : "",
					   settings[i].file,
					   settings[i].text ? settings[i].text : settings[i].value);
}

START_TEST(v1_gets_memory_before_memory_and_swap)
{
	struct limits l;
	char text[512];

	limits_init(&l);
	l.memory_bytes = l.memory_swap_bytes = 256 << 20;
	settings_text(&l, all_v1, text, sizeof(text));
	ck_assert_str_eq(text, "memory.limit_in_bytes=268435456;"
			       "memory.memsw.limit_in_bytes=268435456");
}
END_TEST

START_TEST(v2_counts_swap_alone)
{
	struct limits l;
	char text[512];

	limits_init(&l);
	l.memory_bytes = 100;
	l.memory_swap_bytes = 150;
	settings_text(&l, all_v2, text, sizeof(text));
	ck_assert_str_eq(text, "memory.max=100;memory.swap.max=50");
	l.memory_swap_bytes = LIMIT_NONE;
	settings_text(&l, all_v2, text, sizeof(text));
	ck_assert_str_eq(text, "memory.max=100;memory.swap.max=max");
}
END_TEST

START_TEST(a_cpu_quota_is_two_files_on_v1_and_one_on_v2)
{
	struct limits l;
	char text[512];

	limits_init(&l);
	l.cpu_quota_us = 50000;
	l.cpu_period_us = 100000;
	settings_text(&l, all_v1, text, sizeof(text));
	ck_assert_str_eq(text, "cpu.cfs_period_us=100000;cpu.cfs_quota_us=50000");
	settings_text(&l, all_v2, text, sizeof(text));
	ck_assert_str_eq(text, "cpu.max=50000 100000");
	l.cpu_quota_us = LIMIT_NONE;
	settings_text(&l, all_v2, text, sizeof(text));
	ck_assert_str_eq(text, "cpu.max=max 100000");
}
END_TEST

START_TEST(each_controller_is_written_where_it_is_on_a_hybrid_host)
{
	enum cgroup_version hybrid[CGROUP_CONTROLLER_COUNT];
	struct limits l;
	char text[512];

	memcpy(hybrid, all_v1, sizeof(hybrid));
	hybrid[CGROUP_MEMORY] = CGROUP_V2;
	limits_init(&l);
	l.memory_bytes = 1 << 20;
	l.cpu_shares = 512;
	l.pids_max = 9;
	settings_text(&l, hybrid, text, sizeof(text));
	ck_assert_str_eq(text, "memory.max=1048576;cpu.shares=512;pids.max=9");
}
END_TEST

START_TEST(no_limit_has_its_own_word)
{
	struct limits l;
	char text[512];

	limits_init(&l);
	l.memory_bytes = LIMIT_NONE;
	l.pids_max = LIMIT_NONE;
	settings_text(&l, all_v1, text, sizeof(text));
	ck_assert_str_eq(text, "memory.limit_in_bytes=-1;pids.max=max");
	settings_text(&l, all_v2, text, sizeof(text));
	ck_assert_str_eq(text, "memory.max=max;pids.max=max");
}
END_TEST

START_TEST(a_limit_that_no_hierarchy_serves_is_named)
{
	struct limit_setting settings[LIMIT_SETTINGS_MAX];
	enum cgroup_version none[CGROUP_CONTROLLER_COUNT] = { CGROUP_ABSENT };
	enum cgroup_controller missing = CGROUP_CPU;
	struct limits l;

	limits_init(&l);
	ck_assert(limits_are_unset(&l));
	ck_assert_int_eq(limits_settings(&l, none, settings, &missing), 0);
	l.pids_max = 1;
	ck_assert(!limits_are_unset(&l));
	ck_assert_int_eq(limits_settings(&l, none, settings, &missing), -ENODEV);
	ck_assert_int_eq(missing, CGROUP_PIDS);
}
END_TEST

START_TEST(swap_below_memory_is_refused)
{
	struct limit_setting settings[LIMIT_SETTINGS_MAX];
	enum cgroup_controller missing;
	struct limits l;

	limits_init(&l);
	l.memory_bytes = 200;
	l.memory_swap_bytes = 100;
	ck_assert_int_eq(limits_settings(&l, all_v1, settings, &missing), -EINVAL);
}
END_TEST

/* Values that runc 1.3 and crun 1.20 give. */
static const struct { uint64_t shares, weight; } weights[] = {
	{ 0, 0 }, { 2, 1 }, { 1024, 100 }, { 262144, 10000 }, { 999999, 10000 },
};

START_TEST(shares_become_weights)
{
	ck_assert_uint_eq(limits_shares_to_weight(weights[_i].shares), weights[_i].weight);
}
END_TEST

/* Runs the program as the kernel would, on one access. */
static bool allows(const struct bpf_insn *code, uint32_t type, uint32_t access, uint32_t major,
		   uint32_t minor)
{
	uint64_t reg[11] = { 0 };
	const uint32_t context[3] = { access << 16 | type, major, minor };

	for (size_t pc = 0;; pc++) {
		const struct bpf_insn *i = &code[pc];
		uint64_t source = BPF_SRC(i->code) == BPF_X ? reg[i->src_reg] : (uint64_t)(int64_t)i->imm;

		switch (BPF_CLASS(i->code)) {
		case BPF_LDX:
			reg[i->dst_reg] = context[i->off / 4];
			break;
		case BPF_ALU64:
			if (BPF_OP(i->code) == BPF_MOV)
				reg[i->dst_reg] = source;
			else if (BPF_OP(i->code) == BPF_AND)
				reg[i->dst_reg] &= source;
			else
				reg[i->dst_reg] >>= source;
			break;
		default:
			if (BPF_OP(i->code) == BPF_EXIT)
				return reg[0];
			if ((BPF_OP(i->code) == BPF_JNE) == (reg[i->dst_reg] != source))
				pc += (size_t)i->off;
		}
	}
}

enum { CHAR_DEVICE = BPF_DEVCG_DEV_CHAR, BLOCK_DEVICE = BPF_DEVCG_DEV_BLOCK };
enum { MAKE = BPF_DEVCG_ACC_MKNOD, READ = BPF_DEVCG_ACC_READ, WRITE = BPF_DEVCG_ACC_WRITE };

static const struct { uint32_t type, access, major, minor; bool allowed; } accesses[] = {
	{ CHAR_DEVICE, READ | WRITE, 1, 3, true },	/* null */
	{ CHAR_DEVICE, READ | WRITE, 136, 7, true },	/* any pts */
	{ CHAR_DEVICE, MAKE, 99, 99, true },		/* nodes may be made */
	{ CHAR_DEVICE, READ, 99, 99, false },
	{ CHAR_DEVICE, READ | MAKE, 99, 99, false },	/* each right is needed */
	{ BLOCK_DEVICE, READ, 8, 0, false },
	{ BLOCK_DEVICE, READ, 1, 3, false },		/* the type counts */
	{ CHAR_DEVICE, READ, 10, 200, true },		/* added */
	{ CHAR_DEVICE, READ | WRITE, 10, 200, false },	/* with one right only */
};

START_TEST(device_rules_mean_the_same_in_bpf)
{
	struct bpf_insn *code;
	struct limits l;
	size_t count;

	limits_init(&l);
	ck_assert_int_eq(devices_cgroup_add_defaults(&l), 0);
	ck_assert_int_eq(devices_cgroup_add(&l, true, 'c', 10, 200, "r"), 0);
	ck_assert_int_eq(devices_bpf_compile(&l, &code, &count), 0);
	ck_assert_int_eq(allows(code, accesses[_i].type, accesses[_i].access, accesses[_i].major,
				accesses[_i].minor), accesses[_i].allowed);
	free(code);
	limits_done(&l);
}
END_TEST

START_TEST(a_later_denial_wins)
{
	struct bpf_insn *code;
	struct limits l;
	size_t count;

	limits_init(&l);
	ck_assert_int_eq(devices_cgroup_add(&l, true, 'c', 1, -1, "rwm"), 0);
	ck_assert_int_eq(devices_cgroup_add(&l, false, 'c', 1, 3, "w"), 0);
	ck_assert_int_eq(devices_bpf_compile(&l, &code, &count), 0);
	ck_assert(allows(code, CHAR_DEVICE, READ, 1, 3));
	ck_assert(!allows(code, CHAR_DEVICE, WRITE, 1, 3));
	ck_assert(allows(code, CHAR_DEVICE, WRITE, 1, 5));
	free(code);
	limits_done(&l);
}
END_TEST

UNIT_MAIN("limits",
	tcase_add_test(tc, v1_gets_memory_before_memory_and_swap);
	tcase_add_test(tc, v2_counts_swap_alone);
	tcase_add_test(tc, a_cpu_quota_is_two_files_on_v1_and_one_on_v2);
	tcase_add_test(tc, each_controller_is_written_where_it_is_on_a_hybrid_host);
	tcase_add_test(tc, no_limit_has_its_own_word);
	tcase_add_test(tc, a_limit_that_no_hierarchy_serves_is_named);
	tcase_add_test(tc, swap_below_memory_is_refused);
	tcase_add_loop_test(tc, shares_become_weights, 0, COUNT(weights));
	tcase_add_loop_test(tc, device_rules_mean_the_same_in_bpf, 0, COUNT(accesses));
	tcase_add_test(tc, a_later_denial_wins);)
