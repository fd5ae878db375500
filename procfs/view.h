/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/view.h - what a container may use and has used, at one moment
 *
 * Pure data and pure formulas. gather.h fills a view from the kernel's files;
 * the file_*.c render from it and from nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cgroup.h"
#include "procfs/account.h"
#include "procfs/cpus.h"
#include "procfs/host.h"

#define VIEW_UNLIMITED UINT64_MAX

/* Which parts of a view a file needs; only those are filled. */
enum view_part {
	VIEW_CPUS = 1 << 0,	/* visible CPUs */
	VIEW_TIMES = 1 << 1,	/* rows of CPU time; implies VIEW_CPUS and VIEW_CLOCK */
	VIEW_CLOCK = 1 << 2,	/* uptime */
	VIEW_MEMORY = 1 << 3,	/* limits and usage of memory, swap, huge pages */
	VIEW_LOAD = 1 << 4,
	VIEW_IO = 1 << 5,	/* per block device */
	VIEW_PIDS = 1 << 6,
	VIEW_NODES = 1 << 7,	/* memory nodes */
	VIEW_HOST = 1 << 8,	/* the host's file of the same path */
	VIEW_CPUINFO = 1 << 9,	/* the host's cpuinfo */
	VIEW_PRESSURE = 1 << 10,
	VIEW_BTIME = 1 << 11,	/* when the machine booted */
	VIEW_MEMINFO = 1 << 12,	/* the host's meminfo; with VIEW_MEMORY */
	VIEW_NUMA = 1 << 13,	/* usage by node; with VIEW_MEMORY and VIEW_NODES */
	VIEW_HUGE = 1 << 14,	/* huge pages of the size that the path names */
	VIEW_EVENTS = 1 << 15,	/* memory events; with VIEW_MEMORY */
	VIEW_UUID = 1 << 16,	/* of the machine that the container seems to be */
};

/* How v1's limit on memory and swap together becomes a swap total. */
enum view_v1_swap {
	VIEW_V1_SWAP_DIFFERENCE,	/* that limit minus the memory limit, as a VM has it */
	VIEW_V1_SWAP_LIMIT,		/* that limit itself: can never be exceeded */
};

/* How a quota of 1.5 CPUs becomes a number. */
enum view_rounding {
	VIEW_ROUND_UP,
	VIEW_ROUND_DOWN,	/* but never to 0 */
	VIEW_ROUND_NEAREST,
};

/* One level's limit and what is charged there; the container or one above it. */
struct memory_level {
	uint64_t max_bytes;	/* VIEW_UNLIMITED if there is none */
	uint64_t high_bytes;	/* throttles above this; VIEW_UNLIMITED if none */
	uint64_t usage_bytes;
	uint64_t reclaim_bytes;	/* of usage: what the kernel could drop */
};

/* memory.stat, under the names of /proc/meminfo's lines; bytes. */
struct memory_stat {
	uint64_t anon, file, swap_cached;
	uint64_t active_anon, inactive_anon, active_file, inactive_file, unevictable;
	uint64_t zswap, zswapped, dirty, writeback, mapped, shmem;
	uint64_t slab, slab_reclaimable, slab_unreclaimable;
	uint64_t kernel_stack, page_tables, sec_page_tables, vmalloc, percpu;
	uint64_t anon_huge, shmem_huge, file_huge;
	uint64_t swap;		/* v1 only: in use */
	uint64_t limit, memsw_limit;	/* v1 only: the lowest of all levels */
};

struct memory_figures {
	uint64_t total_bytes, free_bytes, available_bytes;
};

struct swap_figures {
	uint64_t total_bytes, free_bytes;
};

/* One size of huge pages; in pages. */
struct huge_figures {
	uint64_t total, free, reserved;
};

struct view_memory {
	bool is_host;		/* the container is in no memory cgroup of its own */
	bool is_v1;
	struct host_memory host;
	struct memory_stat stat;
	struct memory_figures figures;
	struct swap_figures swap;
	struct huge_figures huge;	/* of the default size */
	uint64_t hugetlb_bytes;		/* all sizes */
	struct buf events;	/* owned: memory.stat as text, for counters of events */
	struct buf oom;		/* owned: memory.events or memory.oom_control */
	struct buf numa;	/* owned: memory.numa_stat */
};

struct view_load {
	uint64_t average[3];	/* of 1, 5 and 15 minutes; 11 bits after the point */
	unsigned running, blocked, total;
	uint64_t last_pid;	/* as the container counts */
	uint64_t forks;		/* tasks ever made, as far as seen */
};

struct view_device {
	unsigned major, minor;
	char name[32];
	uint64_t read_bytes, write_bytes, discard_bytes;
	uint64_t reads, writes, discards;
};

struct view {
	bool renumber;		/* show CPU 0.. instead of physical ids */

	struct cpus visible;	/* VIEW_CPUS: physical ids, never empty */
	unsigned cpu_count;

	struct account_row *rows;	/* VIEW_TIMES: owned, cpu_count of them */
	uint64_t idle_ns;

	uint64_t uptime_ns;	/* VIEW_CLOCK */
	uint64_t btime_s;	/* VIEW_BTIME */

	struct view_memory memory;

	struct view_load load;

	struct view_device *devices;	/* VIEW_IO: owned */
	unsigned device_count;

	uint64_t pids_limit;	/* VIEW_PIDS: VIEW_UNLIMITED if none */

	struct cpus nodes;	/* VIEW_NODES: memory nodes it may use */
	struct cpus host_nodes;	/* and those the host has */
	uint64_t node_bytes;	/* VIEW_NUMA: memory of the node in the path */
	uint64_t nodes_bytes;	/* and of all in nodes */

	struct huge_figures huge;	/* VIEW_HUGE */

	struct buf host_text;	/* VIEW_HOST, _CPUINFO, _MEMINFO: owned; one of them */
	struct buf pressure;	/* VIEW_PRESSURE: owned */
	char uuid[37];		/* VIEW_UUID */
	unsigned number;	/* the CPU or node in the file's path, if one is */
};

/** view_done() - free what the view owns */
void view_done(struct view *v);

#define cleanup_view __attribute__((cleanup(view_done)))

/**
 * view_cpu_count() - how many CPUs a container appears to have
 * @quota_us:	CPU time allowed per @period_us; VIEW_UNLIMITED if unlimited
 * @cpuset:	CPUs in the effective cpuset that are online; > 0
 * @rounding:	what becomes of a fraction
 *
 * Never 0, never more than @cpuset. Bursts, weights and utilisation clamps do
 * not change it: they do not bound what can be used in the long run.
 */
unsigned view_cpu_count(uint64_t quota_us, uint64_t period_us, unsigned cpuset,
			enum view_rounding rounding);

/** view_quota_is_less() - compare two quotas by CPUs, exactly; VIEW_UNLIMITED is most */
bool view_quota_is_less(uint64_t quota_a, uint64_t period_a, uint64_t quota_b,
			uint64_t period_b);

/**
 * view_memory_figures() - MemTotal, MemFree and MemAvailable
 * @levels:	the container and what is above it; levels without a limit may
 *		be left out
 *
 * What is free is free at every level: a full slice leaves none to a half-empty
 * container in it. Where no level has a limit, the host decides. Always
 * 0 <= free <= available <= total <= the host's total, whatever the order in
 * which the kernel's counters were read.
 */
struct memory_figures view_memory_figures(const struct host_memory *host,
					  const struct memory_level *levels,
					  unsigned count);

/** view_swap_v2() - @limit_bytes: the lowest memory.swap.max; @used: memory.swap.current */
struct swap_figures view_swap_v2(const struct host_memory *host, uint64_t limit_bytes,
				 uint64_t used_bytes);

/**
 * view_swap_v1() - swap from a limit on memory and swap together
 * @may_swap:	false where swappiness is 0: then nothing more goes out
 */
struct swap_figures view_swap_v1(const struct host_memory *host, uint64_t limit_bytes,
				 uint64_t memsw_limit_bytes, uint64_t used_bytes,
				 enum view_v1_swap mode, bool may_swap);

/** view_cpu_id() - the number under which a visible CPU is shown */
unsigned view_cpu_id(const struct view *v, unsigned cpu);

/** view_shown_cpus() - the visible CPUs by the numbers under which they are shown */
struct cpus view_shown_cpus(const struct view *v);
