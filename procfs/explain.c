/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "procfs/text.h"
#include "procfs/tree.h"

#define READINGS_MAX 128
#define TEXT_SHOWN   64

struct kept {
	int place;
	unsigned level;
	const char *name;
	int result;
	unsigned lines;
	char text[TEXT_SHOWN];	/* of the first line */
};

struct readings {
	struct kept list[READINGS_MAX];
	unsigned count;
};

/* In the words of the manual page; NULL as field: for all other lines. */
static const struct {
	const char *path, *field, *formula;
} formulas[] = {
	{ "proc/meminfo", "MemTotal",
	  "the lowest memory limit of all levels; where none has one, the lowest memory.high; never more than the host has" },
	{ "proc/meminfo", "MemFree",
	  "the least that any level with a limit has left: its limit minus its usage; without a limit, the host's" },
	{ "proc/meminfo", "MemAvailable",
	  "the least of all levels with a limit: limit minus usage plus file pages and reclaimable slab; without a limit, the host's" },
	{ "proc/meminfo", "SwapTotal",
	  "v2: the lowest memory.swap.max, never more than the host has; v1: hierarchical_memsw_limit minus hierarchical_memory_limit, never less than is used" },
	{ "proc/meminfo", "SwapFree", "SwapTotal minus memory.swap.current (v1: total_swap)" },
	{ "proc/meminfo", "CommitLimit",
	  "the host's ratio, applied to MemTotal without huge pages, plus SwapTotal" },
	{ "proc/meminfo", "Committed_AS", "no counter: anonymous and shared memory plus swap in use" },
	{ "proc/meminfo", "Mlocked", "no counter: no more than unevictable, no more than the host's" },
	{ "proc/meminfo", NULL, "the line of memory.stat of the same meaning; 0 if it has none" },
	{ "proc/stat", "btime", "the host's, plus the offset of the container's time namespace" },
	{ "proc/stat", "processes", "the highest process id seen in the container" },
	{ "proc/stat", "procs_running", "running tasks at the last sample, at least 1" },
	{ "proc/stat", "intr", "no cgroup counts interrupts: 0" },
	{ "proc/stat", "ctxt", "no cgroup counts context switches: 0" },
	{ "proc/stat", NULL,
	  "CPU time of the cgroup: on v1 each CPU's own, that of hidden CPUs where the visible were idle; on v2 shared out evenly. Idle is the time visible minus the time used" },
	{ "proc/uptime", NULL,
	  "time since the container's init began; idle is the sum of /proc/stat's rows" },
	{ "proc/loadavg", NULL,
	  "tasks that run or wait for a disk in the cgroup and below, counted every 5 s, decayed by the time that passed" },
	{ "proc/swaps", NULL, "one line with /proc/meminfo's SwapTotal and what is used of it" },
	{ "proc/cpuinfo", NULL,
	  "the host's blocks of the visible CPUs: as many as the lowest quota of all levels, rounded, the first ones of the effective cpuset" },
	{ "proc/diskstats", NULL, "io.stat (v1: blkio); merges and times are not counted: 0" },
	{ "proc/vmstat", NULL,
	  "memory.stat in pages, its events as they are, io.stat for pgpgin and pgpgout; 0 if not counted" },
	{ "proc/sys/kernel/pid_max", NULL, "the lowest pids.max of all levels, no more than the host's" },
	{ "proc/pressure/*", NULL, "the cgroup's own file in the v2 tree" },
	{ "sys/devices/system/cpu/*", NULL,
	  "the host's, cut down to the visible CPUs: as many as the lowest quota of all levels, rounded, the first ones of the effective cpuset" },
};

static bool path_matches(const char *pattern, const char *path)
{
	size_t length = strlen(pattern);

	if (pattern[length - 1] == '*')
		return strncmp(pattern, path, length - 1) == 0;
	return strcmp(pattern, path) == 0;
}

static const char *find_formula(const char *path, const char *field)
{
	for (size_t i = 0; i < TEXT_COUNT(formulas); i++)
		if (path_matches(formulas[i].path, path) &&
		    (!formulas[i].field || (field && strcmp(formulas[i].field, field) == 0)))
			return formulas[i].formula;
	return "the host's, cut down to what the container has";
}

static void keep_reading(void *context, const struct group_reading *reading)
{
	struct readings *all = context;
	struct kept *k = &all->list[all->count];
	const char *limit;

	if (all->count == READINGS_MAX)
		return;
	all->count++;
	*k = (struct kept){ .place = reading->place, .level = reading->level,
			    .name = reading->name, .result = reading->result };
	for (const char *p = reading->text; *p; p++)
		k->lines += *p == '\n';
	/* Of many lines, the one that limits. */
	limit = strstr(reading->text, "hierarchical_memory_limit");
	snprintf(k->text, sizeof(k->text), "%.*s",
		 (int)strcspn(limit ? limit : reading->text, "\n"),
		 limit ? limit : reading->text);
}

static bool is_limit(const char *name)
{
	static const char *const names[] = {
		"memory.max", "memory.high", "memory.swap.max", "memory.limit_in_bytes",
		"pids.max",
	};

	for (size_t i = 0; i < TEXT_COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Of all levels of a limit, the one with the lowest. */
static bool decides(const struct readings *all, const struct kept *k)
{
	uint64_t mine = text_limit(k->text);

	if (!is_limit(k->name) || k->result < 0 || mine == TEXT_UNLIMITED)
		return false;
	for (unsigned i = 0; i < all->count; i++) {
		const struct kept *other = &all->list[i];

		if (other->result >= 0 && strcmp(other->name, k->name) == 0 &&
		    text_limit(other->text) < mine)
			return false;
	}
	return true;
}

/* The container's own path, shortened by @level names. */
static void add_place(const struct container *c, const struct kept *k, struct buf *out)
{
	const char *path = container_path(c, k->place);
	size_t length = path ? strlen(path) : 0;

	for (unsigned i = 0; i < k->level; i++)
		while (length && path[--length] != '/')
			;
	buf_addf(out, "  %-8s %.*s/%s: ", k->place == GROUP_V2 ? "v2" :
		 cgroup_controller_name(k->place, CGROUP_V1), (int)length, path ? path : "",
		 k->name);
}

static void add_readings(const struct container *c, const struct readings *all,
			 struct buf *out)
{
	for (unsigned i = 0; i < all->count; i++) {
		const struct kept *k = &all->list[i];

		add_place(c, k, out);
		if (k->result < 0)
			buf_addf(out, "%s", strerror(-k->result));
		else if (k->lines > 1)
			buf_addf(out, "%u lines%s%s", k->lines,
				 strncmp(k->text, "hierarchical", 12) == 0 ? ", " : "",
				 strncmp(k->text, "hierarchical", 12) == 0 ? k->text : "");
		else
			buf_adds(out, k->text);
		buf_adds(out, decides(all, k) ? "   <- decides\n" : "\n");
	}
}

/* The lines whose first word is @field, with or without a colon; all for NULL. */
static bool add_lines(const char *text, const char *field, struct buf *out)
{
	size_t length = field ? strlen(field) : 0;
	bool found = false;

	for (const char *p = text; *p;) {
		const char *end = strchrnul(p, '\n');

		if (!field || (strncmp(p, field, length) == 0 &&
			       strchr(": \t\n", p[length]))) {
			buf_add(out, p, (size_t)(end - p));
			buf_adds(out, "\n");
			found = true;
		}
		p = end + (*end == '\n');
	}
	return found;
}

int explain(struct host *host, struct container *c, const char *path, const char *field,
	    struct buf *out)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct readings all = { .count = 0 };
	int r;

	container_trace(c, keep_reading, &all);
	r = tree_render(host, c, path, &text);
	container_trace(c, NULL, NULL);
	if (r < 0)
		return r;
	if (!add_lines(buf_text(&text), field, out))
		return -ENODATA;

	buf_addf(out, "is: %s\nread:\n", find_formula(path, field));
	add_readings(c, &all, out);
	return buf_error(out);
}
