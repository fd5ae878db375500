/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/lock.h"
#include "procfs/clock.h"
#include "procfs/text.h"

#define MEMORY_KEPT_NS	UINT64_C(10000000)
#define ONLINE_KEPT_NS	UINT64_C(100000000)
#define CPUINFO_KEPT_NS UINT64_C(5000000000)
#define BTIME_KEPT_NS	UINT64_C(10000000000)

/* One file of the host with its last contents. */
struct kept {
	const char *path;
	bool many;		/* of many records, not written in one piece */
	int fd;			/* owned; -1 until first read */
	uint64_t read_ns;	/* 0: never */
	struct buf text;	/* owned */
};

struct host {
	int root_fd;		/* owned */
	struct cpus possible;
	unsigned cpu_count;
	struct lock lock;	/* guards all that follows */
	struct kept meminfo, online, cpuinfo, stat;
	struct cpus cpuinfo_online;	/* who was online when cpuinfo was read */
	struct host_memory memory;
	uint64_t btime;
};

int host_read(const struct host *host, const char *path, struct buf *out)
{
	return buf_read_file(out, host->root_fd, path);
}

/* Reads @k again if it is older than @kept_ns; 1 if it was read, 0 if not. */
static int refresh(struct host *host, struct kept *k, uint64_t kept_ns)
{
	uint64_t now = clock_now_ns();
	int r;

	if (k->read_ns && now - k->read_ns < kept_ns)
		return 0;
	if (k->fd < 0) {
		k->fd = neg_errno(openat(host->root_fd, k->path, O_RDONLY | O_CLOEXEC));
		if (k->fd < 0)
			return k->fd;
	}

	buf_reset(&k->text);
	r = (k->many ? text_pread_all : text_pread)(k->fd, &k->text);
	if (r < 0) {
		k->read_ns = 0;
		return r;
	}
	k->read_ns = now;
	return 1;
}

static const struct text_field memory_fields[] = {
	{ "MemTotal:", offsetof(struct host_memory, total) },
	{ "MemFree:", offsetof(struct host_memory, free) },
	{ "MemAvailable:", offsetof(struct host_memory, available) },
	{ "Mlocked:", offsetof(struct host_memory, mlocked) },
	{ "SwapTotal:", offsetof(struct host_memory, swap_total) },
	{ "SwapFree:", offsetof(struct host_memory, swap_free) },
	{ "CommitLimit:", offsetof(struct host_memory, commit_limit) },
	{ "Committed_AS:", offsetof(struct host_memory, committed) },
	{ "HugePages_Total:", offsetof(struct host_memory, huge_total) },
	{ "HugePages_Free:", offsetof(struct host_memory, huge_free) },
	{ "Hugepagesize:", offsetof(struct host_memory, huge_size) },
	{ "Hugetlb:", offsetof(struct host_memory, hugetlb) },
};

static void parse_memory(struct host *host)
{
	struct host_memory m = { 0 };

	text_fields(buf_text(&host->meminfo.text), memory_fields,
		    TEXT_COUNT(memory_fields), &m);
	for (uint64_t *p = &m.total; p <= &m.commit_limit; p++)
		*p *= 1024;
	m.huge_size *= 1024;
	m.hugetlb *= 1024;
	host->memory = m;
}

int host_memory(struct host *host, struct host_memory *ret_memory, struct buf *ret_text)
{
	int r;

	lock_scope(&host->lock);
	r = refresh(host, &host->meminfo, MEMORY_KEPT_NS);
	if (r < 0)
		return r;
	if (r > 0)
		parse_memory(host);

	*ret_memory = host->memory;
	if (ret_text)
		buf_add(ret_text, buf_text(&host->meminfo.text), host->meminfo.text.length);
	return ret_text ? buf_error(ret_text) : 0;
}

static int online_locked(struct host *host, struct cpus *ret_online)
	REQUIRES(host->lock)
{
	int r = refresh(host, &host->online, ONLINE_KEPT_NS);

	if (r >= 0)
		r = cpus_parse_list(buf_text(&host->online.text), ret_online);
	if (r >= 0)
		cpus_and(ret_online, &host->possible);
	return r;
}

int host_online(struct host *host, struct cpus *ret_online)
{
	lock_scope(&host->lock);
	return online_locked(host, ret_online);
}

int host_cpuinfo(struct host *host, struct buf *ret_text)
{
	struct cpus online;
	int r;

	lock_scope(&host->lock);
	r = online_locked(host, &online);
	if (r < 0)
		return r;
	if (memcmp(&online, &host->cpuinfo_online, sizeof(online)) != 0) {
		host->cpuinfo.read_ns = 0;
		host->cpuinfo_online = online;
	}

	r = refresh(host, &host->cpuinfo, CPUINFO_KEPT_NS);
	if (r < 0)
		return r;
	buf_add(ret_text, buf_text(&host->cpuinfo.text), host->cpuinfo.text.length);
	return buf_error(ret_text);
}

int host_btime(struct host *host, uint64_t *ret_btime)
{
	const char *line;
	int r;

	lock_scope(&host->lock);
	r = refresh(host, &host->stat, BTIME_KEPT_NS);
	if (r < 0)
		return r;
	if (r > 0) {
		line = strstr(buf_text(&host->stat.text), "\nbtime ");
		if (!line)
			return -EINVAL;
		host->btime = strtoull(line + 7, NULL, 10);
		buf_done(&host->stat.text);	/* much text for one number */
	}
	*ret_btime = host->btime;
	return 0;
}

static int read_possible(struct host *host)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = host_read(host, "sys/devices/system/cpu/possible", &text);

	if (r >= 0)
		r = cpus_parse_list(buf_text(&text), &host->possible);
	if (r < 0)
		return r;

	cpus_for_each(cpu, &host->possible)
		host->cpu_count = cpu + 1;
	return host->cpu_count ? 0 : -EINVAL;
}

int host_open(const char *root, struct host **ret_host)
{
	struct host *host = calloc(1, sizeof(*host));
	int r;

	if (!host)
		return -ENOMEM;

	lock_init(&host->lock);
	host->meminfo = (struct kept){ "proc/meminfo", false, -1, 0, BUF_INIT };
	host->online = (struct kept){ "sys/devices/system/cpu/online", false, -1, 0, BUF_INIT };
	host->cpuinfo = (struct kept){ "proc/cpuinfo", true, -1, 0, BUF_INIT };
	host->stat = (struct kept){ "proc/stat", true, -1, 0, BUF_INIT };

	host->root_fd = neg_errno(open(root && *root ? root : "/",
				       O_PATH | O_DIRECTORY | O_CLOEXEC));
	r = host->root_fd < 0 ? host->root_fd : read_possible(host);
	if (r < 0) {
		host_close(host);
		return r;
	}

	*ret_host = host;
	return 0;
}

static void kept_done(struct kept *k)
{
	cleanup_fd_(&k->fd);
	buf_done(&k->text);
}

struct host *host_close(struct host *host)
{
	if (!host)
		return NULL;

	cleanup_fd_(&host->root_fd);
	kept_done(&host->meminfo);
	kept_done(&host->online);
	kept_done(&host->cpuinfo);
	kept_done(&host->stat);
	lock_done(&host->lock);
	free(host);
	return NULL;
}

int host_root_fd(const struct host *host)
{
	return host->root_fd;
}

const struct cpus *host_possible(const struct host *host)
{
	return &host->possible;
}

unsigned host_cpu_count(const struct host *host)
{
	return host->cpu_count;
}
