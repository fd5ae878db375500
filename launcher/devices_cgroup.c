/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/devices_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/devices_bpf.h"

int devices_cgroup_add(struct limits *l, bool allow, char type, int64_t major,
		       int64_t minor, const char *access)
{
	struct limit_device *devices;

	devices = reallocarray(l->devices, l->device_count + 1, sizeof(*devices));
	if (!devices)
		return -ENOMEM;
	l->devices = devices;
	devices += l->device_count++;
	*devices = (struct limit_device){
		.allow = allow, .type = type, .major = major, .minor = minor,
	};
	snprintf(devices->access, sizeof(devices->access), "%s", access);
	return 0;
}

static const struct limit_device defaults[] = {
	{ false, 'a', -1, -1, "rwm" },
	/* Nodes may be made, what cannot be opened does no harm. */
	{ true, 'c', -1, -1, "m" },
	{ true, 'b', -1, -1, "m" },
	{ true, 'c', 1, 3, "rwm" },	/* null */
	{ true, 'c', 1, 5, "rwm" },	/* zero */
	{ true, 'c', 1, 7, "rwm" },	/* full */
	{ true, 'c', 1, 8, "rwm" },	/* random */
	{ true, 'c', 1, 9, "rwm" },	/* urandom */
	{ true, 'c', 5, 0, "rwm" },	/* tty */
	{ true, 'c', 5, 1, "rwm" },	/* console */
	{ true, 'c', 5, 2, "rwm" },	/* ptmx */
	{ true, 'c', 136, -1, "rwm" },	/* pts */
};

int devices_cgroup_add_defaults(struct limits *l)
{
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		const struct limit_device *d = &defaults[i];
		int r = devices_cgroup_add(l, d->allow, d->type, d->major, d->minor, d->access);

		if (r < 0)
			return r;
	}
	return 0;
}

static void format_number(char *text, size_t size, int64_t n)
{
	if (n < 0)
		snprintf(text, size, "*");
	else
		snprintf(text, size, "%" PRId64, n);
}

/* The two files are opened once, not for each of a dozen rules. */
static int write_rule(int dir_fd, int fds[2], const struct limit_device *d)
{
	char major[24], minor[24], text[64];
	int *fd = &fds[d->allow];

	format_number(major, sizeof(major), d->major);
	format_number(minor, sizeof(minor), d->minor);
	if (d->type == 'a')
		snprintf(text, sizeof(text), "a");
	else
		snprintf(text, sizeof(text), "%c %s:%s %s", d->type, major, minor, d->access);
	if (*fd < 0)
		*fd = neg_errno(openat(dir_fd, d->allow ? "devices.allow" : "devices.deny",
				       O_WRONLY | O_CLOEXEC));
	if (*fd < 0)
		return *fd;
	return write(*fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_rules(const struct limits *l, int dir_fd)
{
	int fds[2] = { -1, -1 };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < l->device_count; i++)
		r = write_rule(dir_fd, fds, &l->devices[i]);
	for (int i = 0; i < 2; i++)
		cleanup_fd_(&fds[i]);
	return r;
}

int devices_cgroup_apply(const struct limits *l, const struct cgroup_layout *layout,
			 const struct cgroup_group *group, struct fault *f)
{
	int r;

	if (!l->device_count)
		return 0;
	if (cgroup_layout_version(layout, CGROUP_DEVICES) != CGROUP_V1 ||
	    cgroup_group_fd(group, CGROUP_DEVICES) < 0)
		return devices_bpf_attach(l, cgroup_group_v2_fd(group), f);

	r = write_rules(l, cgroup_group_fd(group, CGROUP_DEVICES));
	return r < 0 ? fault_set(f, r, "cannot limit the devices of the container") : 0;
}
