/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/file_sys.c - below /sys/devices/system/cpu: lists and masks of CPUs */
#include "config.h"
#include "procfs/file.h"

int file_copy(const struct view *v, struct buf *out)
{
	buf_add(out, buf_text(&v->host_text), v->host_text.length);
	return buf_error(out);
}

int file_cpu_all(const struct view *v, struct buf *out)
{
	struct cpus shown = view_shown_cpus(v);

	cpus_add_list(&shown, out);
	buf_adds(out, "\n");
	return buf_error(out);
}

/* A hidden CPU is not offline: it does not exist. */
int file_cpu_none(const struct view *v, struct buf *out)
{
	(void)v;
	buf_adds(out, "\n");
	return buf_error(out);
}

int file_cpu_one(const struct view *v, struct buf *out)
{
	(void)v;
	buf_adds(out, "1\n");
	return buf_error(out);
}

static void keep_visible(const struct view *v, struct cpus *set)
{
	if (v->renumber)
		cpus_renumber(set, &v->visible);
	else
		cpus_and(set, &v->visible);
}

int file_cpu_list(const struct view *v, struct buf *out)
{
	struct cpus set;
	int r = cpus_parse_list(buf_text(&v->host_text), &set);

	if (r < 0)
		return r;
	keep_visible(v, &set);
	cpus_add_list(&set, out);
	buf_adds(out, "\n");
	return buf_error(out);
}

/* "0 1 2": cpufreq alone writes them so. */
int file_cpu_words(const struct view *v, struct buf *out)
{
	const char *space = "";
	struct cpus set;
	int r = cpus_parse_words(buf_text(&v->host_text), &set);

	if (r < 0)
		return r;
	keep_visible(v, &set);
	cpus_for_each(cpu, &set) {
		buf_addf(out, "%s%u", space, cpu);
		space = " ";
	}
	buf_adds(out, "\n");
	return buf_error(out);
}

int file_cpu_mask(const struct view *v, struct buf *out)
{
	struct cpus set;
	int r = cpus_parse_mask(buf_text(&v->host_text), &set);

	if (r < 0)
		return r;
	keep_visible(v, &set);
	cpus_add_mask(&set, buf_text(&v->host_text), out);
	buf_adds(out, "\n");
	return buf_error(out);
}
