/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/container_view.c - look at one container */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "procfs/clock.h"
#include "procfs/container_impl.h"
#include "procfs/process.h"

#define LOAD_READ_NS	 (1200 * NS_PER_S)	/* loads that nobody reads are not sampled */
#define CLOCK_SETTLED_NS (10 * NS_PER_S)
#define CLOCK_FRESH_NS	 (50 * NS_PER_S / 1000)

/* The cgroups, opened again after another worker had them open. */
int container_group_locked(struct container *c)
{
	struct group_spec spec;
	int r;

	if (c->group)
		return 0;
	container_group_spec(c->slot, &spec);
	r = group_open(c->cs->world->layout, &spec, &c->group);
	return r == -ENOENT ? -ENODEV : r;
}

bool container_has_v2(struct container *c)
{
	lock_scope(&c->lock);
	return container_group_locked(c) == 0 && group_has(c->group, GROUP_V2) &&
	       group_depth(c->group, GROUP_V2) > 0;
}

/*
 * The number may be another process' already when it is looked at: then it began at
 * another time. Later the descriptor tells.
 */
bool container_has_init(struct container *c)
{
	struct pollfd p = { .events = POLLIN };
	uint64_t start;

	if (c->slot->pid <= 0 || c->slot->start_ns == 0)
		return true;
	lock_scope(&c->lock);
	if (c->init_fd < 0) {
		c->init_fd = (int)syscall(SYS_pidfd_open, c->slot->pid, 0);
		if (process_start_ns(c->cs->world->host, c->slot->pid, &start) < 0 ||
		    start != c->slot->start_ns)
			return false;
	}
	p.fd = c->init_fd;
	return c->init_fd < 0 || poll(&p, 1, 0) <= 0;
}

/* The oldest process in the container's cgroups; -ESRCH while there is none. */
static int oldest_locked(struct container *c, pid_t *ret_pid, uint64_t *ret_start_ns)
	REQUIRES(c->lock)
{
	for (int i = 0; i < GROUP_PLACES; i++)
		if (group_has(c->group, i) && group_depth(c->group, i) > 0)
			return process_oldest(c->cs->world->host, group_dir(c->group, i),
					      ret_pid, ret_start_ns);
	return -ESRCH;
}

/*
 * A container registered by its cgroups alone began with the oldest process in
 * them, or, while there is none yet, when it was registered.
 */
static void find_start_locked(struct container *c, uint64_t now) REQUIRES(c->lock)
{
	pid_t pid;

	if (oldest_locked(c, &pid, &c->start_ns) < 0)
		c->start_ns = now;
	c->slot->start_ns = c->start_ns;
}

/*
 * A process may enter its time namespace after it was registered, but has done
 * so when the container runs. It cannot leave it again.
 */
static void find_clock_locked(struct container *c, uint64_t now) REQUIRES(c->lock)
{
	pid_t pid = c->slot->pid;
	uint64_t start;

	if (c->slot->is_host_clock ||
	    (c->clock_read_ns && (c->clock_read_ns - c->start_ns > CLOCK_SETTLED_NS ||
				  now - c->clock_read_ns < CLOCK_FRESH_NS)))
		return;
	if (!pid && oldest_locked(c, &pid, &start) < 0)
		return;
	if (process_clock_offset_ns(c->cs->world->host, pid, &c->clock_offset_ns) == 0)
		c->clock_read_ns = now > c->start_ns ? now : c->start_ns;
}

static int ready_locked(struct container *c, uint64_t now) REQUIRES(c->lock)
{
	int r;

	if (__atomic_load_n(&c->use->kind, __ATOMIC_ACQUIRE) == CONTAINER_NONE ||
	    c->use->generation != c->generation)
		return -ENODEV;
	r = container_group_locked(c);
	if (r >= 0 && !c->start_ns && !c->slot->is_host_clock)
		find_start_locked(c, now);
	return r;
}

/* Whether descriptors run out, by what @r says or by how they are numbered. */
static bool is_full_locked(const struct container *c, int r) REQUIRES(c->lock)
{
	return r == -EMFILE ||
	       (c->group && group_highest_fd(c->group) >= c->cs->fd_limit);
}

/* What names a container for good: its id, or where it is. */
static const char *lasting_name(const struct container *c)
{
	const char *best = "";

	if (c->slot->id[0])
		return c->slot->id;
	for (int i = 0; i < GROUP_PLACES; i++) {
		const char *path = container_path(c, i);

		if (path && strlen(path) > strlen(best))
			best = path;
	}
	return best;
}

static int view_once(struct container *c, unsigned needs, const char *host_path,
		     struct view *v, bool *ret_full)
{
	uint64_t now = clock_now_ns();
	struct gather g;
	int r;

	lock_scope(&c->lock);
	r = ready_locked(c, now);
	*ret_full = is_full_locked(c, r);
	if (r < 0)
		return r;
	if (needs & (VIEW_TIMES | VIEW_CLOCK | VIEW_BTIME))
		find_clock_locked(c, now);

	__atomic_store_n(&c->read_ns, now, __ATOMIC_RELAXED);
	g = (struct gather){
		.policy = &c->cs->world->policy,
		.host = c->cs->world->host,
		.group = c->group,
		.account = &c->slot->account,
		.start_ns = c->start_ns,
		.clock_offset_ns = c->clock_offset_ns,
		.name = lasting_name(c),
		.missing = c->cs->world->missing,
	};
	if (c->trace && pthread_equal(c->tracer, pthread_self()))
		group_trace(c->group, take_ptr(c->trace), c->trace_context);
	r = gather_view(&g, needs, host_path, v);
	group_trace(c->group, NULL, NULL);
	*ret_full = is_full_locked(c, r);
	return r;
}

/* Too many containers to keep all their files open: begin anew. */
int container_view(struct container *c, unsigned needs, const char *host_path,
		   struct view *v)
{
	bool full = false;
	int r = view_once(c, needs, host_path, v, &full);

	if (full)
		containers_trim(c->cs);
	if (r != -EMFILE)
		return r;
	view_done(v);
	return view_once(c, needs, host_path, v, &full);
}

void container_trace(struct container *c,
		     void (*trace)(void *context, const struct group_reading *reading),
		     void *context)
{
	lock_scope(&c->lock);
	c->trace = trace;
	c->trace_context = context;
	c->tracer = pthread_self();
}

static int with_load_once(struct container *c,
			  int (*update)(struct container_load *load, struct group *group,
					uint64_t start_ns, void *context),
			  void *context, bool *ret_full)
{
	int r;

	lock_scope(&c->lock);
	r = ready_locked(c, clock_now_ns());
	if (r >= 0)
		r = update(&c->slot->load, c->group, c->start_ns, context);
	*ret_full = is_full_locked(c, r);
	return r;
}

int container_with_load(struct container *c,
			int (*update)(struct container_load *load, struct group *group,
				      uint64_t start_ns, void *context),
			void *context)
{
	bool full;
	int r = with_load_once(c, update, context, &full);

	if (full)
		containers_trim(c->cs);
	return r == -EMFILE ? with_load_once(c, update, context, &full) : r;
}

void container_load_was_read(struct container *c)
{
	__atomic_store_n(&c->load_read_ns, clock_now_ns(), __ATOMIC_RELAXED);
}

bool container_is_idle(const struct container *c)
{
	return clock_now_ns() - __atomic_load_n(&c->load_read_ns, __ATOMIC_RELAXED) >
	       LOAD_READ_NS;
}
