/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/host.h - what the host itself says
 *
 * Everything is read below one root directory, so that a recorded host can
 * stand in for the real one. What costs much and changes seldom is kept for a
 * short while; each function says for how long.
 */
#pragma once

#include <stdint.h>

#include "common/buf.h"
#include "procfs/cpus.h"

struct host;

/* The lines of /proc/meminfo that formulas need; bytes, or pages of their own size. */
struct host_memory {
	uint64_t total, free, available;
	uint64_t swap_total, swap_free;
	uint64_t mlocked, committed, commit_limit;
	uint64_t huge_total, huge_free, huge_size, hugetlb;
};

/**
 * host_open() - read from the host whose root directory is @root
 * @root:	NULL or "": the real one
 *
 * Return: 0; -ENOMEM; any open(2) error; -EINVAL if its CPU lists make no sense.
 */
int host_open(const char *root, struct host **ret_host);

/** host_close() - accepts NULL, returns NULL */
struct host *host_close(struct host *host);

/** host_root_fd() - the root directory; lent */
int host_root_fd(const struct host *host);

/** host_possible() - CPUs that could ever be online; fixed for a boot */
const struct cpus *host_possible(const struct host *host);

/** host_cpu_count() - one more than the highest possible CPU id */
unsigned host_cpu_count(const struct host *host);

/** host_online() - CPUs that are online now (up to 100 ms old); 0 or -errno */
int host_online(struct host *host, struct cpus *ret_online);

/**
 * host_memory() - the host's meminfo, up to 10 ms old
 * @ret_text:	appended as the kernel wrote it; NULL if only figures are wanted
 *
 * Return: 0 or a read error.
 */
int host_memory(struct host *host, struct host_memory *ret_memory, struct buf *ret_text);

/** host_cpuinfo() - /proc/cpuinfo, up to 5 s old, sooner when a CPU came or went */
int host_cpuinfo(struct host *host, struct buf *ret_text);

/** host_btime() - when the host booted, seconds of CLOCK_REALTIME, up to 10 s old */
int host_btime(struct host *host, uint64_t *ret_btime);

/** host_read() - append the contents of any file; @path has no leading "/" */
int host_read(const struct host *host, const char *path, struct buf *out);
