/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/file_disk.c - diskstats and partitions: the devices a container used */
#include "config.h"
#include "procfs/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECTOR	    512
#define COLUMNS_MAX 20		/* since Linux 5.5 */
#define COLUMNS_MIN 14		/* before 4.18 */

/* How many columns the host's kernel writes: readers count them. */
static unsigned host_columns(const char *text)
{
	unsigned columns = 0;

	for (const char *p = text; *p && *p != '\n'; columns++) {
		p += strspn(p, " ");
		p += strcspn(p, " \n");
	}
	if (columns < COLUMNS_MIN || columns > COLUMNS_MAX)
		return COLUMNS_MAX;
	return columns;
}

/* Merges, times and flushes are not counted per cgroup: 0. */
static void add_device(const struct view_device *d, unsigned columns, struct buf *out)
{
	const uint64_t values[COLUMNS_MAX - 3] = {
		[0] = d->reads, [2] = d->read_bytes / SECTOR,
		[4] = d->writes, [6] = d->write_bytes / SECTOR,
		[11] = d->discards, [13] = d->discard_bytes / SECTOR,
	};

	buf_addf(out, "%4u %7u %s", d->major, d->minor, d->name);
	for (unsigned i = 0; i < columns - 3; i++)
		buf_addf(out, " %" PRIu64, values[i]);
	buf_adds(out, "\n");
}

/*
 * Nothing is known of any device: the host's disks that are in use at all, with
 * zeros. Tools stop at an empty table.
 */
static void add_unknown(const struct view *v, unsigned columns, struct buf *out)
{
	for (const char *p = buf_text(&v->host_text); *p;) {
		struct view_device d = { 0 };
		unsigned long long reads;

		if (sscanf(p, "%u %u %31s %llu", &d.major, &d.minor, d.name, &reads) == 4 &&
		    reads)
			add_device(&d, columns, out);
		p = strchrnul(p, '\n');
		p += *p == '\n';
	}
}

int file_diskstats(const struct view *v, struct buf *out)
{
	unsigned columns = host_columns(buf_text(&v->host_text));

	if (!v->device_count)
		add_unknown(v, columns, out);
	for (unsigned i = 0; i < v->device_count; i++)
		if (v->devices[i].name[0])	/* unplugged since */
			add_device(&v->devices[i], columns, out);
	return buf_error(out);
}

/* A device itself, or a partition: "sda" and "sda1", "nvme0n1" and "nvme0n1p1". */
static bool is_part_of(const char *name, const char *disk)
{
	size_t length = strlen(disk);

	if (!length || strncmp(name, disk, length) != 0)
		return false;
	name += length;
	if (*name == 'p' && isdigit((unsigned char)disk[length - 1]))
		name++;
	else if (*name && isdigit((unsigned char)disk[length - 1]))
		return false;	/* "loop10" is no part of "loop1" */
	return strspn(name, "0123456789") == strlen(name);
}

int file_partitions(const struct view *v, struct buf *out)
{
	for (const char *p = buf_text(&v->host_text), *end; *p; p = end) {
		char name[64];

		end = strchrnul(p, '\n');
		end += *end == '\n';
		if (sscanf(p, "%*u %*u %*u %63s", name) != 1) {
			buf_add(out, p, (size_t)(end - p));	/* the header */
			continue;
		}
		for (unsigned i = 0; i < v->device_count; i++) {
			if (!is_part_of(name, v->devices[i].name))
				continue;
			buf_add(out, p, (size_t)(end - p));
			break;
		}
	}
	return buf_error(out);
}
