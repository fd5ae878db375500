/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. The host's own file is the form: same lines, same order, same
 * columns, for scanners depend on all three. Each line's figure comes from the
 * table; a name that is not in it shows 0, never the host's figure, unless the
 * table says that it is a fact of the hardware.
 */
#include "config.h"
#include "procfs/file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "procfs/text.h"

/* Where the figure of a line ends, for all lines that the kernel writes. */
#define FIGURE_END 24

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t active(const struct view_memory *m)
{
	return m->stat.active_anon + m->stat.active_file;
}

static uint64_t inactive(const struct view_memory *m)
{
	return m->stat.inactive_anon + m->stat.inactive_file;
}

/* No counter per cgroup: what is locked cannot be evicted, so no more than that. */
static uint64_t mlocked(const struct view_memory *m)
{
	return min_u64(m->host.mlocked, m->stat.unevictable);
}

/*
 * The host's own rule with the container's total: the host's limit tells the
 * ratio, whichever of vm.overcommit_ratio and _kbytes is in force.
 */
static uint64_t commit_limit(const struct view_memory *m)
{
	uint64_t host_base = m->host.total > m->host.hugetlb
				     ? m->host.total - m->host.hugetlb : 0;
	uint64_t host_part = m->host.commit_limit > m->host.swap_total
				     ? m->host.commit_limit - m->host.swap_total : 0;
	uint64_t base = m->figures.total_bytes > m->hugetlb_bytes
				? m->figures.total_bytes - m->hugetlb_bytes : 0;

	if (host_base == 0)
		return m->swap.total_bytes;
	return (unsigned __int128)base * host_part / host_base + m->swap.total_bytes;
}

/* No counter per cgroup: what is in use was committed. */
static uint64_t committed(const struct view_memory *m)
{
	uint64_t used = m->stat.anon + m->stat.shmem + m->swap.total_bytes -
			m->swap.free_bytes;

	return min_u64(used, m->host.committed);
}

enum line_kind {
	LINE_FIELD,		/* a uint64_t of bytes at offset */
	LINE_FUNCTION,		/* bytes from a function */
	LINE_COUNT,		/* a plain number at offset */
	LINE_HOST,		/* a fact of the hardware: as the host has it */
};

struct line {
	const char *name;
	enum line_kind kind;
	size_t offset;
	uint64_t (*bytes)(const struct view_memory *m);
};

#define FIELD(name, field) { name, LINE_FIELD, offsetof(struct view_memory, field), NULL }
#define STAT(name, field) FIELD(name, stat.field)
#define COUNT(name, field) { name, LINE_COUNT, offsetof(struct view_memory, field), NULL }
#define FUNCTION(name, function) { name, LINE_FUNCTION, 0, function }
#define HOST(name) { name, LINE_HOST, 0, NULL }

/* In the order of Linux 6.18, so that the next line is mostly the next row. */
static const struct line lines[] = {
	FIELD("MemTotal:", figures.total_bytes),
	FIELD("MemFree:", figures.free_bytes),
	FIELD("MemAvailable:", figures.available_bytes),
	STAT("Cached:", file),
	STAT("SwapCached:", swap_cached),
	FUNCTION("Active:", active),
	FUNCTION("Inactive:", inactive),
	STAT("Active(anon):", active_anon),
	STAT("Inactive(anon):", inactive_anon),
	STAT("Active(file):", active_file),
	STAT("Inactive(file):", inactive_file),
	STAT("Unevictable:", unevictable),
	FUNCTION("Mlocked:", mlocked),
	FIELD("SwapTotal:", swap.total_bytes),
	FIELD("SwapFree:", swap.free_bytes),
	STAT("Zswap:", zswap),
	STAT("Zswapped:", zswapped),
	STAT("Dirty:", dirty),
	STAT("Writeback:", writeback),
	STAT("AnonPages:", anon),
	STAT("Mapped:", mapped),
	STAT("Shmem:", shmem),
	STAT("KReclaimable:", slab_reclaimable),
	STAT("Slab:", slab),
	STAT("SReclaimable:", slab_reclaimable),
	STAT("SUnreclaim:", slab_unreclaimable),
	STAT("KernelStack:", kernel_stack),
	STAT("PageTables:", page_tables),
	STAT("SecPageTables:", sec_page_tables),
	FUNCTION("CommitLimit:", commit_limit),
	FUNCTION("Committed_AS:", committed),
	HOST("VmallocTotal:"),
	STAT("VmallocUsed:", vmalloc),
	STAT("Percpu:", percpu),
	STAT("AnonHugePages:", anon_huge),
	STAT("ShmemHugePages:", shmem_huge),
	STAT("FileHugePages:", file_huge),
	COUNT("HugePages_Total:", huge.total),
	COUNT("HugePages_Free:", huge.free),
	COUNT("HugePages_Rsvd:", huge.reserved),
	HOST("Hugepagesize:"),
	FIELD("Hugetlb:", hugetlb_bytes),
	HOST("DirectMap4k:"),
	HOST("DirectMap64k:"),
	HOST("DirectMap1M:"),
	HOST("DirectMap2M:"),
	HOST("DirectMap2G:"),
	HOST("DirectMap4M:"),
	HOST("DirectMap1G:"),
};

static const struct line *find_line(const char *name, size_t length, size_t *expect)
{
	for (size_t i = 0; i < TEXT_COUNT(lines); i++) {
		size_t at = (*expect + i) % TEXT_COUNT(lines);

		if (strncmp(lines[at].name, name, length) == 0 &&
		    lines[at].name[length] == '\0') {
			*expect = at + 1;
			return &lines[at];
		}
	}
	return NULL;
}

static uint64_t line_figure(const struct line *line, const struct view_memory *m)
{
	if (!line)
		return 0;
	if (line->kind == LINE_FUNCTION)
		return line->bytes(m) / 1024;
	if (line->kind == LINE_FIELD)
		return *(const uint64_t *)((const char *)m + line->offset) / 1024;
	return *(const uint64_t *)((const char *)m + line->offset);
}

/* Printed by hand: 55 times printf() would cost more than all the reading. */
static void add_figure(struct buf *out, const char *name, size_t length, uint64_t figure,
		       bool has_unit)
{
	char text[64];
	char digits[24];
	size_t n = 0, width;

	do
		digits[n++] = (char)('0' + figure % 10);
	while (figure /= 10);

	width = length + n < FIGURE_END ? FIGURE_END - length - n : 1;
	buf_add(out, name, length);
	memset(text, ' ', width);
	while (n)
		text[width++] = digits[--n];
	memcpy(text + width, " kB\n", 4);
	if (!has_unit)
		text[width] = '\n';
	buf_add(out, text, width + (has_unit ? 4 : 1));
}

int file_meminfo(const struct view *v, struct buf *out)
{
	size_t expect = 0;

	if (v->memory.is_host)
		return file_copy(v, out);

	for (const char *p = buf_text(&v->host_text), *end; *p; p = end) {
		size_t name = strcspn(p, ":\n");
		size_t length = strcspn(p, "\n");
		const struct line *line;

		end = p + length + (p[length] == '\n');
		if (p[name] != ':')
			return -EINVAL;
		line = find_line(p, name + 1, &expect);
		if (line && line->kind == LINE_HOST)
			buf_add(out, p, (size_t)(end - p));
		else
			add_figure(out, p, name + 1, line_figure(line, &v->memory),
				   length > 2 && memcmp(p + length - 2, "kB", 2) == 0);
	}
	return buf_error(out);
}
