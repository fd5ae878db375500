/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/run_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/cpus.h"
#include "launcher/creds.h"
#include "launcher/devices_cgroup.h"
#include "launcher/paths.h"
#include "launcher/rootfs.h"
#include "launcher/run_plan_more.h"

#define SUBNET_DEFAULT "10.99.0.0/16"
#define PATH_ENV "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int no_memory(struct fault *f)
{
	return fault_set(f, -ENOMEM, "cannot make the plan");
}

static int set_string(char **to, const char *from)
{
	free(*to);
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int plan_rootfs(const struct run_config *c, struct plan *p, struct fault *f)
{
	struct plan_rootfs *root = &p->rootfs;
	int driver = c->driver ? rootfs_driver_by_name(c->driver) : ROOTFS_UNIONFS;

	if (driver < 0)
		return fault_set(f, 0, "option '--rootfs-driver': '%s' is none of unionfs, overlay, "
				 "btrfs, vfs", c->driver);
	if (c->upper && (driver == ROOTFS_BTRFS || driver == ROOTFS_VFS))
		return fault_set(f, 0, "option '--upper': with --rootfs-driver %s changes are not "
				 "apart from the rest\nUse unionfs or overlay.", c->driver);
	root->driver = driver;
	root->read_only = c->read_only;
	for (size_t i = 0; i < c->lowers.count; i++) {
		cleanup_free char *path = NULL;

		if (!c->lowers.items[i][0])
			return fault_set(f, 0, "option '--lower': the path is empty");
		path = paths_absolute(c->lowers.items[i]);
		if (!path || opt_list_add(&root->lowers, path) < 0)
			return no_memory(f);
	}
	if (c->upper) {
		root->upper = paths_absolute(c->upper);
		if (!root->upper)
			return no_memory(f);
	}
	return 0;
}

static int plan_limits(const struct run_config *c, struct plan *p, struct fault *f)
{
	struct limits *l = &p->limits;
	cpu_set_t set;

	if (c->memory_bytes) {
		if (c->memory_bytes < 512 * 1024 || c->memory_bytes > INT64_MAX)
			return fault_set(f, 0, "option '--memory': nothing runs in %llu bytes\n"
					 "Give at least 512K.",
					 (unsigned long long)c->memory_bytes);
		l->memory_bytes = (int64_t)c->memory_bytes;
		/* No swap beyond it: the limit is one of memory, and bites. */
		l->memory_swap_bytes = l->memory_bytes;
	}
	/* pid 1 is ours, so it is not taken off what the user gets. */
	if (c->pids)
		l->pids_max = (int64_t)c->pids + 1;
	if (set_string(&l->cpuset_cpus, c->cpuset) < 0)
		return no_memory(f);

	if (c->cpus_milli) {
		l->cpu_count = c->cpuset ? 0 : cpus_needed(c->cpus_milli);
		/* As many CPUs as asked for need no quota beside them. */
		if (c->cpuset && cpus_parse_list(c->cpuset, &set) == 0 &&
		    cpus_needed(c->cpus_milli) >= (unsigned)CPU_COUNT(&set) &&
		    c->cpus_milli % 1000 == 0)
			return 0;
		l->cpu_period_us = CPU_PERIOD_US;
		l->cpu_quota_us = cpus_quota_us(c->cpus_milli);
	}
	return 0;
}

static int plan_namespaces(const struct run_config *c, struct plan *p, struct fault *f)
{
	static const enum ns_kind always[] = {
		NS_PID, NS_IPC, NS_UTS, NS_MOUNT, NS_CGROUP, NS_TIME,
	};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		p->ns[always[i]].how = NS_NEW;
	if (c->subnet && (!c->net || strcmp(c->net, "bridge") != 0))
		return fault_set(f, 0, "option '--subnet' is for '--net bridge'");
	if (!c->net || strcmp(c->net, "none") == 0) {
		p->ns[NS_NET].how = NS_NEW;
		p->loopback_up = true;
	} else if (strcmp(c->net, "bridge") == 0) {
		p->ns[NS_NET].how = NS_NEW;
		p->loopback_up = p->bridge = true;
		p->nat = !c->no_nat;
		if (net_parse_subnet(c->subnet ? c->subnet : SUBNET_DEFAULT, &p->subnet) < 0)
			return fault_set(f, 0, "option '--subnet': '%s' is no network of /8 to /29\n"
					 "Write it as " SUBNET_DEFAULT ".", c->subnet);
	} else if (c->net[0] == '/') {
		p->ns[NS_NET].how = NS_JOIN;
		if (set_string(&p->ns[NS_NET].path, c->net) < 0)
			return no_memory(f);
	} else if (strcmp(c->net, "host") == 0) {
		p->resolver = true;
	} else {
		return fault_set(f, 0, "option '--net': '%s' is none of none, bridge, host, or the "
				 "path of a namespace", c->net);
	}
	return 0;
}

static int add_env(const struct run_config *c, struct plan *p, struct fault *f)
{
	struct opt_list *env = &p->process.env;
	const char *term = getenv("TERM");
	cleanup_free char *hostname = NULL, *terminal = NULL;
	int r = opt_list_add(env, PATH_ENV);

	if (asprintf(&hostname, "HOSTNAME=%s", p->hostname) < 0 ||
	    asprintf(&terminal, "TERM=%s", term && *term ? term : "xterm") < 0)
		return no_memory(f);
	if (r >= 0)
		r = opt_list_add(env, hostname);
	if (r >= 0 && c->terminal)
		r = opt_list_add(env, terminal);
	if (r >= 0)
		r = opt_list_add(env, p->process.uid ? "HOME=/" : "HOME=/root");
	if (r >= 0)
		r = opt_list_add(env, "container=nacre");

	for (size_t i = 0; r >= 0 && i < c->env.count; i++) {
		const char *item = c->env.items[i];
		cleanup_free char *pair = NULL;

		if (!item[0] || item[0] == '=')
			return fault_set(f, 0, "option '--env': '%s' has no name", item);
		if (strchr(item, '=')) {
			r = opt_list_add(env, item);
			continue;
		}
		if (!getenv(item))
			continue;
		if (asprintf(&pair, "%s=%s", item, getenv(item)) < 0)
			return no_memory(f);
		r = opt_list_add(env, pair);
	}
	return r < 0 ? no_memory(f) : 0;
}

static bool parse_id(const char *text, size_t length, uint32_t *ret_id)
{
	uint64_t id = 0;

	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		id = id * 10 + (uint64_t)(text[i] - '0');
		if (id >= UINT32_MAX)
			return false;
	}
	*ret_id = (uint32_t)id;
	return length > 0;
}

static int plan_user(const struct run_config *c, struct plan *p, struct fault *f)
{
	const char *colon;

	if (!c->user)
		return 0;
	colon = strchr(c->user, ':');
	if (!parse_id(c->user, colon ? (size_t)(colon - c->user) : strlen(c->user),
		      &p->process.uid) ||
	    (colon && !parse_id(colon + 1, strlen(colon + 1), &p->process.gid)))
		return fault_set(f, 0, "option '--user': '%s' is no UID or UID:GID\n"
				 "Names are not looked up: the root's own table may say anything.",
				 c->user);
	return 0;
}

static int change_caps(const struct opt_list *list, const char *option, bool add,
		       uint64_t *set, struct fault *f)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *name = list->items[i];
		int cap = creds_cap_by_name(name);
		uint64_t bits;

		if (cap < 0 && strcasecmp(name, "ALL") != 0)
			return fault_set(f, 0, "option '%s': '%s' is no capability", option, name);
		bits = cap < 0 ? (UINT64_C(2) << creds_last_cap()) - 1 : UINT64_C(1) << cap;
		*set = add ? *set | bits : *set & ~bits;
	}
	return 0;
}

static int plan_process(const struct run_config *c, struct plan *p, char *const *argv,
			struct fault *f)
{
	struct plan_process *process = &p->process;
	uint64_t caps;
	int r = plan_user(c, p, f);

	for (; r >= 0 && *argv; argv++)
		r = opt_list_add(&process->args, *argv);
	if (r < 0)
		return no_memory(f);

	if (c->workdir && c->workdir[0] != '/')
		return fault_set(f, 0, "option '--workdir': '%s' is not absolute", c->workdir);
	if (set_string(&process->cwd, c->workdir ? c->workdir : "/") < 0)
		return no_memory(f);

	plan_default_caps(process);
	caps = process->caps[CAP_SET_BOUNDING];
	r = change_caps(&c->cap_drop, "--cap-drop", false, &caps, f);
	if (r >= 0)
		r = change_caps(&c->cap_add, "--cap-add", true, &caps, f);
	if (r < 0)
		return r;
	process->caps[CAP_SET_BOUNDING] = caps;
	/* An ordinary user gets what files give, within the bounding set. */
	process->caps[CAP_SET_EFFECTIVE] = process->uid ? 0 : caps;
	process->caps[CAP_SET_PERMITTED] = process->uid ? 0 : caps;
	process->no_new_privs = true;
	process->terminal = c->terminal;
	return add_env(c, p, f);
}

/* Cuts "SRC:DST[:ro]" at its colons; "\:" keeps one. */
static size_t split(char *text, char *parts[], size_t max)
{
	char *out = text;
	size_t count = 0;

	parts[count++] = text;
	for (; *text; text++) {
		if (*text == '\\' && (text[1] == ':' || text[1] == '\\')) {
			*out++ = *++text;
		} else if (*text == ':' && count < max) {
			*out++ = '\0';
			parts[count++] = out;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
	return count;
}

static int plan_bind(struct plan *p, const char *text, struct fault *f)
{
	cleanup_free char *copy = strdup(text);
	cleanup_free char *source = NULL;
	struct plan_mount *m;
	char *parts[3];
	size_t count;

	if (!copy)
		return no_memory(f);
	count = split(copy, parts, 3);
	if (count < 2 || !parts[0][0] || parts[1][0] != '/' ||
	    (count == 3 && strcmp(parts[2], "ro") != 0 && strcmp(parts[2], "rw") != 0))
		return fault_set(f, 0, "option '--bind': '%s' is not SRC:DST or SRC:DST:ro, with "
				 "an absolute DST", text);

	source = paths_absolute(parts[0]);
	m = source ? plan_add_mount(p, MOUNT_KIND_BIND, NULL, source, parts[1], NULL) : NULL;
	if (!m)
		return no_memory(f);
	m->recursive = true;
	m->rec_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	if (count == 3 && strcmp(parts[2], "ro") == 0)
		m->rec_set |= MOUNT_ATTR_RDONLY;
	return 0;
}

static int plan_tmpfs(struct plan *p, const char *text, struct fault *f)
{
	cleanup_free char *copy = strdup(text), *data = NULL;
	struct opt_error error = { "" };
	struct plan_mount *m;
	uint64_t size;
	char *parts[2];
	size_t count;

	if (!copy)
		return no_memory(f);
	count = split(copy, parts, 2);
	if (parts[0][0] != '/')
		return fault_set(f, 0, "option '--tmpfs': '%s' is not absolute", parts[0]);
	if (count == 2 && opt_parse_size(parts[1], &size, &error) < 0)
		return fault_set(f, 0, "option '--tmpfs': %s", error.text);
	if (count == 2 && asprintf(&data, "mode=1777,size=%llu", (unsigned long long)size) < 0)
		return no_memory(f);
	m = plan_add_mount(p, MOUNT_KIND_FS, "tmpfs", "tmpfs", parts[0],
			   data ? data : "mode=1777");
	if (!m)
		return no_memory(f);
	m->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	return 0;
}

static int plan_mounts(const struct run_config *c, struct plan *p, struct fault *f)
{
	int r = plan_add_default_mounts(p);

	if (r >= 0)
		r = plan_add_default_masks(p);
	if (r < 0)
		return no_memory(f);
	for (size_t i = 0; r >= 0 && i < c->tmpfs.count; i++)
		r = plan_tmpfs(p, c->tmpfs.items[i], f);
	for (size_t i = 0; r >= 0 && i < c->binds.count; i++)
		r = plan_bind(p, c->binds.items[i], f);
	return r;
}

/* A device of the host is what its path names now: the one question asked here. */
static int plan_device(struct plan *p, const char *path, struct fault *f)
{
	struct plan_device *devices;
	struct stat st;
	int r;

	if (stat(path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
		return fault_set(f, 0, "option '--device': '%s' is no device of this host", path);
	devices = reallocarray(p->devices, p->device_count + 1, sizeof(*devices));
	if (!devices)
		return no_memory(f);
	p->devices = devices;
	devices += p->device_count++;
	*devices = (struct plan_device){
		.path = strdup(path), .type = st.st_mode & S_IFMT,
		.major = major(st.st_rdev), .minor = minor(st.st_rdev),
		.mode = st.st_mode & 07777,
	};
	r = devices_cgroup_add(&p->limits, true, S_ISCHR(st.st_mode) ? 'c' : 'b',
			       major(st.st_rdev), minor(st.st_rdev), "rwm");
	return !devices->path || r < 0 ? no_memory(f) : 0;
}

static int parse_limit(const char *text, uint64_t *ret_value)
{
	char *end;

	if (strcmp(text, "unlimited") == 0) {
		*ret_value = UINT64_MAX;
		return 0;
	}
	errno = 0;
	*ret_value = strtoull(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && !errno ? 0 : -EINVAL;
}

static int plan_rlimit(struct plan *p, const char *text, struct fault *f)
{
	cleanup_free char *copy = strdup(text);
	char *value = copy ? strchr(copy, '=') : NULL, *hard;
	struct plan_rlimit limit, *limits;

	if (value)
		*value++ = '\0';
	hard = value ? strchr(value, ':') : NULL;
	if (hard)
		*hard++ = '\0';
	limit.resource = copy ? creds_rlimit_by_name(copy) : -1;
	if (!value || limit.resource < 0 || parse_limit(value, &limit.soft) < 0 ||
	    parse_limit(hard ? hard : value, &limit.hard) < 0 || limit.soft > limit.hard)
		return fault_set(f, 0, "option '--rlimit': '%s' is not NAME=SOFT[:HARD]", text);

	limits = reallocarray(p->process.rlimits, p->process.rlimit_count + 1, sizeof(*limits));
	if (!limits)
		return no_memory(f);
	p->process.rlimits = limits;
	limits[p->process.rlimit_count++] = limit;
	return 0;
}

static int plan_rest(const struct run_config *c, struct plan *p, struct fault *f)
{
	int r = devices_cgroup_add_defaults(&p->limits);

	if (r < 0)
		return no_memory(f);
	for (size_t i = 0; r >= 0 && i < c->devices.count; i++)
		r = plan_device(p, c->devices.items[i], f);
	for (size_t i = 0; r >= 0 && i < c->rlimits.count; i++)
		r = plan_rlimit(p, c->rlimits.items[i], f);
	for (size_t i = 0; r >= 0 && i < c->sysctls.count; i++) {
		if (!strchr(c->sysctls.items[i], '='))
			return fault_set(f, 0, "option '--sysctl': '%s' is not KEY=VALUE",
					 c->sysctls.items[i]);
		r = opt_list_add(&p->sysctls, c->sysctls.items[i]);
	}
	return r < 0 ? r : plan_check_sysctls(p, f);
}

static int fill_plan(const struct run_config *c, const char *id, char *const *argv,
		     struct plan *p, struct fault *f)
{
	int r;

	if (!plan_id_is_valid(id))
		return fault_set(f, 0, "option '--name': '%s' is no name for a container\n"
				 "Use letters, digits, '_', '+', '-' and '.', not '.' first.", id);
	if (set_string(&p->id, id) < 0 ||
	    set_string(&p->hostname, c->hostname ? c->hostname : id) < 0 ||
	    asprintf(&p->cgroup_path, "/nacre/%s", id) < 0)
		return no_memory(f);
	if (strlen(p->hostname) > 64)
		return fault_set(f, 0, "option '--hostname': '%s' is longer than 64 bytes",
				 p->hostname);
	p->init = true;
	p->views = !c->no_views;

	r = plan_rootfs(c, p, f);
	if (r >= 0)
		r = plan_limits(c, p, f);
	if (r >= 0)
		r = run_plan_io(c, &p->limits, f);
	if (r >= 0)
		r = plan_namespaces(c, p, f);
	if (r >= 0)
		r = run_plan_ports(c, p, f);
	if (r >= 0)
		r = run_plan_clocks(c, p, f);
	if (r >= 0)
		r = plan_process(c, p, argv, f);
	if (r >= 0)
		r = run_plan_seccomp(c, p, f);
	if (r >= 0)
		r = plan_mounts(c, p, f);
	return r < 0 ? r : plan_rest(c, p, f);
}

int run_config_plan(const struct run_config *c, const char *id, char *const *argv,
		    struct plan **ret_plan, struct fault *f)
{
	struct plan *p = plan_new();
	int r;

	if (!p)
		return no_memory(f);
	r = fill_plan(c, id, argv, p, f);
	if (r < 0) {
		plan_free(p);
		return r;
	}
	*ret_plan = p;
	return 0;
}
