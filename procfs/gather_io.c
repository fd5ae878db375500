/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/gather_io.c - what a container read from and wrote to block devices */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/errors.h"
#include "procfs/gather_impl.h"

/* The device's entry, made at its first mention; NULL when out of memory. */
static struct view_device *device_of(struct view *v, unsigned major, unsigned minor)
{
	struct view_device *list;

	for (unsigned i = 0; i < v->device_count; i++)
		if (v->devices[i].major == major && v->devices[i].minor == minor)
			return &v->devices[i];

	list = realloc(v->devices, (v->device_count + 1) * sizeof(*list));
	if (!list)
		return NULL;
	v->devices = list;
	list[v->device_count] = (struct view_device){ .major = major, .minor = minor };
	return &list[v->device_count++];
}

static const struct {
	const char *key;
	size_t offset;
} io_keys[] = {
	{ "rbytes=", offsetof(struct view_device, read_bytes) },
	{ "wbytes=", offsetof(struct view_device, write_bytes) },
	{ "dbytes=", offsetof(struct view_device, discard_bytes) },
	{ "rios=", offsetof(struct view_device, reads) },
	{ "wios=", offsetof(struct view_device, writes) },
	{ "dios=", offsetof(struct view_device, discards) },
};

static void set_io_key(struct view_device *d, const char *word)
{
	for (size_t i = 0; i < sizeof(io_keys) / sizeof(io_keys[0]); i++) {
		size_t length = strlen(io_keys[i].key);

		if (strncmp(word, io_keys[i].key, length) == 0)
			*(uint64_t *)((char *)d + io_keys[i].offset) =
				strtoull(word + length, NULL, 10);
	}
}

/*
 * "MAJ:MIN rbytes=1 wbytes=2 ...". Keys may be missing or unknown, and a device
 * may have none, or be called "(unknown)": such lines are skipped.
 */
static int parse_io_stat(struct view *v, char *text)
{
	char *save_line = NULL;

	for (char *line = strtok_r(text, "\n", &save_line); line;
	     line = strtok_r(NULL, "\n", &save_line)) {
		char *save = NULL, *word = strtok_r(line, " ", &save);
		struct view_device *d;
		unsigned major, minor;

		if (!word || sscanf(word, "%u:%u", &major, &minor) != 2)
			continue;
		word = strtok_r(NULL, " ", &save);
		if (!word)
			continue;
		d = device_of(v, major, minor);
		if (!d)
			return -ENOMEM;
		for (; word; word = strtok_r(NULL, " ", &save))
			set_io_key(d, word);
	}
	return 0;
}

/* "8:0 Read 123"; the file ends with "Total 456". */
static int parse_blkio(struct view *v, char *text, size_t read_offset,
		       size_t write_offset, size_t discard_offset)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned long long value;
		struct view_device *d;
		unsigned major, minor;
		char name[16];

		if (sscanf(line, "%u:%u %15s %llu", &major, &minor, name, &value) != 4)
			continue;
		d = device_of(v, major, minor);
		if (!d)
			return -ENOMEM;
		if (strcmp(name, "Read") == 0)
			*(uint64_t *)((char *)d + read_offset) = value;
		else if (strcmp(name, "Write") == 0)
			*(uint64_t *)((char *)d + write_offset) = value;
		else if (strcmp(name, "Discard") == 0)
			*(uint64_t *)((char *)d + discard_offset) = value;
	}
	return 0;
}

/* The counters that a v1 policy keeps: bytes, and how many requests. */
static int gather_policy(struct gather *g, struct view *v, const char *bytes,
			 const char *requests)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = gather_text(g, CGROUP_IO, 0, bytes, &text);

	if (r >= 0 && text.length)
		r = parse_blkio(v, text.data, offsetof(struct view_device, read_bytes),
				offsetof(struct view_device, write_bytes),
				offsetof(struct view_device, discard_bytes));
	if (r >= 0)
		r = gather_text(g, CGROUP_IO, 0, requests, &text);
	if (r >= 0 && text.length)
		r = parse_blkio(v, text.data, offsetof(struct view_device, reads),
				offsetof(struct view_device, writes),
				offsetof(struct view_device, discards));
	return r;
}

/*
 * Each policy counts only while it is in force on a device: bfq where it is the
 * scheduler, throttling, on newer kernels, once a limit was set.
 */
static int gather_blkio(struct gather *g, struct view *v)
{
	int r = gather_policy(g, v, "blkio.throttle.io_service_bytes_recursive",
			      "blkio.throttle.io_serviced_recursive");

	if ((r >= 0 || r == -ENOENT) && v->device_count == 0)
		r = gather_policy(g, v, "blkio.bfq.io_service_bytes_recursive",
				  "blkio.bfq.io_serviced_recursive");
	return r >= 0 && v->device_count == 0 ? -ENOENT : r;
}

static int gather_io_stat(struct gather *g, struct view *v)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = gather_text(g, CGROUP_IO, 0, "io.stat", &text);

	return r < 0 || !text.length ? r : parse_io_stat(v, text.data);
}

/* The last part of where /sys/dev/block/MAJ:MIN points; "" if the device is gone. */
static void name_device(const struct gather *g, struct view_device *d)
{
	char path[64], target[512];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "sys/dev/block/%u:%u", d->major, d->minor);
	n = readlinkat(host_root_fd(g->host), path, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	name = strrchr(target, '/');
	snprintf(d->name, sizeof(d->name), "%.31s", name ? name + 1 : target);
}

int gather_io(struct gather *g, struct view *v)
{
	int r = -ENOENT;

	if (group_version(g->group, CGROUP_IO) == CGROUP_V2)
		r = gather_io_stat(g, v);
	else if (group_version(g->group, CGROUP_IO) == CGROUP_V1)
		r = gather_blkio(g, v);
	if (r == -ENOENT) {
		gather_miss(g, MISSING_IO);
		r = 0;
	}
	for (unsigned i = 0; r >= 0 && i < v->device_count; i++)
		name_device(g, &v->devices[i]);
	return r;
}
