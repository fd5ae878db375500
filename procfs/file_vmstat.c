/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. The host's file is the form: its names in its order. A name in
 * the table is a figure of the view; another one that memory.stat has too is a
 * counter of events, copied; all the rest is 0.
 */
#include "config.h"
#include "procfs/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs/text.h"

static const struct {
	const char *name;
	size_t offset;		/* of bytes in struct view_memory */
} amounts[] = {
	{ "nr_free_pages", offsetof(struct view_memory, figures.free_bytes) },
	{ "nr_anon_pages", offsetof(struct view_memory, stat.anon) },
	{ "nr_mapped", offsetof(struct view_memory, stat.mapped) },
	{ "nr_file_pages", offsetof(struct view_memory, stat.file) },
	{ "nr_dirty", offsetof(struct view_memory, stat.dirty) },
	{ "nr_writeback", offsetof(struct view_memory, stat.writeback) },
	{ "nr_shmem", offsetof(struct view_memory, stat.shmem) },
	{ "nr_slab_reclaimable", offsetof(struct view_memory, stat.slab_reclaimable) },
	{ "nr_slab_unreclaimable", offsetof(struct view_memory, stat.slab_unreclaimable) },
	{ "nr_inactive_anon", offsetof(struct view_memory, stat.inactive_anon) },
	{ "nr_active_anon", offsetof(struct view_memory, stat.active_anon) },
	{ "nr_inactive_file", offsetof(struct view_memory, stat.inactive_file) },
	{ "nr_active_file", offsetof(struct view_memory, stat.active_file) },
	{ "nr_unevictable", offsetof(struct view_memory, stat.unevictable) },
	{ "nr_zone_inactive_anon", offsetof(struct view_memory, stat.inactive_anon) },
	{ "nr_zone_active_anon", offsetof(struct view_memory, stat.active_anon) },
	{ "nr_zone_inactive_file", offsetof(struct view_memory, stat.inactive_file) },
	{ "nr_zone_active_file", offsetof(struct view_memory, stat.active_file) },
	{ "nr_zone_unevictable", offsetof(struct view_memory, stat.unevictable) },
	{ "nr_page_table_pages", offsetof(struct view_memory, stat.page_tables) },
	{ "nr_sec_page_table_pages", offsetof(struct view_memory, stat.sec_page_tables) },
	{ "nr_swapcached", offsetof(struct view_memory, stat.swap_cached) },
};

static uint64_t block_kib(const struct view *v, size_t offset)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < v->device_count; i++)
		sum += *(const uint64_t *)((const char *)&v->devices[i] + offset);
	return sum / 1024;
}

/*
 * Where each name of memory.stat is: the host's file asks for nearly two hundred
 * of them.
 */
#define INDEX_SIZE 512		/* a power of two, several times the number of lines */

struct index {
	const char *line[INDEX_SIZE];	/* lent; NULL: free */
};

static unsigned hash(const char *name, size_t length)
{
	unsigned h = 5381;

	while (length--)
		h = h * 33 + (unsigned char)*name++;
	return h ^ h >> 9;
}

/* v1 has the sum over the levels below under names of its own. */
static void index_events(struct index *index, const struct view_memory *m)
{
	unsigned count = 0;

	for (const char *p = buf_text(&m->events); *p && count < INDEX_SIZE / 2; count++) {
		const char *name = p, *end = strchrnul(p, '\n');
		unsigned at;

		p = end + (*end == '\n');
		if (m->is_v1) {
			if (strncmp(name, "total_", 6) != 0)
				continue;
			name += 6;
		}
		at = hash(name, strcspn(name, " \n"));
		while (index->line[at % INDEX_SIZE])
			at++;
		index->line[at % INDEX_SIZE] = name;
	}
}

static uint64_t event(const struct index *index, const char *name)
{
	size_t length = strlen(name);

	for (unsigned at = hash(name, length); index->line[at % INDEX_SIZE]; at++) {
		const char *line = index->line[at % INDEX_SIZE];

		if (strncmp(line, name, length) == 0 && line[length] == ' ')
			return strtoull(line + length, NULL, 10);
	}
	return 0;
}

static uint64_t figure(const struct view *v, const struct index *index, const char *name)
{
	const struct view_memory *m = &v->memory;

	for (size_t i = 0; i < TEXT_COUNT(amounts); i++)
		if (strcmp(amounts[i].name, name) == 0)
			return *(const uint64_t *)((const char *)m + amounts[i].offset) /
			       (uint64_t)sysconf(_SC_PAGESIZE);
	if (strcmp(name, "nr_kernel_stack") == 0)
		return m->stat.kernel_stack / 1024;
	/* KiB of block I/O; memcg's counters of these names count pages charged. */
	if (strcmp(name, "pgpgin") == 0)
		return block_kib(v, offsetof(struct view_device, read_bytes));
	if (strcmp(name, "pgpgout") == 0)
		return block_kib(v, offsetof(struct view_device, write_bytes));
	if (strcmp(name, "oom_kill") == 0)
		return text_value(buf_text(&m->oom), "oom_kill", 0);
	return event(index, name);
}

int file_vmstat(const struct view *v, struct buf *out)
{
	struct index index = { { NULL } };

	if (v->memory.is_host)
		return file_copy(v, out);

	index_events(&index, &v->memory);
	for (const char *p = buf_text(&v->host_text); *p;) {
		char name[64];
		size_t length = strcspn(p, " \n");

		snprintf(name, sizeof(name), "%.*s", (int)length, p);
		buf_addf(out, "%s %" PRIu64 "\n", name, figure(v, &index, name));
		p = strchrnul(p, '\n');
		p += *p == '\n';
	}
	return buf_error(out);
}
