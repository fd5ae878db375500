/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/run_plan_more.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "launcher/json.h"
#include "launcher/oci_config.h"
#include "launcher/seccomp.h"

/* --- io --------------------------------------------------------------------------- */

static const struct { const char *key, *file; bool is_size; } rates[] = {
	{ "read", "blkio.throttle.read_bps_device", true },
	{ "write", "blkio.throttle.write_bps_device", true },
	{ "riops", "blkio.throttle.read_iops_device", false },
	{ "wiops", "blkio.throttle.write_iops_device", false },
};

/* A partition has no queue of its own: its disk's directory is one up. */
static int whole_disk(dev_t *device)
{
	cleanup_buf struct buf text = BUF_INIT;
	unsigned major_number, minor_number;
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(*device),
		 minor(*device));
	if (access(path, F_OK) < 0) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(*device), minor(*device));
		return access(path, F_OK) < 0 ? -ENODEV : 0;
	}
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(*device), minor(*device));
	if (buf_read_file(&text, AT_FDCWD, path) < 0 ||
	    sscanf(buf_text(&text), "%u:%u", &major_number, &minor_number) != 2)
		return -ENODEV;
	*device = makedev(major_number, minor_number);
	return 0;
}

static int find_disk(const char *path, dev_t *ret_device)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	*ret_device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	return whole_disk(ret_device);
}

static int add_rate(struct limits *l, dev_t device, char *pair, struct fault *f)
{
	struct opt_error error = { "" };
	char *value = strchr(pair, '='), line[80];
	uint64_t rate;

	if (value)
		*value++ = '\0';
	for (size_t i = 0; value && i < sizeof(rates) / sizeof(rates[0]); i++) {
		if (strcmp(rates[i].key, pair) != 0)
			continue;
		if (opt_parse_size(value, &rate, &error) < 0 || !rate)
			return fault_set(f, 0, "option '--io': '%s' is no rate", value);
		snprintf(line, sizeof(line), "%u:%u %" PRIu64, major(device), minor(device), rate);
		return limits_add_raw(l, CGROUP_IO, rates[i].file, line) < 0
			       ? fault_set(f, -ENOMEM, "cannot make the plan") : 0;
	}
	return fault_set(f, 0, "option '--io': '%s' is none of read=, write=, riops=, wiops=", pair);
}

static int add_io(struct limits *l, const char *text, struct fault *f)
{
	cleanup_free char *copy = strdup(text);
	char *colon = copy ? strrchr(copy, ':') : NULL, *pair, *rest;
	dev_t device = 0;
	int r;

	if (!colon || copy[0] != '/' || !colon[1])
		return fault_set(f, 0, "option '--io': '%s' is not PATH:RATE[,RATE]..., with an "
				 "absolute PATH\nFor example: --io /dev/sda:write=10M,riops=200", text);
	*colon = '\0';
	r = find_disk(copy, &device);
	if (r == -ENODEV)
		return fault_set(f, 0, "option '--io': '%s' is on no disk of this host: its I/O cannot "
				 "be limited", copy);
	if (r < 0)
		return fault_set(f, r, "option '--io': cannot look at '%s'", copy);
	for (pair = strtok_r(colon + 1, ",", &rest); pair; pair = strtok_r(NULL, ",", &rest)) {
		r = add_rate(l, device, pair, f);
		if (r < 0)
			return r;
	}
	return 0;
}

int run_plan_io(const struct run_config *c, struct limits *l, struct fault *f)
{
	int r = 0;

	if (c->io_weight && (c->io_weight < 10 || c->io_weight > 1000))
		return fault_set(f, 0, "option '--io-weight': %u is not between 10 and 1000",
				 c->io_weight);
	if (c->io_weight)
		l->io_weight = c->io_weight;
	for (size_t i = 0; r >= 0 && i < c->io.count; i++)
		r = add_io(l, c->io.items[i], f);
	return r;
}

/* --- seccomp ---------------------------------------------------------------------- */

int run_plan_seccomp(const struct run_config *c, struct plan *p, struct fault *f)
{
	cleanup_json struct json_object *wrapper = NULL, *inner = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	struct oci_reader r;
	const char *why = NULL;
	int error = 0;

	if (c->seccomp && strcmp(c->seccomp, "unconfined") == 0)
		return 0;
	if (!c->seccomp)
		return seccomp_default(p->process.caps[CAP_SET_BOUNDING], &p->seccomp, f);
	error = buf_read_file(&text, AT_FDCWD, c->seccomp);
	if (error < 0)
		return fault_set(f, error, "option '--seccomp': cannot read '%s'", c->seccomp);
	inner = json_parse(buf_text(&text), &why);
	wrapper = json_object_new_object();
	if (!inner || !wrapper || !json_object_is_type(inner, json_type_object))
		return fault_set(f, 0, "option '--seccomp': '%s' is no JSON object%s%s", c->seccomp,
				 why ? ": " : "", why ? why : "");
	json_object_object_add(wrapper, "seccomp", json_object_get(inner));
	r = (struct oci_reader){ .object = wrapper, .path = "--seccomp", .fault = f,
				 .error = &error };
	oci_read_seccomp(&r, p);
	return error;
}

/* --- ports -------------------------------------------------------------------------- */

int run_plan_ports(const struct run_config *c, struct plan *p, struct fault *f)
{
	if (!c->publish.count)
		return 0;
	if (!p->bridge || !p->nat)
		return fault_set(f, 0, "option '--publish' needs '--net bridge' with its translation");
	p->ports = calloc(c->publish.count, sizeof(*p->ports));
	if (!p->ports)
		return fault_set(f, -ENOMEM, "cannot make the plan");
	for (size_t i = 0; i < c->publish.count; i++)
		if (net_parse_port(c->publish.items[i], &p->ports[p->port_count++]) < 0)
			return fault_set(f, 0, "option '--publish': '%s' is not PORT:PORT or "
					 "PORT:PORT/udp", c->publish.items[i]);
	return 0;
}

/* --- clocks ------------------------------------------------------------------------ */

int run_plan_clocks(const struct run_config *c, struct plan *p, struct fault *f)
{
	char *end;

	p->clocks_from_zero = true;
	if (!c->time_offset)
		return 0;
	if (strcmp(c->time_offset, "host") == 0) {
		p->ns[NS_TIME].how = NS_SHARE;
		p->clocks_from_zero = false;
		return 0;
	}
	errno = 0;
	p->boottime_offset_s = p->monotonic_offset_s = strtoll(c->time_offset, &end, 10);
	/* A clock of 292 years is where the kernel ends. */
	if (!*c->time_offset || *end || errno || p->boottime_offset_s < 0 ||
	    p->boottime_offset_s > INT64_C(4000000000))
		return fault_set(f, 0, "option '--time-offset': '%s' is neither a number of seconds "
				 "from 0 to 4000000000 nor host", c->time_offset);
	return 0;
}
