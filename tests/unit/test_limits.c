/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "launcher/devices_bpf.h"
#include "launcher/devices_cgroup.h"
#include "launcher/limits_apply.h"
#include "launcher/oci_config.h"
#include "tests/unit/fixture.h"
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

START_TEST(realtime_is_limited_on_v1_alone)
{
	struct limit_setting settings[LIMIT_SETTINGS_MAX];
	enum cgroup_controller missing;
	struct limits l;
	char text[512];

	limits_init(&l);
	l.cpu_rt_runtime_us = 5000;
	l.cpu_rt_period_us = 500000;
	settings_text(&l, all_v1, text, sizeof(text));
	ck_assert_str_eq(text, "cpu.rt_period_us=500000;cpu.rt_runtime_us=5000");
	ck_assert_int_eq(limits_settings(&l, all_v2, settings, &missing), -EOPNOTSUPP);
	ck_assert(!limits_are_unset(&l));
}
END_TEST

START_TEST(shares_become_weights)
{
	ck_assert_uint_eq(limits_shares_to_weight(weights[_i].shares), weights[_i].weight);
}
END_TEST

static const char weights_json[] =
	"{ \"blockIO\": { \"weight\": 200, \"leafWeight\": 300, \"weightDevice\": ["
	" { \"major\": 8, \"minor\": 16, \"weight\": 400, \"leafWeight\": 500 },"
	" { \"major\": 9, \"minor\": 0, \"weight\": 0 } ] } }";

#define BLKIO "sys/fs/cgroup/blkio/c/"

/* What the file has after the weights were applied. */
static void has_weight(const char *root, const char *file, const char *wanted)
{
	cleanup_buf struct buf text = BUF_INIT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/" BLKIO "%s", root, file);
	ck_assert_int_ge(buf_read_file(&text, AT_FDCWD, path), 0);
	ck_assert_str_eq(buf_text(&text), wanted);
}

/* Applies weights_json to a recorded v1 host whose group has these files. */
static int apply_weights(const char *const *files, char **ret_root, struct fault *f)
{
	struct cgroup_layout *layout = NULL;
	struct cgroup_group *group = NULL;
	struct limits l;
	int r;

	*ret_root = fixture_unpack("layout-v1.host");
	for (; *files; files++) {
		char path[256];

		snprintf(path, sizeof(path), BLKIO "%s", *files);
		fixture_write(*ret_root, path, "");
	}
	limits_init(&l);
	ck_assert_int_eq(oci_resources_parse(weights_json, &l, f), 0);
	ck_assert(limits_controllers(&l) == 1u << CGROUP_IO);
	ck_assert_int_eq(cgroup_layout_open(*ret_root, &layout), 0);
	ck_assert_int_eq(cgroup_group_open(layout, "/c", &group), 0);
	r = limits_apply(&l, layout, group, f);
	cgroup_group_close(group);
	cgroup_layout_close(layout);
	limits_done(&l);
	return r;
}

static const struct { const char *files[5]; } schedulers[] = {
	{ { "blkio.bfq.weight", "blkio.bfq.weight_device", "blkio.leaf_weight",
	    "blkio.leaf_weight_device" } },
	{ { "blkio.weight", "blkio.weight_device", "blkio.leaf_weight",
	    "blkio.leaf_weight_device" } },
};

START_TEST(weights_of_disks_are_written_under_the_scheduler_s_names)
{
	const char *const *files = schedulers[_i].files;
	struct fault f = FAULT_INIT;
	char *root;

	ck_assert_int_eq(apply_weights(files, &root, &f), 0);
	has_weight(root, files[0], "200");
	has_weight(root, files[1], "8:16 400");
	has_weight(root, files[2], "300");
	has_weight(root, files[3], "8:16 500");
	fixture_remove(root);
}
END_TEST

START_TEST(a_weight_that_the_host_has_no_file_for_is_refused)
{
	static const char *const files[] = { "blkio.bfq.weight", "blkio.bfq.weight_device", NULL };
	struct fault f = FAULT_INIT;
	char *root;

	ck_assert_int_lt(apply_weights(files, &root, &f), 0);
	ck_assert_ptr_nonnull(strstr(f.text, "'blkio.leaf_weight'"));
	fixture_remove(root);
}
END_TEST

START_TEST(v2_has_the_weight_of_a_disk_beside_the_others)
{
	struct fault f = FAULT_INIT;
	struct limits l;
	char file[96], value[128];

	limits_init(&l);
	ck_assert_int_eq(oci_resources_parse(weights_json, &l, &f), 0);
	ck_assert_uint_eq(l.raw_count, 3);
	limits_translate_raw(&l.raw[1], CGROUP_V2, file, sizeof(file), value, sizeof(value));
	ck_assert_str_eq(file, "io.bfq.weight");
	ck_assert_str_eq(value, "8:16 400");
	limits_done(&l);
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
	tcase_add_test(tc, realtime_is_limited_on_v1_alone);
	tcase_add_loop_test(tc, weights_of_disks_are_written_under_the_scheduler_s_names, 0,
			    COUNT(schedulers));
	tcase_add_test(tc, a_weight_that_the_host_has_no_file_for_is_refused);
	tcase_add_test(tc, v2_has_the_weight_of_a_disk_beside_the_others);
	tcase_add_loop_test(tc, shares_become_weights, 0, COUNT(weights));
	tcase_add_loop_test(tc, device_rules_mean_the_same_in_bpf, 0, COUNT(accesses));
	tcase_add_test(tc, a_later_denial_wins);)
