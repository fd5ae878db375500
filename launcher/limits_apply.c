/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/limits_apply.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/cpus.h"
#include "launcher/devices_cgroup.h"

unsigned limits_controllers(const struct limits *l)
{
	unsigned wanted = 0;

	if (l->memory_bytes != LIMIT_UNSET || l->memory_swap_bytes != LIMIT_UNSET ||
	    l->memory_reservation_bytes != LIMIT_UNSET)
		wanted |= 1u << CGROUP_MEMORY;
	if (l->cpu_shares != LIMIT_UNSET || l->cpu_quota_us != LIMIT_UNSET ||
	    l->cpu_period_us != LIMIT_UNSET || l->cpu_idle != LIMIT_UNSET ||
	    l->cpu_rt_runtime_us != LIMIT_UNSET || l->cpu_rt_period_us != LIMIT_UNSET)
		wanted |= 1u << CGROUP_CPU;
	if (l->cpuset_cpus || l->cpuset_mems)
		wanted |= 1u << CGROUP_CPUSET;
	if (l->pids_max != LIMIT_UNSET)
		wanted |= 1u << CGROUP_PIDS;
	if (l->io_weight != LIMIT_UNSET)
		wanted |= 1u << CGROUP_IO;
	for (size_t i = 0; i < l->raw_count; i++)
		wanted |= 1u << l->raw[i].controller;
	return wanted;
}

static int read_list(int dir_fd, const char *file, cpu_set_t *ret_set)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = buf_read_file(&text, dir_fd, file);

	return r < 0 ? r : cpus_parse_list(buf_text(&text), ret_set);
}

/* What a group may use, whatever it asks for: the name differs by version. */
static int read_effective(int dir_fd, cpu_set_t *ret_set)
{
	int r = read_list(dir_fd, "cpuset.cpus.effective", ret_set);

	if (r < 0)
		r = read_list(dir_fd, "cpuset.effective_cpus", ret_set);
	if (r < 0)
		r = read_list(dir_fd, "cpuset.cpus", ret_set);
	return r;
}

/* Counts, per CPU, the groups beside ours that were given some of the CPUs. */
static void count_users(int dir_fd, const cpu_set_t *available,
			unsigned users[CPU_SETSIZE])
{
	int parent = openat(dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = parent < 0 ? NULL : fdopendir(parent);
	struct dirent *entry;

	memset(users, 0, sizeof(unsigned) * CPU_SETSIZE);
	while (dir && (entry = readdir(dir))) {
		cleanup_fd int sibling = -1;
		cpu_set_t set;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		sibling = openat(parent, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (sibling < 0 || read_list(sibling, "cpuset.cpus", &set) < 0 ||
		    CPU_EQUAL(&set, available))
			continue;
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			users[cpu] += CPU_ISSET(cpu, &set);
	}
}

int limits_choose_cpus(struct limits *l, const struct cgroup_group *group,
		       struct fault *f)
{
	int dir_fd = cgroup_group_fd(group, CGROUP_CPUSET);
	unsigned users[CPU_SETSIZE];
	cpu_set_t available, chosen;
	char text[4096];
	int r;

	if (!l->cpu_count || l->cpuset_cpus || dir_fd < 0)
		return 0;
	r = read_effective(dir_fd, &available);
	if (r < 0)
		return fault_set(f, r, "cannot read which CPUs there are");
	if (l->cpu_count >= (unsigned)CPU_COUNT(&available))
		return 0;

	count_users(dir_fd, &available, users);
	cpus_choose(&available, users, l->cpu_count, &chosen);
	r = cpus_format_list(&chosen, text, sizeof(text));
	if (r >= 0) {
		l->cpuset_cpus = strdup(text);
		r = l->cpuset_cpus ? 0 : -ENOMEM;
	}
	return r < 0 ? fault_set(f, r, "cannot choose CPUs") : 0;
}

static int explain_missing(enum cgroup_controller missing, struct fault *f)
{
	return fault_set(f, 0, "this host cannot limit that: no cgroup hierarchy serves the "
			 "%s controller", cgroup_controller_name(missing, CGROUP_V2));
}

/* Who shares out v1's disks says how its files are called: BFQ, or CFQ before it. */
static int write_file(const struct cgroup_group *group, enum cgroup_controller controller,
		      const char *file, const char *value)
{
	static const char bfq[] = "blkio.bfq.";
	char plain[96];
	int r = cgroup_group_write(group, controller, file, value);

	if (r != -ENOENT || strncmp(file, bfq, sizeof(bfq) - 1) != 0)
		return r;
	snprintf(plain, sizeof(plain), "blkio.%s", file + sizeof(bfq) - 1);
	return cgroup_group_write(group, controller, plain, value);
}

static int write_setting(const struct cgroup_group *group, const struct limit_setting *s,
			 struct fault *f)
{
	const char *value = s->text ? s->text : s->value;
	int r = write_file(group, s->controller, s->file, value);

	if (r >= 0)
		return 0;
	/* A swap limit needs swap accounting; without swap nothing is lost. */
	if (r == -ENOENT && strstr(s->file, "sw"))
		return 0;
	if (r == -EBUSY && s->controller == CGROUP_MEMORY)
		return fault_set(f, 0, "cannot set %s to %s: more than that is in use", s->what,
				 value);
	if (r == -EINVAL && strncmp(s->file, "cpu.rt_", 7) == 0)
		return fault_set(f, r, "cannot set %s to '%s' (%s)\nThe cgroups above must have at "
				 "least as much; a new one has none.", s->what, value, s->file);
	return fault_set(f, r, "cannot set %s to '%s' (%s)", s->what, value, s->file);
}

static int write_raw(const struct limits *l, const struct cgroup_layout *layout,
		     const struct cgroup_group *group,
		     struct fault *f)
{
	for (size_t i = 0; i < l->raw_count; i++) {
		const struct limit_raw *raw = &l->raw[i];
		enum cgroup_version version = cgroup_layout_version(layout, raw->controller);
		char file[96], value[128];
		int r;

		limits_translate_raw(raw, version, file, sizeof(file), value, sizeof(value));
		r = write_file(group, raw->controller, file, value);
		if (r < 0)
			return fault_set(f, r == -ENOENT ? -EOPNOTSUPP : r,
					 "cannot set '%s' to '%s'", raw->file, raw->value);
	}
	return 0;
}

int limits_apply(const struct limits *l, const struct cgroup_layout *layout,
		 const struct cgroup_group *group, struct fault *f)
{
	enum cgroup_version versions[CGROUP_CONTROLLER_COUNT];
	struct limit_setting settings[LIMIT_SETTINGS_MAX];
	enum cgroup_controller missing = CGROUP_CPU;
	int count;

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		versions[i] = cgroup_layout_version(layout, i);
	count = limits_settings(l, versions, settings, &missing);
	if (count == -ENODEV)
		return explain_missing(missing, f);
	if (count == -EOPNOTSUPP)
		return fault_set(f, 0, "realtimeRuntime and realtimePeriod are not supported here: "
				 "cgroup v2 cannot limit realtime CPU time");
	if (count < 0)
		return fault_set(f, 0, "the limit of memory and swap is below that of memory");

	for (int i = 0; i < count; i++) {
		int r = write_setting(group, &settings[i], f);

		if (r < 0)
			return r;
	}
	count = write_raw(l, layout, group, f);
	return count < 0 ? count : devices_cgroup_apply(l, layout, group, f);
}

/*
 * v1 refuses a memory limit above the one of memory and swap, so when both
 * grow the second goes first.
 */
static void raise_swap_first(const struct limits *l, const struct cgroup_group *group)
{
	char text[24];

	if (l->memory_bytes == LIMIT_UNSET || l->memory_swap_bytes == LIMIT_UNSET)
		return;
	snprintf(text, sizeof(text), "%lld", (long long)l->memory_swap_bytes);
	/* It fails where it shall become smaller: then its turn comes later. */
	(void)cgroup_group_write(group, CGROUP_MEMORY, "memory.memsw.limit_in_bytes", text);
}

/* v2 would take it and start killing; v1 refuses by itself. */
static int check_usage(const struct limits *l, const struct cgroup_group *group,
		       struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (!l->memory_check_before_update || l->memory_bytes <= 0 ||
	    cgroup_group_read(group, CGROUP_MEMORY, "memory.current", &text) < 0)
		return 0;
	if (strtoll(buf_text(&text), NULL, 10) <= l->memory_bytes)
		return 0;
	return fault_set(f, 0, "cannot set the memory limit to %lld: more than that is in use",
			 (long long)l->memory_bytes);
}

int limits_update(const struct limits *l, const struct cgroup_layout *layout,
		  const struct cgroup_group *group, struct fault *f)
{
	if (cgroup_layout_version(layout, CGROUP_MEMORY) == CGROUP_V1)
		raise_swap_first(l, group);
	if (check_usage(l, group, f) < 0)
		return -EBUSY;
	return limits_apply(l, layout, group, f);
}

int limits_oom_kills(const struct cgroup_group *group, uint64_t *ret_count)
{
	int r = cgroup_group_read_key(group, CGROUP_MEMORY, "memory.oom_control", "oom_kill",
				      ret_count);

	if (r == -ENOENT)
		r = cgroup_group_read_key(group, CGROUP_MEMORY, "memory.events", "oom_kill",
					  ret_count);
	return r;
}
