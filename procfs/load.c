/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/load.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "procfs/clock.h"
#include "procfs/process.h"

#define DEPTH_MAX  16		/* of cgroups below the container's own */
#define TASKS_MAX  20000	/* looked at in one pass over one container */
#define FEW_TASKS  64		/* may be counted for a reader */
#define FRESH_NS   NS_PER_S
#define ONE	   2048.0

static const unsigned minutes[3] = { 1, 5, 15 };

/* One pass over the tasks of one container. */
struct census {
	struct host *host;
	unsigned running, blocked, total;
	pid_t newest;		/* the highest task id, as the host counts */
};

uint64_t load_decay(uint64_t average, unsigned active, uint64_t elapsed_ns,
		    unsigned m)
{
	double e = exp(-(double)elapsed_ns / NS_PER_S / (60.0 * m));

	return (uint64_t)((double)average * e + active * ONE * (1 - e) + 0.5);
}

static void count_task(struct census *census, pid_t tid)
{
	cleanup_buf struct buf text = BUF_INIT;
	const char *state;

	if (process_read(census->host, tid, "stat", &text) < 0)
		return;		/* it ended meanwhile */
	state = process_stat_field(buf_text(&text), 3);
	if (!state)
		return;
	census->total++;
	census->running += *state == 'R';
	census->blocked += *state == 'D';
	if (tid > census->newest)
		census->newest = tid;
}

/* v2 lists threads in cgroup.threads, v1 in tasks. */
static void count_tasks(struct census *census, int dir_fd)
{
	cleanup_buf struct buf text = BUF_INIT;
	char *save = NULL;

	if (buf_read_file(&text, dir_fd, "cgroup.threads") < 0 &&
	    buf_read_file(&text, dir_fd, "tasks") < 0)
		return;
	for (char *line = text.length ? strtok_r(text.data, "\n", &save) : NULL;
	     line && census->total < TASKS_MAX; line = strtok_r(NULL, "\n", &save))
		count_task(census, atoi(line));
}

static void count_below(struct census *census, int dir_fd, unsigned depth)
{
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	count_tasks(census, fd);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	while (depth < DEPTH_MAX && (entry = readdir(dir))) {
		cleanup_fd int child = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child = openat(fd, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (child >= 0)
			count_below(census, child, depth + 1);
	}
}

/* A place of the container's own, v2 first: there threads are listed as such. */
static int own_place(const struct group *group)
{
	static const int order[] = {
		GROUP_V2, CGROUP_PIDS, CGROUP_CPU, CGROUP_CPUACCT, CGROUP_MEMORY,
		CGROUP_CPUSET, CGROUP_FREEZER, CGROUP_IO, CGROUP_DEVICES,
		CGROUP_HUGETLB,
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (group_has(group, order[i]) && group_depth(group, order[i]) > 0)
			return order[i];
	return -1;
}

static void average(struct container_load *load, const struct census *census,
		    uint64_t start_ns, uint64_t now)
{
	uint64_t before = load->sampled_ns ? load->sampled_ns : start_ns;
	unsigned active = census->running + census->blocked;

	for (int i = 0; i < 3; i++)
		load->average[i] = load_decay(load->average[i], active,
					      now > before ? now - before : 0, minutes[i]);
}

/* The host's own file: for a container that has no cgroup of its own. */
static int copy_host_load(struct container_load *load, struct host *host, uint64_t now)
{
	cleanup_buf struct buf text = BUF_INIT;
	double averages[3];
	unsigned long long last;
	int r = host_read(host, "proc/loadavg", &text);

	if (r < 0)
		return r;
	if (sscanf(buf_text(&text), "%lf %lf %lf %u/%u %llu", &averages[0], &averages[1],
		   &averages[2], &load->running, &load->total, &last) != 6)
		return -EINVAL;
	for (int i = 0; i < 3; i++)
		load->average[i] = (uint64_t)(averages[i] * ONE + 0.5);
	load->last_pid = last;
	load->sampled_ns = now;
	return 0;
}

/* For container_with_load(). */
static int sample(struct container_load *load, struct group *group, uint64_t start_ns,
		  void *context)
{
	struct census census = { .host = context };
	uint64_t now = clock_now_ns(), number;
	int place = own_place(group);

	if (place < 0)
		return copy_host_load(load, context, now);

	count_below(&census, group_dir(group, place), 0);
	average(load, &census, start_ns, now);
	number = process_own_number(context, census.newest);
	load->last_pid = number ? number : load->last_pid;
	if (load->last_pid > load->forks)
		load->forks = load->last_pid;
	load->running = census.running;
	load->blocked = census.blocked;
	load->total = census.total;
	load->sampled_ns = now;
	return 0;
}

/*
 * The same, unless that was done a moment ago. A container of many tasks is left
 * to the sampler; one that had none was looked at before it began.
 */
static int sample_for_reader(struct container_load *load, struct group *group,
			     uint64_t start_ns, void *context)
{
	uint64_t age = clock_now_ns() - load->sampled_ns;
	uint64_t kept = load->total <= FEW_TASKS ? FRESH_NS : 2 * LOAD_PERIOD_S * NS_PER_S;

	if (load->sampled_ns && load->total && age < kept)
		return 0;
	return sample(load, group, start_ns, context);
}

struct copy {
	struct host *host;
	struct view_load *to;
};

static int sample_and_copy(struct container_load *load, struct group *group,
			   uint64_t start_ns, void *context)
{
	const struct copy *copy = context;
	int r = sample_for_reader(load, group, start_ns, copy->host);

	if (r < 0)
		return r;
	memcpy(copy->to->average, load->average, sizeof(load->average));
	copy->to->running = load->running;
	copy->to->blocked = load->blocked;
	copy->to->total = load->total;
	copy->to->last_pid = load->last_pid;
	copy->to->forks = load->forks;
	return 0;
}

int load_view(struct container *c, struct host *host, struct view *v)
{
	struct copy copy = { host, &v->load };

	container_load_was_read(c);
	return container_with_load(c, sample_and_copy, &copy);
}

void load_sample(struct containers *containers, struct host *host)
{
	struct container *c = containers_next(containers, 0);

	while (c) {
		unsigned slot = container_slot(c);

		if (!container_is_idle(c))
			(void)container_with_load(c, sample, host);
		container_put(c);
		c = containers_next(containers, slot);
	}
}
