/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/file.h"

#include "tests/unit/recorded.h"
#include "tests/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define DEEP "/a/b/c/d/e/f"

static const struct {
	const char *host, *cgroup, *name, *expect;
} lines[] = {
	/* The lowest max of six levels; high is lower, but only throttles. */
	{ "v2.host", DEEP, "MemTotal:", "716800 kB" },
	/* Level c is 10 MiB below its high: free there is free here. */
	{ "v2.host", DEEP, "MemFree:", "10240 kB" },
	{ "v2.host", DEEP, "MemAvailable:", "71680 kB" },
	{ "v2.host", DEEP, "Buffers:", "0 kB" },
	{ "v2.host", DEEP, "Cached:", "30720 kB" },
	{ "v2.host", DEEP, "SwapCached:", "16 kB" },
	{ "v2.host", DEEP, "Active:", "14336 kB" },
	{ "v2.host", DEEP, "Inactive:", "9216 kB" },
	{ "v2.host", DEEP, "Active(anon):", "2048 kB" },
	{ "v2.host", DEEP, "Inactive(file):", "8192 kB" },
	{ "v2.host", DEEP, "Unevictable:", "200 kB" },
	{ "v2.host", DEEP, "Mlocked:", "200 kB" },
	{ "v2.host", DEEP, "SwapTotal:", "524288 kB" },	/* level b allows that much */
	{ "v2.host", DEEP, "SwapFree:", "458752 kB" },
	{ "v2.host", DEEP, "Zswap:", "2048 kB" },
	{ "v2.host", DEEP, "Zswapped:", "4096 kB" },
	{ "v2.host", DEEP, "Dirty:", "40 kB" },
	{ "v2.host", DEEP, "Writeback:", "20 kB" },
	{ "v2.host", DEEP, "AnonPages:", "10240 kB" },
	{ "v2.host", DEEP, "Mapped:", "3072 kB" },
	{ "v2.host", DEEP, "Shmem:", "1024 kB" },
	{ "v2.host", DEEP, "KReclaimable:", "4096 kB" },
	{ "v2.host", DEEP, "Slab:", "5120 kB" },
	{ "v2.host", DEEP, "SReclaimable:", "4096 kB" },
	{ "v2.host", DEEP, "SUnreclaim:", "1024 kB" },
	{ "v2.host", DEEP, "KernelStack:", "64 kB" },
	{ "v2.host", DEEP, "PageTables:", "128 kB" },
	{ "v2.host", DEEP, "SecPageTables:", "4 kB" },
	{ "v2.host", DEEP, "CommitLimit:", "868997 kB" },	/* 684032 * 8388608 / 16646144 + swap */
	{ "v2.host", DEEP, "Committed_AS:", "76800 kB" },	/* anon + shmem + swap in use */
	{ "v2.host", DEEP, "VmallocTotal:", "34359738367 kB" },
	{ "v2.host", DEEP, "VmallocUsed:", "12 kB" },
	{ "v2.host", DEEP, "Percpu:", "8 kB" },
	{ "v2.host", DEEP, "AnonHugePages:", "2048 kB" },
	{ "v2.host", DEEP, "ShmemHugePages:", "2048 kB" },
	{ "v2.host", DEEP, "FileHugePages:", "0 kB" },
	{ "v2.host", DEEP, "CmaTotal:", "0 kB" },	/* no counter: 0, not the host's */
	{ "v2.host", DEEP, "HugePages_Total:", "16" },
	{ "v2.host", DEEP, "HugePages_Free:", "14" },
	{ "v2.host", DEEP, "HugePages_Rsvd:", "1" },
	{ "v2.host", DEEP, "HugePages_Surp:", "0" },
	{ "v2.host", DEEP, "Hugepagesize:", "2048 kB" },
	{ "v2.host", DEEP, "Hugetlb:", "32768 kB" },
	{ "v2.host", DEEP, "DirectMap1G:", "25165824 kB" },

	/* The host decides where nothing limits; usage is not guessed. */
	{ "v2.host", "/bare", "MemTotal:", "16777216 kB" },
	{ "v2.host", "/bare", "MemFree:", "4194304 kB" },
	{ "v2.host", "/bare", "MemAvailable:", "8388608 kB" },
	{ "v2.host", "/bare", "Cached:", "0 kB" },
	{ "v2.host", "/bare", "SwapTotal:", "0 kB" },

	/* Above the limit: no underflow. */
	{ "v2.host", "/full", "MemTotal:", "65536 kB" },
	{ "v2.host", "/full", "MemFree:", "0 kB" },
	{ "v2.host", "/full", "MemAvailable:", "6144 kB" },
	{ "v2.host", "/full", "SwapTotal:", "0 kB" },
	{ "v2.host", "/full", "SwapFree:", "0 kB" },

	{ "v1.host", "/a/b/c", "MemTotal:", "716800 kB" },
	{ "v1.host", "/a/b/c", "MemFree:", "102400 kB" },	/* what level b has left */
	{ "v1.host", "/a/b/c", "MemAvailable:", "122880 kB" },
	{ "v1.host", "/a/b/c", "Cached:", "30720 kB" },
	{ "v1.host", "/a/b/c", "SwapTotal:", "307200 kB" },	/* memsw - memory */
	{ "v1.host", "/a/b/c", "SwapFree:", "241664 kB" },
	{ "v1.host", "/a/b/c", "AnonPages:", "10240 kB" },
	{ "v1.host", "/a/b/c", "AnonHugePages:", "2048 kB" },
	{ "v1.host", "/a/b/c", "Mapped:", "3072 kB" },
	{ "v1.host", "/a/b/c", "Dirty:", "40 kB" },
	{ "v1.host", "/a/b/c", "SUnreclaim:", "5120 kB" },
	{ "v1.host", "/a/b/c", "SReclaimable:", "0 kB" },
	{ "v1.host", "/a/b/c", "HugePages_Total:", "16" },
	{ "v1.host", "/a/b/c", "HugePages_Free:", "14" },
	{ "v1.host", "/a/b/c", "HugePages_Rsvd:", "1" },
	/* "Unlimited" is another number with 64 KiB pages. */
	{ "v1.host", "/plain", "MemTotal:", "16777216 kB" },
	{ "v1.host", "/plain", "MemFree:", "4194304 kB" },
	{ "v1.host", "/plain", "SwapTotal:", "2097152 kB" },
	{ "v1.host", "/plain", "SwapFree:", "1048576 kB" },	/* the host has no more */
	{ "v1.host", "/full", "MemTotal:", "65536 kB" },
	{ "v1.host", "/full", "MemFree:", "0 kB" },
	{ "v1.host", "/full", "MemAvailable:", "20480 kB" },
	{ "v1.host", "/full", "SwapTotal:", "0 kB" },

	{ "hybrid.host", "/a/b/c", "MemTotal:", "716800 kB" },
	{ "hybrid.host", "/a/b/c", "MemAvailable:", "122880 kB" },
	{ "hybrid.host", "/a/b/c", "HugePages_Total:", "64" },	/* no hugetlb controller */
};

START_TEST(meminfo_has_the_containers_figure)
{
	struct recorded r;
	char *text;

	recorded_open(&r, lines[_i].host, lines[_i].cgroup);
	text = recorded_render(&r, "proc/meminfo");
	recorded_check(text, lines[_i].name, lines[_i].expect);
	free(text);
	recorded_close(&r);
}
END_TEST

static char *read_file(const char *root, const char *name)
{
	cleanup_buf struct buf text = BUF_INIT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	ck_assert_int_eq(buf_read_file(&text, -1, path), 0);
	return strdup(buf_text(&text));
}

/* Names, order and columns are those of the host's own file. */
START_TEST(meminfo_has_the_form_of_the_hosts)
{
	struct recorded r;
	char *ours, *theirs, *p, *q;

	recorded_open(&r, "v2.host", DEEP);
	ours = recorded_render(&r, "proc/meminfo");
	theirs = read_file(r.root, "proc/meminfo");
	ck_assert_uint_lt(strlen(ours), 8191);

	p = ours;
	q = theirs;
	while (*p && *q) {
		size_t length = strcspn(p, "\n");

		ck_assert_uint_eq(length, strcspn(q, "\n"));
		ck_assert_int_eq(strncmp(p, q, strcspn(q, ":") + 1), 0);
		p += length + 1;
		q += length + 1;
	}
	ck_assert_int_eq(*p, *q);
	free(ours);
	free(theirs);
	recorded_close(&r);
}
END_TEST

START_TEST(what_is_missing_is_counted)
{
	struct recorded r;
	char *text;

	recorded_open(&r, "v2.host", "/bare");
	text = recorded_render(&r, "proc/meminfo");
	free(text);
	ck_assert_uint_gt(r.missing[MISSING_MEMORY_STAT], 0);
	ck_assert_uint_gt(r.missing[MISSING_SWAP], 0);
	recorded_close(&r);
}
END_TEST

static const struct {
	const char *host, *cgroup;
	enum view_v1_swap mode;
	const char *expect;	/* after the header */
} swaps[] = {
	{ "v2.host", DEEP, 0,
	  "none                                    virtual\t\t524288\t\t65536\t\t-2\n" },
	{ "v2.host", "/full", 0, "" },	/* swap.max is 0 */
	{ "v2.host", "/bare", 0, "" },	/* no accounting: none, not the host's */
	{ "v1.host", "/a/b/c", VIEW_V1_SWAP_DIFFERENCE,
	  "none                                    virtual\t\t307200\t\t65536\t\t-2\n" },
	{ "v1.host", "/a/b/c", VIEW_V1_SWAP_LIMIT,
	  "none                                    virtual\t\t1024000\t\t65536\t\t-2\n" },
};

START_TEST(swaps_has_one_line_where_there_is_swap)
{
	static const char header[] =
		"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
	struct recorded r;
	char *text;

	recorded_open(&r, swaps[_i].host, swaps[_i].cgroup);
	r.policy.v1_swap = swaps[_i].mode;
	text = recorded_render(&r, "proc/swaps");
	ck_assert_int_eq(strncmp(text, header, strlen(header)), 0);
	ck_assert_str_eq(text + strlen(header), swaps[_i].expect);
	free(text);
	recorded_close(&r);
}
END_TEST

/* In no memory cgroup of its own: the host's figures are the container's. */
START_TEST(the_root_cgroup_is_the_host)
{
	struct recorded r;
	char *ours, *theirs;

	recorded_open(&r, "v1.host", "/");
	ours = recorded_render(&r, "proc/meminfo");
	theirs = read_file(r.root, "proc/meminfo");
	ck_assert_str_eq(ours, theirs);
	free(ours);
	free(theirs);
	recorded_close(&r);
}
END_TEST

START_TEST(a_changed_limit_shows_at_once)
{
	struct recorded r;
	char *text;

	recorded_open(&r, "v2.host", DEEP);
	text = recorded_render(&r, "proc/meminfo");
	recorded_check(text, "MemTotal:", "716800 kB");
	free(text);
	fixture_write(r.root, "sys/fs/cgroup/a/b/c/d/memory.max", "104857600\n");
	text = recorded_render(&r, "proc/meminfo");
	recorded_check(text, "MemTotal:", "102400 kB");
	free(text);
	recorded_close(&r);
}
END_TEST

UNIT_MAIN("procfile_memory",
	tcase_add_loop_test(tc, meminfo_has_the_containers_figure, 0, COUNT(lines));
	tcase_add_test(tc, meminfo_has_the_form_of_the_hosts);
	tcase_add_test(tc, what_is_missing_is_counted);
	tcase_add_loop_test(tc, swaps_has_one_line_where_there_is_swap, 0, COUNT(swaps));
	tcase_add_test(tc, the_root_cgroup_is_the_host);
	tcase_add_test(tc, a_changed_limit_shows_at_once);)
