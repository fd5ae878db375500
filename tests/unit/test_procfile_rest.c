/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/file.h"

#include <errno.h>

#include "tests/unit/recorded.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define DEEP "/a/b/c/d/e/f"
#define NODE "sys/devices/system/node/"
#define HUGE "sys/kernel/mm/hugepages/hugepages-2048kB/"

static const char partitions_sda[] =
	"major minor  #blocks  name\n\n"
	"   8        0  268435456 sda\n"
	"   8        1    1048576 sda1\n";

static const struct {
	const char *host, *cgroup, *file, *expect;
} texts[] = {
	/* 1 MiB in 100 requests read, half of that written, one discard of 4 KiB. */
	{ "v2.host", DEEP, "proc/diskstats",
	  "   8       0 sda 100 0 2048 0 50 0 1024 0 0 0 0 1 0 8 0 0 0\n" },
	{ "v1.host", "/a/b/c", "proc/diskstats",
	  "   8       0 sda 100 0 2048 0 50 0 1024 0 0 0 0 1 0 8 0 0 0\n" },
	/* Nothing counted: the disks, with zeros; no idle loop device. */
	{ "v2.host", "/bare", "proc/diskstats",
	  "   8       0 sda 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
	  "   8       1 sda1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n" },
	{ "v2.host", DEEP, "proc/partitions", partitions_sda },
	{ "v1.host", "/a/b/c", "proc/partitions", partitions_sda },
	{ "v2.host", DEEP, "proc/softirqs",
	  "                    CPU1       CPU3       \n"
	  "          HI:          1          3\n" },
	{ "v2.host", DEEP, "proc/interrupts",
	  "           CPU1       CPU3       \n"
	  " 24:         10         30  IO-APIC   5-edge      ACPI:Ged\n"
	  "ERR:          9\n" },
	{ "v2.host", DEEP, "proc/schedstat",
	  "version 17\ntimestamp 5\ncpu1 3 4\ndomain0 ff 2\ncpu3 5 6\n" },
	{ "v2.host", DEEP, "proc/sys/kernel/pid_max", "500\n" },	/* level b has fewer */
	{ "v1.host", "/a/b/c", "proc/sys/kernel/pid_max", "500\n" },
	{ "v2.host", "/bare", "proc/sys/kernel/pid_max", "4194304\n" },
	{ "v2.host", DEEP, "proc/pressure/cpu",
	  "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"
	  "full avg10=0.50 avg60=0.00 avg300=0.00 total=1\n" },
	{ "hybrid.host", "/a/b/c", "proc/pressure/cpu",
	  "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"
	  "full avg10=0.50 avg60=0.00 avg300=0.00 total=1\n" },
	{ "v2.host", DEEP, NODE "online", "1\n" },
	{ "v1.host", "/a/b/c", NODE "online", "1\n" },
	{ "v2.host", "/bare", NODE "online", "0-1\n" },
	{ "v2.host", DEEP, NODE "node1/distance", "10\n" },
	{ "v2.host", DEEP, NODE "node0/cpulist", "1,3\n" },
	/* One node is visible, so it has all of the limit. */
	{ "v2.host", DEEP, NODE "node1/meminfo",
	  "Node 1 MemTotal:         716800 kB\n"
	  "Node 1 MemFree:          675840 kB\n"
	  "Node 1 MemUsed:           40960 kB\n"
	  "Node 1 AnonPages:         10240 kB\n"
	  "Node 1 HugePages_Total:       0\n" },
	{ "v2.host", DEEP, NODE "node1/vmstat",
	  "nr_free_pages 168960\nnr_anon_pages 2560\nnr_file_pages 7680\nnr_dirty 0\n"
	  "nr_vmscan_write 0\n" },
	{ "v2.host", DEEP, NODE "node1/numastat", "numa_hit 0\nother_node 0\n" },
	{ "v2.host", DEEP, NODE "node1/hugepages/hugepages-2048kB/nr_hugepages", "16\n" },
	{ "v2.host", DEEP, NODE "node1/hugepages/hugepages-2048kB/free_hugepages", "14\n" },
	/* Of the host's as name space and the container's name, by SHA-1. */
	{ "v2.host", DEEP, "sys/devices/virtual/dmi/id/product_uuid",
	  "d1567670-d44f-520b-bd38-cb3c504fb4ce\n" },
	{ "v2.host", DEEP, HUGE "nr_hugepages", "16\n" },
	{ "v2.host", DEEP, HUGE "free_hugepages", "14\n" },
	{ "v2.host", DEEP, HUGE "resv_hugepages", "1\n" },
	{ "v1.host", "/a/b/c", HUGE "nr_hugepages", "16\n" },
	{ "hybrid.host", "/a/b/c", HUGE "nr_hugepages", "64\n" },
};

/* A recording has no symlinks: /sys/dev/block is made of them. */
static void name_devices(const struct recorded *r)
{
	char path[4096];

	fixture_write(r->root, "sys/dev/block/none", "");
	snprintf(path, sizeof(path), "%s/sys/dev/block/8:0", r->root);
	ck_assert_int_eq(symlink("../../devices/pci0/block/sda", path), 0);
}

START_TEST(a_file_shows_what_the_container_has)
{
	struct recorded r;
	char *text;

	recorded_open(&r, texts[_i].host, texts[_i].cgroup);
	name_devices(&r);
	text = recorded_render(&r, texts[_i].file);
	ck_assert_str_eq(text, texts[_i].expect);
	free(text);
	recorded_close(&r);
}
END_TEST

static const struct {
	const char *host, *cgroup, *name, *expect;
} vmstat[] = {
	{ "v2.host", DEEP, "nr_free_pages", "2560" },
	{ "v2.host", DEEP, "nr_anon_pages", "2560" },
	{ "v2.host", DEEP, "nr_kernel_stack", "64" },	/* in KiB, as the kernel has it */
	{ "v2.host", DEEP, "pgpgin", "1024" },	/* KiB of block I/O; sdb's 512 bytes count, too */
	{ "v2.host", DEEP, "pgpgout", "512" },
	{ "v2.host", DEEP, "pgfault", "1234" },
	{ "v2.host", DEEP, "pgmajfault", "56" },
	{ "v2.host", DEEP, "workingset_refault_file", "7" },
	{ "v2.host", DEEP, "oom_kill", "5" },
	{ "v2.host", DEEP, "numa_hit", "0" },	/* not counted: 0, not the host's */
	{ "v1.host", "/a/b/c", "pgfault", "1234" },	/* total_pgfault */
	{ "v1.host", "/a/b/c", "pgpgin", "1024" },
	{ "v1.host", "/a/b/c", "oom_kill", "6" },
};

START_TEST(vmstat_has_the_containers_figure)
{
	struct recorded r;
	char *text;

	recorded_open(&r, vmstat[_i].host, vmstat[_i].cgroup);
	text = recorded_render(&r, "proc/vmstat");
	recorded_check(text, vmstat[_i].name, vmstat[_i].expect);
	free(text);
	recorded_close(&r);
}
END_TEST

START_TEST(slabinfo_tells_nothing_of_the_host)
{
	struct recorded r;
	char *text;

	ck_assert_int_eq(table_find("proc/slabinfo")->mode, 0400);
	recorded_open(&r, "v2.host", DEEP);
	text = recorded_render(&r, "proc/slabinfo");
	ck_assert_int_eq(strncmp(text, "slabinfo - version: 2.1\n# name ", 31), 0);
	ck_assert_ptr_eq(strchr(strchr(text, '\n') + 1, '\n') + 1, text + strlen(text));
	free(text);
	recorded_close(&r);
}
END_TEST

/* A pressure file without a source is an error, never the host's figures. */
START_TEST(pressure_without_a_source_is_an_error)
{
	cleanup_view struct view v = { 0 };
	struct recorded r;

	recorded_open(&r, "v1.host", "/a/b/c");
	ck_assert_int_eq(recorded_view(&r, VIEW_PRESSURE, "proc/pressure/cpu", &v), -ENOENT);
	ck_assert_uint_eq(r.missing[MISSING_PRESSURE], 1);
	recorded_close(&r);
}
END_TEST

UNIT_MAIN("procfile_rest",
	tcase_add_loop_test(tc, a_file_shows_what_the_container_has, 0, COUNT(texts));
	tcase_add_loop_test(tc, vmstat_has_the_containers_figure, 0, COUNT(vmstat));
	tcase_add_test(tc, slabinfo_tells_nothing_of_the_host);
	tcase_add_test(tc, pressure_without_a_source_is_an_error);)
