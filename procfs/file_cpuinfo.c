/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* One CPU's block of lines in the host's file. */
struct block {
	const char *text;	/* lent */
	size_t length;		/* with the empty line at its end */
	unsigned cpu;
	long package, core;	/* -1 where the architecture has no such line */
};

struct blocks {
	struct block *list;	/* owned: those of visible CPUs */
	size_t count;
};

/* True if the line's name is @name: it is followed by blanks and a colon. */
static bool line_is(const char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length) != 0)
		return false;
	line += length;
	line += strspn(line, " \t");
	return *line == ':';
}

static long block_number(const struct block *b, const char *name)
{
	for (const char *p = b->text; p < b->text + b->length; p++) {
		if (line_is(p, name))
			return strtol(strchr(p, ':') + 1, NULL, 10);
		p = strchr(p, '\n');
		if (!p)
			break;
	}
	return -1;
}

static int find_blocks(const struct view *v, struct blocks *blocks)
{
	const char *end;

	for (const char *p = buf_text(&v->host_text); *p; p = end) {
		struct block b = { .text = p };
		long cpu;

		end = strstr(p, "\n\n");
		end = end ? end + 2 : p + strlen(p);
		b.length = (size_t)(end - p);
		cpu = block_number(&b, "processor");
		if (cpu < 0 || !cpus_has(&v->visible, (unsigned)cpu))
			continue;
		if (blocks->count == v->cpu_count)
			return -EINVAL;
		b.cpu = (unsigned)cpu;
		b.package = block_number(&b, "physical id");
		b.core = block_number(&b, "core id");
		blocks->list[blocks->count++] = b;
	}
	return 0;
}

/* Visible CPUs in the package of @b. */
static unsigned count_siblings(const struct blocks *blocks, const struct block *b)
{
	unsigned count = 0;

	for (size_t i = 0; i < blocks->count; i++)
		count += blocks->list[i].package == b->package;
	return count;
}

/* Cores in the package of @b that have a visible CPU. */
static unsigned count_cores(const struct blocks *blocks, const struct block *b)
{
	unsigned count = 0;

	for (size_t i = 0; i < blocks->count; i++) {
		const struct block *one = &blocks->list[i];
		bool seen = one->package != b->package;

		for (size_t k = 0; k < i && !seen; k++)
			seen = blocks->list[k].package == one->package &&
			       blocks->list[k].core == one->core;
		count += !seen;
	}
	return count;
}

static void add_number_line(struct buf *out, const char *line, unsigned number)
{
	buf_add(out, line, (size_t)(strchr(line, ':') - line));
	buf_addf(out, ": %u\n", number);
}

static void add_block(const struct view *v, const struct blocks *blocks,
		      const struct block *b, struct buf *out)
{
	const char *end = b->text + b->length;

	for (const char *p = b->text, *next; p < end; p = next) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next ? next + 1 : end;

		if (line_is(p, "processor"))
			add_number_line(out, p, view_cpu_id(v, b->cpu));
		else if (line_is(p, "siblings"))
			add_number_line(out, p, count_siblings(blocks, b));
		else if (line_is(p, "cpu cores"))
			add_number_line(out, p, count_cores(blocks, b));
		else
			buf_add(out, p, (size_t)(next - p));
	}
}

int file_cpuinfo(const struct view *v, struct buf *out)
{
	cleanup_free struct block *list = calloc(v->cpu_count, sizeof(*list));
	struct blocks blocks = { .list = list };
	int r;

	if (!list)
		return -ENOMEM;

	r = find_blocks(v, &blocks);
	if (r < 0)
		return r;
	for (size_t i = 0; i < blocks.count; i++)
		add_block(v, &blocks, &blocks.list[i], out);
	return buf_error(out);
}
