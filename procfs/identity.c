/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/lock.h"
#include "procfs/process.h"

/* <linux/nsfs.h> of Linux 6.11; Debian 12's headers are older. */
#define NS_GET_TGID_FROM_PIDNS_ _IOR(0xb7, 0x7, int)

#define CACHE_SIZE  512	/* a power of two */
#define INITS_KNOWN 256

struct cached {
	uint64_t key;		/* 0: empty */
	uint64_t version;	/* of the containers, when it was found */
	unsigned slot, generation;
};

struct known_init {
	uint64_t pidns;		/* inode; 0: empty */
	pid_t pid;
};

struct identity {
	struct containers *containers;		/* lent */
	const struct container_world *world;	/* lent */
	struct identity_policy policy;
	uint64_t own_pidns, own_cgroupns;	/* inodes; 0 where there are none */
	int own_cgroupns_fd;			/* owned, or -1 */
	struct lock lock;			/* guards cache */
	struct cached cache[CACHE_SIZE];
	struct lock init_lock;			/* guards inits */
	struct known_init inits[INITS_KNOWN];	/* by the inode's last bits */
};

/* Who asks: what an answer depends on. */
struct caller {
	pid_t tid;
	uint64_t pidns, cgroupns;	/* inodes */
	struct buf text;		/* of /proc/TID/cgroup */
};

static const char *const rule_names[IDENTITY_RULES] = {
	[IDENTITY_REGISTERED] = "registered",
	[IDENTITY_CGROUPNS] = "cgroupns",
	[IDENTITY_PIDNS] = "pidns",
	[IDENTITY_CALLER] = "caller",
};

const char *identity_rule_name(enum identity_rule rule)
{
	return rule_names[rule];
}

int identity_open(struct containers *containers, const struct container_world *world,
		  const struct identity_policy *policy, struct identity **ret)
{
	struct identity *id = calloc(1, sizeof(*id));

	if (!id)
		return -ENOMEM;
	lock_init(&id->lock);
	lock_init(&id->init_lock);
	id->containers = containers;
	id->world = world;
	id->policy = *policy;
	(void)process_namespace(world->host, getpid(), "pid", &id->own_pidns);
	(void)process_namespace(world->host, getpid(), "cgroup", &id->own_cgroupns);
	id->own_cgroupns_fd = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
	*ret = id;
	return 0;
}

struct identity *identity_close(struct identity *id)
{
	if (!id)
		return NULL;
	cleanup_fd_(&id->own_cgroupns_fd);
	lock_done(&id->lock);
	lock_done(&id->init_lock);
	free(id);
	return NULL;
}

static uint64_t caller_key(const struct caller *caller)
{
	uint64_t hash = caller->pidns * UINT64_C(0x9e3779b97f4a7c15) ^ caller->cgroupns;

	for (size_t i = 0; i < caller->text.length; i++)
		hash = (hash ^ (unsigned char)caller->text.data[i]) *
		       UINT64_C(1099511628211);
	return hash ? hash : 1;
}

static int read_caller(struct identity *id, pid_t tid, struct caller *caller)
{
	struct host *host = id->world->host;
	int r = process_read(host, tid, "cgroup", &caller->text);

	caller->tid = tid;
	if (r >= 0)
		r = process_namespace(host, tid, "pid", &caller->pidns);
	if (r >= 0 && process_namespace(host, tid, "cgroup", &caller->cgroupns) < 0)
		caller->cgroupns = id->own_cgroupns;	/* before Linux 4.6 */
	return r;
}

/* The host process id of the init of a thread's pid namespace, or -errno. */
static pid_t namespace_init(const struct identity *id, pid_t tid)
{
	cleanup_fd int fd = -1;
	char path[64];
	int pid;

	snprintf(path, sizeof(path), "proc/%d/ns/pid", (int)tid);
	fd = neg_errno(openat(host_root_fd(id->world->host), path, O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	pid = ioctl(fd, NS_GET_TGID_FROM_PIDNS_, 1);
	return pid > 0 ? pid : -errno;
}

/* True if the process is number 1 of its innermost pid namespace. */
static bool is_init(const struct host *host, pid_t pid)
{
	cleanup_buf struct buf text = BUF_INIT;
	const char *line, *end;

	if (process_read(host, pid, "status", &text) < 0)
		return false;
	line = strstr(buf_text(&text), "\nNSpid:");
	if (!line)
		return false;
	end = strchrnul(line + 1, '\n');
	return end[-1] == '1' && (end[-2] == '\t' || end[-2] == ' ');
}

/*
 * Before Linux 6.11: look at all processes. That takes long on a large host, so
 * what was found is kept as long as that init lives.
 */
static pid_t search_init(struct identity *id, uint64_t pidns)
{
	struct known_init *known = &id->inits[pidns % INITS_KNOWN];
	struct host *host = id->world->host;
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	uint64_t at;
	int fd;

	lock_scope(&id->init_lock);
	if (known->pidns == pidns && known->pid &&
	    process_namespace(host, known->pid, "pid", &at) == 0 && at == pidns)
		return known->pid;

	fd = openat(host_root_fd(host), "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);

		if (pid <= 0 || process_namespace(host, pid, "pid", &at) < 0 ||
		    at != pidns || !is_init(host, pid))
			continue;
		*known = (struct known_init){ pidns, pid };
		return pid;
	}
	return -ESRCH;
}

/* init may sit in a leaf of its own below the container's cgroup. */
static void strip_init_scope(char *path)
{
	static const char suffix[] = "/init.scope";
	size_t length = path ? strlen(path) : 0;

	if (length < sizeof(suffix) - 1 ||
	    strcmp(path + length - (sizeof(suffix) - 1), suffix) != 0)
		return;
	path[length - (sizeof(suffix) - 1)] = '\0';
	if (!*path)
		strcpy(path, "/");
}

static void strip_all(struct cgroup_paths *paths)
{
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		strip_init_scope(paths->of[i]);
	strip_init_scope(paths->v2);
}

/* Cuts what a process sees of its own path off the path that we see. */
static void cut_suffix(char *ours, const char *theirs)
{
	size_t length = ours ? strlen(ours) : 0, cut = theirs ? strlen(theirs) : 0;

	if (!ours || !theirs || strcmp(theirs, "/") == 0 || cut > length ||
	    strcmp(ours + length - cut, theirs) != 0)
		return;
	ours[length - cut] = '\0';
	if (!*ours)
		strcpy(ours, "/");
}

/*
 * The caller's /proc/TID/cgroup as it looks from inside its cgroup namespace:
 * this thread goes there for one read. A thread that cannot come back would
 * answer wrongly from then on, so that ends the worker.
 */
static int read_inside(const struct identity *id, pid_t tid, struct buf *out)
{
	cleanup_fd int fd = -1;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "proc/%d/ns/cgroup", (int)tid);
	fd = neg_errno(openat(host_root_fd(id->world->host), path, O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	if (id->own_cgroupns_fd < 0)
		return -ENOSYS;
	if (setns(fd, CLONE_NEWCGROUP) < 0)
		return -errno;
	r = process_read(id->world->host, tid, "cgroup", out);
	if (setns(id->own_cgroupns_fd, CLONE_NEWCGROUP) < 0)
		abort();
	return r;
}

static int paths_of(const struct identity *id, pid_t tid, struct cgroup_paths *paths)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = process_read(id->world->host, tid, "cgroup", &text);

	if (r >= 0 && text.length)
		r = cgroup_paths_parse(id->world->layout, text.data, paths);
	return r;
}

static int by_cgroupns(struct identity *id, const struct caller *caller,
		       struct cgroup_paths *paths)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct cgroup_paths inside = { 0 };
	int r;

	if (!id->own_cgroupns || caller->cgroupns == id->own_cgroupns)
		return -ENOENT;
	r = read_inside(id, caller->tid, &text);
	if (r >= 0 && text.length)
		r = cgroup_paths_parse(id->world->layout, text.data, &inside);
	if (r >= 0)
		r = paths_of(id, caller->tid, paths);
	if (r >= 0) {
		for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
			cut_suffix(paths->of[i], inside.of[i]);
		cut_suffix(paths->v2, inside.v2);
	}
	cgroup_paths_done(&inside);
	return r == -ESRCH ? r : r < 0 ? -ENOENT : 0;
}

static pid_t caller_init(struct identity *id, const struct caller *caller)
{
	pid_t pid;

	if (caller->pidns == id->own_pidns)
		return -ENOENT;
	pid = namespace_init(id, caller->tid);
	return pid > 0 ? pid : search_init(id, caller->pidns);
}

static int by_pidns(struct identity *id, const struct caller *caller,
		    struct cgroup_paths *paths)
{
	pid_t pid = caller_init(id, caller);
	int r = pid < 0 ? pid : paths_of(id, pid, paths);

	if (r >= 0)
		strip_all(paths);
	return r == -ESRCH ? -ENOENT : r;
}

static bool is_root_everywhere(const struct cgroup_paths *paths)
{
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (paths->of[i] && strcmp(paths->of[i], "/") != 0)
			return false;
	return !paths->v2 || strcmp(paths->v2, "/") == 0;
}

static int add_automatic(struct identity *id, const struct caller *caller,
			 const struct cgroup_paths *paths, struct container **ret)
{
	struct container_spec spec = { .kind = CONTAINER_AUTOMATIC, .id = "" };
	pid_t init = caller_init(id, caller);

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		spec.group.path[i] = paths->of[i];
	spec.group.path[GROUP_V2] = paths->v2;

	if (init > 0) {
		spec.pid = init;
		(void)process_start_ns(id->world->host, init, &spec.start_ns);
	} else {
		spec.is_host_clock = is_root_everywhere(paths);
	}
	return containers_add(id->containers, &spec, ret);
}

static int by_rule(struct identity *id, enum identity_rule rule,
		   const struct caller *caller, struct container **ret)
{
	struct cgroup_paths paths = { 0 };
	int r;

	if (rule == IDENTITY_CGROUPNS)
		r = by_cgroupns(id, caller, &paths);
	else if (rule == IDENTITY_PIDNS)
		r = by_pidns(id, caller, &paths);
	else
		r = paths_of(id, caller->tid, &paths);

	if (r >= 0 && rule == IDENTITY_REGISTERED) {
		*ret = containers_match(id->containers, &paths);
		r = *ret ? 0 : -ENOENT;
	} else if (r >= 0) {
		r = add_automatic(id, caller, &paths, ret);
	}
	cgroup_paths_done(&paths);
	return r;
}

/* Numbers of namespaces are used again: the one who was found must still live. */
static struct container *from_cache(struct identity *id, uint64_t key)
{
	struct container *c;
	struct cached entry;

	lock_take(&id->lock);
	entry = id->cache[key % CACHE_SIZE];
	lock_drop(&id->lock);
	if (entry.key != key || entry.version != containers_version(id->containers))
		return NULL;
	c = containers_get(id->containers, entry.slot, entry.generation);
	if (c && !container_has_init(c)) {
		container_put(c);
		return NULL;
	}
	return c;
}

static void to_cache(struct identity *id, uint64_t key, const struct container *c)
{
	lock_scope(&id->lock);
	id->cache[key % CACHE_SIZE] = (struct cached){
		key, containers_version(id->containers),
		container_slot(c), container_generation(c),
	};
}

static int find(struct identity *id, const struct caller *caller, struct container **ret)
{
	uint64_t key = caller_key(caller);
	int r = -ENOENT;

	*ret = from_cache(id, key);
	if (*ret)
		return 0;
	for (unsigned i = 0; i < id->policy.count && r == -ENOENT; i++)
		r = by_rule(id, id->policy.rules[i], caller, ret);
	if (r >= 0)
		to_cache(id, key, *ret);
	return r;
}

int identity_of(struct identity *id, pid_t tid, struct container **ret)
{
	struct caller caller = { .text = BUF_INIT };
	int r;

	if (tid <= 0)
		return -ESRCH;
	r = read_caller(id, tid, &caller);
	if (r >= 0)
		r = find(id, &caller, ret);
	buf_done(&caller.text);
	return r;
}

struct container *identity_registered(struct identity *id, pid_t tid)
{
	struct cgroup_paths paths = { 0 };
	struct container *c = NULL;

	if (tid > 0 && paths_of(id, tid, &paths) >= 0)
		c = containers_match(id->containers, &paths);
	cgroup_paths_done(&paths);
	return c;
}

pid_t identity_init(struct identity *id, pid_t tid)
{
	struct caller caller = { .text = BUF_INIT };
	int r = read_caller(id, tid, &caller);

	buf_done(&caller.text);
	return r < 0 ? r : caller_init(id, &caller);
}
