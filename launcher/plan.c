/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/plan.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "common/cleanup.h"
#include "launcher/seccomp.h"

struct plan *plan_new(void)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;

	limits_init(&plan->limits);
	plan->process.umask = 0022;
	plan->new_keyring = true;
	return plan;
}

static void free_mounts(struct plan *plan)
{
	for (size_t i = 0; i < plan->mount_count; i++) {
		struct plan_mount *m = &plan->mounts[i];

		free(m->type);
		free(m->source);
		free(m->target);
		free(m->data);
		free(m->uids.ranges);
		free(m->gids.ranges);
	}
	free(plan->mounts);
}

void plan_process_done(struct plan_process *p)
{
	opt_list_done(&p->args);
	opt_list_done(&p->env);
	free(p->cwd);
	free(p->groups);
	free(p->rlimits);
	free(p->sched.cpus_initial);
	free(p->sched.cpus_final);
	free(p->apparmor_profile);
	free(p->selinux_label);
	*p = (struct plan_process){ 0 };
}

static void free_hooks(struct plan *plan)
{
	for (size_t i = 0; i < plan->hook_count; i++) {
		free(plan->hooks[i].path);
		opt_list_done(&plan->hooks[i].args);
		opt_list_done(&plan->hooks[i].env);
	}
	free(plan->hooks);
}

struct plan *plan_free(struct plan *plan)
{
	if (!plan)
		return NULL;

	free_mounts(plan);
	plan_process_done(&plan->process);
	seccomp_free(plan->seccomp);
	free(plan->seccomp_listener);
	free(plan->seccomp_metadata);
	free_hooks(plan);
	for (int i = 0; i < NS_COUNT; i++)
		free(plan->ns[i].path);
	for (size_t i = 0; i < plan->device_count; i++)
		free((char *)plan->devices[i].path);
	free(plan->devices);
	free(plan->ports);
	opt_list_done(&plan->rootfs.lowers);
	free(plan->rootfs.upper);
	free(plan->rootfs.directory);
	free(plan->uids.ranges);
	free(plan->gids.ranges);
	opt_list_done(&plan->masked);
	opt_list_done(&plan->read_only);
	opt_list_done(&plan->sysctls);
	opt_list_done(&plan->annotations);
	limits_done(&plan->limits);
	free(plan->cgroup_path);
	free(plan->bundle);
	free(plan->hostname);
	free(plan->domainname);
	free(plan->id);
	free(plan);
	return NULL;
}

static bool copy_string(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

struct plan_mount *plan_add_mount(struct plan *plan, enum mount_kind kind,
				  const char *type, const char *source,
				  const char *target, const char *data)
{
	struct plan_mount *mounts, *m;

	mounts = reallocarray(plan->mounts, plan->mount_count + 1, sizeof(*mounts));
	if (!mounts)
		return NULL;

	plan->mounts = mounts;
	m = &mounts[plan->mount_count];
	*m = (struct plan_mount){ .kind = kind };
	plan->mount_count++;	/* plan_free() frees what was copied */
	if (!copy_string(&m->type, type) || !copy_string(&m->source, source) ||
	    !copy_string(&m->target, target) || !copy_string(&m->data, data))
		return NULL;
	return m;
}

/* What is left of @path below @dir: "/c" of "/a/b/c" below "/a/b"; NULL if it lies elsewhere. */
static const char *path_below(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	while (length && dir[length - 1] == '/')
		length--;
	return strncmp(path, dir, length) == 0 && (!path[length] || path[length] == '/')
		       ? path + length : NULL;
}

static bool is_covered_before(const struct plan *plan, const char *path, size_t mount)
{
	for (size_t i = 0; i < mount; i++)
		if (!plan->mounts[i].remount && path_below(path, plan->mounts[i].target))
			return true;
	return false;
}

void plan_find_inner_sources(struct plan *plan)
{
	for (size_t i = 0; plan->rootfs.directory && i < plan->mount_count; i++) {
		struct plan_mount *m = &plan->mounts[i];
		const char *inner = m->kind == MOUNT_KIND_BIND
					    ? path_below(m->source, plan->rootfs.directory) : NULL;

		if (inner && is_covered_before(plan, inner, i))
			m->source_in_root = inner;
	}
}

#define NO_DEV	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define NO_EXEC (NO_DEV | MOUNT_ATTR_NOEXEC)

static const struct default_mount {
	enum mount_kind kind;
	const char *type, *target, *data;
	uint64_t attr;
	bool optional;
} default_mounts[] = {
	{ MOUNT_KIND_FS, "proc", "/proc", NULL, NO_EXEC, false },
	{ MOUNT_KIND_FS, "tmpfs", "/dev", "mode=755,size=65536k",
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, false },
	{ MOUNT_KIND_FS, "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5",
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false },
	{ MOUNT_KIND_FS, "tmpfs", "/dev/shm", "mode=1777,size=65536k", NO_EXEC, false },
	/* A kernel may be built without POSIX queues. */
	{ MOUNT_KIND_FS, "mqueue", "/dev/mqueue", NULL, NO_EXEC, true },
	{ MOUNT_KIND_FS, "sysfs", "/sys", NULL, NO_EXEC | MOUNT_ATTR_RDONLY, false },
	{ MOUNT_KIND_CGROUP, "cgroup", "/sys/fs/cgroup", NULL,
	  NO_EXEC | MOUNT_ATTR_RDONLY, true },
	{ MOUNT_KIND_FS, "tmpfs", "/tmp", "mode=1777", NO_DEV, false },
};

int plan_add_default_mounts(struct plan *plan)
{
	for (size_t i = 0; i < sizeof(default_mounts) / sizeof(default_mounts[0]); i++) {
		const struct default_mount *d = &default_mounts[i];
		struct plan_mount *m = plan_add_mount(plan, d->kind, d->type, d->type,
						      d->target, d->data);

		if (!m)
			return -ENOMEM;
		m->attr_set = d->attr;
		m->optional = d->optional;
	}
	plan->default_devices = true;
	return 0;
}

static const char *const default_masked[] = {
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore",
	"/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
	"/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
	"/sys/firmware",
};

static const char *const default_read_only[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static int add_all(struct opt_list *list, const char *const *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = opt_list_add(list, items[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

int plan_add_default_masks(struct plan *plan)
{
	int r = add_all(&plan->masked, default_masked,
			sizeof(default_masked) / sizeof(default_masked[0]));

	if (r < 0)
		return r;
	return add_all(&plan->read_only, default_read_only,
		       sizeof(default_read_only) / sizeof(default_read_only[0]));
}

void plan_default_caps(struct plan_process *process)
{
	static const unsigned char usual[] = {
		CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL,
		CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_NET_BIND_SERVICE,
		CAP_NET_RAW, CAP_SYS_CHROOT, CAP_MKNOD, CAP_AUDIT_WRITE,
		CAP_SETFCAP,
	};
	uint64_t set = 0;

	for (size_t i = 0; i < sizeof(usual); i++)
		set |= UINT64_C(1) << usual[i];

	process->caps[CAP_SET_BOUNDING] = set;
	process->caps[CAP_SET_EFFECTIVE] = set;
	process->caps[CAP_SET_PERMITTED] = set;
	/* Inheritable stays empty: a file could raise it for an ordinary user. */
	process->caps[CAP_SET_INHERITABLE] = 0;
	process->caps[CAP_SET_AMBIENT] = 0;
}

int idmap_add(struct idmap *map, uint32_t inside, uint32_t outside, uint32_t count)
{
	struct idmap_range *ranges;

	ranges = reallocarray(map->ranges, map->count + 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;

	map->ranges = ranges;
	ranges[map->count++] = (struct idmap_range){ inside, outside, count };
	return 0;
}

int64_t idmap_to_outside(const struct idmap *map, uint32_t inside)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_range *r = &map->ranges[i];

		if (inside >= r->inside && inside - r->inside < r->count)
			return (int64_t)r->outside + (inside - r->inside);
	}
	return -1;
}

const char *plan_env(const struct plan_process *process, const char *name)
{
	size_t length = strlen(name);

	/* The last one given wins, as for an option. */
	for (size_t i = process->env.count; i-- > 0;) {
		const char *item = process->env.items[i];

		if (strncmp(item, name, length) == 0 && item[length] == '=')
			return item + length + 1;
	}
	return NULL;
}

bool plan_id_is_valid(const char *id)
{
	if (!isalnum((unsigned char)id[0]) && !strchr("_+-", id[0]))
		return false;
	if (!id[0] || strlen(id) > 200)
		return false;
	for (const char *p = id; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_+-.", *p))
			return false;
	return true;
}
