/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/file_irq.c - interrupts, softirqs and schedstat: what the visible CPUs
 * did, for whomever. No cgroup counts these.
 */
#include "config.h"
#include "procfs/file.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* "CPU0 CPU1 ..." of the first line; how many, or -errno. */
static int parse_header(const char *line, unsigned *cpus, unsigned max)
{
	unsigned count = 0;

	for (const char *p = line; *p && *p != '\n';) {
		p += strspn(p, " ");
		if (strncmp(p, "CPU", 3) != 0)
			break;
		if (count == max)
			return -EINVAL;
		cpus[count++] = (unsigned)strtoul(p + 3, NULL, 10);
		p += strcspn(p, " \n");
	}
	return count ? (int)count : -EINVAL;
}

static void add_header(const struct view *v, const char *line, const unsigned *cpus,
		       unsigned count, struct buf *out)
{
	const char *p = line + strspn(line, " ");

	buf_add(out, line, (size_t)(p - line));
	for (unsigned i = 0; i < count; i++) {
		size_t word = strcspn(p, " \n");
		size_t width = word + strspn(p + word, " ");

		if (cpus_has(&v->visible, cpus[i]))
			buf_addf(out, "CPU%-*u", width > 3 ? (int)width - 3 : 0,
				 view_cpu_id(v, cpus[i]));
		p += width;
	}
	buf_adds(out, "\n");
}

/* Where the column that begins at @p ends; NULL if it is no number. */
static const char *column_end(const char *p)
{
	p += strspn(p, " ");
	if (!isdigit((unsigned char)*p))
		return NULL;
	p += strspn(p, "0123456789");
	return *p == ' ' || *p == '\n' || *p == '\0' ? p : NULL;
}

/* A line that has not one figure per CPU is kept as it is. */
static bool has_columns(const char *p, unsigned count)
{
	while (p && count--)
		p = column_end(p);
	return p;
}

static void add_line(const struct view *v, const char *line, const char *end,
		     const unsigned *cpus, unsigned count, struct buf *out)
{
	const char *p = memchr(line, ':', (size_t)(end - line));

	if (!p || !has_columns(p + 1, count)) {
		buf_add(out, line, (size_t)(end - line));
		return;
	}
	buf_add(out, line, (size_t)(++p - line));
	for (unsigned i = 0; i < count; i++) {
		const char *next = column_end(p);

		if (cpus_has(&v->visible, cpus[i]))
			buf_add(out, p, (size_t)(next - p));
		p = next;
	}
	buf_add(out, p, (size_t)(end - p));
}

int file_irq_columns(const struct view *v, struct buf *out)
{
	cleanup_free unsigned *cpus = calloc(CPUS_MAX, sizeof(*cpus));
	const char *text = buf_text(&v->host_text);
	int count;

	if (!cpus)
		return -ENOMEM;
	count = parse_header(text, cpus, CPUS_MAX);
	if (count < 0)
		return count;

	add_header(v, text, cpus, (unsigned)count, out);
	for (const char *p = strchrnul(text, '\n'), *end; *p && *++p; p = end - 1) {
		end = strchrnul(p, '\n');
		end += *end == '\n';
		add_line(v, p, end, cpus, (unsigned)count, out);
		if (end[-1] != '\n')
			break;
	}
	return buf_error(out);
}

/* "cpuN ..." and the domains below it. */
int file_schedstat(const struct view *v, struct buf *out)
{
	bool shown = true;

	for (const char *p = buf_text(&v->host_text), *end; *p; p = end) {
		unsigned cpu;

		end = strchrnul(p, '\n');
		end += *end == '\n';
		if (strncmp(p, "cpu", 3) == 0) {
			cpu = (unsigned)strtoul(p + 3, NULL, 10);
			shown = cpus_has(&v->visible, cpu);
			if (shown) {
				buf_addf(out, "cpu%u", view_cpu_id(v, cpu));
				p += strcspn(p, " \n");
			}
		}
		if (shown)
			buf_add(out, p, (size_t)(end - p));
	}
	return buf_error(out);
}
