/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/oci_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include "launcher/devices_cgroup.h"

static const struct { const char *word; enum ns_kind kind; } ns_words[] = {
	{ "user", NS_USER },   { "pid", NS_PID }, { "network", NS_NET },
	{ "ipc", NS_IPC },     { "uts", NS_UTS }, { "mount", NS_MOUNT },
	{ "cgroup", NS_CGROUP }, { "time", NS_TIME },
};

static int find_namespace(const char *word)
{
	for (size_t i = 0; word && i < sizeof(ns_words) / sizeof(ns_words[0]); i++)
		if (strcmp(ns_words[i].word, word) == 0)
			return ns_words[i].kind;
	return -1;
}

static void read_namespaces(const struct oci_reader *r, struct plan *p)
{
	size_t count = oci_length(r, "namespaces");

	for (size_t i = 0; i < count && !*r->error; i++) {
		struct oci_reader item = oci_item(r, "namespaces", i);
		const char *type = oci_peek(&item, "type");
		const char *path = oci_peek(&item, "path");
		int kind = find_namespace(type);

		if (kind < 0) {
			oci_fail(&item, "type", "'%s' is no namespace", type ? type : "");
			return;
		}
		if (p->ns[kind].how != NS_SHARE) {
			oci_fail(&item, "type", "'%s' is given twice", type);
			return;
		}
		p->ns[kind].how = path && *path ? NS_JOIN : NS_NEW;
		if (path && *path != '/' && *path)
			oci_fail(&item, "path", "'%s' is not absolute", path);
		if (path && *path)
			oci_string(&item, "path", &p->ns[kind].path);
	}
}

void oci_read_idmap(const struct oci_reader *r, const char *key, struct idmap *map)
{
	size_t count = oci_length(r, key);

	for (size_t i = 0; i < count && !*r->error; i++) {
		struct oci_reader item = oci_item(r, key, i);
		uint32_t inside = 0, outside = 0, size = 0;

		oci_uint32(&item, "containerID", &inside);
		oci_uint32(&item, "hostID", &outside);
		oci_uint32(&item, "size", &size);
		if (!size)
			oci_fail(&item, "size", "is 0");
		else if (idmap_add(map, inside, outside, size) < 0)
			oci_no_memory(r);
	}
}

static void read_offset(const struct oci_reader *r, const char *key, int64_t *seconds,
			uint32_t *nanoseconds)
{
	struct oci_reader offset = oci_below(r, key);

	oci_int(&offset, "secs", INT64_MIN, INT64_MAX, seconds);
	oci_uint32(&offset, "nanosecs", nanoseconds);
	if (*nanoseconds > 999999999)
		oci_fail(&offset, "nanosecs", "is above 999999999");
}

static void read_time(const struct oci_reader *r, struct plan *p)
{
	struct oci_reader offsets = oci_below(r, "timeOffsets");

	if (!offsets.object)
		return;
	if (p->ns[NS_TIME].how != NS_NEW) {
		oci_fail(r, "timeOffsets", "needs a new time namespace");
		return;
	}
	p->has_time_offsets = true;
	read_offset(&offsets, "monotonic", &p->monotonic_offset_s, &p->monotonic_offset_ns);
	read_offset(&offsets, "boottime", &p->boottime_offset_s, &p->boottime_offset_ns);
}

static mode_t device_type(const char *type)
{
	if (type && (strcmp(type, "c") == 0 || strcmp(type, "u") == 0))
		return S_IFCHR;
	if (type && strcmp(type, "b") == 0)
		return S_IFBLK;
	return type && strcmp(type, "p") == 0 ? S_IFIFO : 0;
}

static void read_device(const struct oci_reader *r, struct plan *p)
{
	struct plan_device *devices = reallocarray(p->devices, p->device_count + 1,
						   sizeof(*devices));
	const char *path = oci_peek(r, "path"), *type = oci_peek(r, "type");
	int64_t major = 0, minor = 0, mode = 0666;
	struct plan_device d = { .type = device_type(type) };

	if (!devices) {
		oci_no_memory(r);
		return;
	}
	p->devices = devices;
	if (!path || path[0] != '/')
		oci_fail(r, "path", "must be an absolute path");
	if (!d.type)
		oci_fail(r, "type", "'%s' is none of c, u, b, p", type ? type : "");
	oci_int(r, "major", -1, UINT32_MAX, &major);
	oci_int(r, "minor", -1, UINT32_MAX, &minor);
	oci_int(r, "fileMode", 0, 0xffff, &mode);
	oci_uint32(r, "uid", &d.uid);
	oci_uint32(r, "gid", &d.gid);
	if (*r->error)
		return;
	d.major = (unsigned)major;
	d.minor = (unsigned)minor;
	d.mode = (mode_t)mode & 07777;
	d.path = strdup(path);
	if (!d.path)
		oci_no_memory(r);
	else
		devices[p->device_count++] = d;
}

/* "/a/b" is below the hierarchies' root; "a/b" too: we have no other place for it. */
static void read_cgroups_path(const struct oci_reader *r, const struct oci_context *context,
			      struct plan *p)
{
	const char *path = oci_peek(r, "cgroupsPath");
	int n;

	if (context->systemd_cgroup) {
		oci_fail(r, "cgroupsPath", "the systemd cgroup driver is not supported: no systemd "
			 "can be asked; use the cgroupfs driver");
		return;
	}
	if (!path || !*path)
		n = asprintf(&p->cgroup_path, "/nacre/%s", context->id);
	else
		n = asprintf(&p->cgroup_path, "%s%s", path[0] == '/' ? "" : "/", path);
	if (n < 0) {
		p->cgroup_path = NULL;
		oci_no_memory(r);
		return;
	}
	if (strstr(p->cgroup_path, "/../") || strstr(p->cgroup_path, "/./") ||
	    strcmp(p->cgroup_path + strlen(p->cgroup_path) - 1, "/") == 0 ||
	    (strlen(p->cgroup_path) > 2 &&
	     strcmp(p->cgroup_path + strlen(p->cgroup_path) - 3, "/..") == 0))
		oci_fail(r, "cgroupsPath", "'%s' is no path of a cgroup", p->cgroup_path);
}

static void read_propagation(const struct oci_reader *r, struct plan *p)
{
	const char *word = oci_peek(r, "rootfsPropagation");

	if (!word || !*word)
		return;
	p->rootfs.propagation = oci_propagation(word);
	if (!p->rootfs.propagation)
		oci_fail(r, "rootfsPropagation", "'%s' is no propagation", word);
}

static void read_paths(const struct oci_reader *r, const char *key, struct opt_list *ret)
{
	oci_strings(r, key, ret);
	for (size_t i = 0; i < ret->count; i++)
		if (ret->items[i][0] != '/')
			oci_fail(r, key, "'%s' is not absolute", ret->items[i]);
}

static void read_personality(const struct oci_reader *linux_reader, struct plan *p)
{
	static const struct { const char *word; unsigned long domain; } domains[] = {
		{ "LINUX", PER_LINUX }, { "LINUX32", PER_LINUX32 },
	};
	struct oci_reader r = oci_below(linux_reader, "personality");
	const char *domain = oci_peek(&r, "domain");

	if (!r.object)
		return;
	if (oci_length(&r, "flags"))
		oci_fail(&r, "flags", "are not supported: the specification defines none");
	for (size_t i = 0; domain && i < sizeof(domains) / sizeof(domains[0]); i++) {
		if (strcmp(domains[i].word, domain) != 0)
			continue;
		p->has_personality = true;
		p->personality = domains[i].domain;
		return;
	}
	oci_fail(&r, "domain", "'%s' is neither LINUX nor LINUX32", domain ? domain : "");
}

static void check_namespaces(const struct oci_reader *r, const struct plan *p)
{
	bool user = p->ns[NS_USER].how != NS_SHARE;

	if (p->ns[NS_MOUNT].how != NS_NEW)
		oci_fail(r, "namespaces", "a new mount namespace is needed for the root");
	if ((p->hostname || p->domainname) && p->ns[NS_UTS].how == NS_SHARE)
		oci_fail(r, "namespaces", "a hostname needs a uts namespace");
	if (p->ns[NS_USER].how == NS_NEW && (!p->uids.count || !p->gids.count))
		oci_fail(r, "uidMappings", "a new user namespace needs id mappings");
	if (!user && (p->uids.count || p->gids.count))
		oci_fail(r, "uidMappings", "id mappings need a user namespace");
}

static void check_unsupported(const struct oci_reader *r)
{
	static const char *const keys[] = { "intelRdt", "netDevices",
					    "memoryPolicy" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (oci_has(r, keys[i]))
			oci_fail(r, keys[i], "is not supported");
}

void oci_read_linux(const struct oci_reader *config, const struct oci_context *context,
		    struct plan *p)
{
	struct oci_reader r = oci_below(config, "linux");
	struct oci_reader resources = oci_below(&r, "resources");
	size_t count = oci_length(&r, "devices");

	read_namespaces(&r, p);
	oci_read_idmap(&r, "uidMappings", &p->uids);
	oci_read_idmap(&r, "gidMappings", &p->gids);
	read_time(&r, p);
	for (size_t i = 0; i < count && !*r.error; i++) {
		struct oci_reader item = oci_item(&r, "devices", i);

		read_device(&item, p);
	}
	read_cgroups_path(&r, context, p);
	oci_read_resources(&resources, &p->limits);
	oci_pairs(&r, "sysctl", &p->sysctls);
	read_paths(&r, "maskedPaths", &p->masked);
	read_paths(&r, "readonlyPaths", &p->read_only);
	read_personality(&r, p);
	read_propagation(&r, p);
	oci_read_seccomp(&r, p);
	check_namespaces(&r, p);
	check_unsupported(&r);
	p->loopback_up = p->ns[NS_NET].how == NS_NEW;
}
