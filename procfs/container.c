/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/container.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/cleanup.h"
#include "procfs/clock.h"
#include "procfs/container_impl.h"

#define MAGIC	     0x636f6e74u
#define FD_RESERVE   64		/* for requests, clients and the sampler */

struct state {
	uint32_t magic;
	uint32_t cpu_count;
	uint64_t slot_size;
	struct slot_use use[CONTAINER_SLOTS];
	/* slots follow, CONTAINER_SLOTS of them */
};

static size_t slot_size(unsigned cpu_count)
{
	size_t size = offsetof(struct slot, account) + account_size(cpu_count);

	return (size + 63) / 64 * 64;
}

size_t containers_state_size(unsigned cpu_count)
{
	return sizeof(struct state) + CONTAINER_SLOTS * slot_size(cpu_count);
}

static struct slot *slot_at(const struct containers *cs, unsigned index)
{
	return (void *)((char *)(cs->state + 1) + index * cs->state->slot_size);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return (hash ^ 0xff) * UINT64_C(1099511628211);
}

/* Two automatic containers are one if they are in the same places and have the
 * same init: one cgroup may see one container after the other. */
static uint64_t spec_key(const struct group_spec *spec, pid_t pid)
{
	uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)pid;

	for (int i = 0; i < GROUP_PLACES; i++)
		hash = hash_text(hash, spec->path[i] ? spec->path[i] : "");
	return hash;
}

void container_group_spec(const struct slot *slot, struct group_spec *spec)
{
	for (int i = 0; i < GROUP_PLACES; i++) {
		spec->path[i] = slot->path[i] ? slot->text + slot->path[i] : NULL;
		spec->inode[i] = slot->inode[i];
	}
}

/* Writes the paths into the slot, each text once. */
static int slot_set_paths(struct slot *slot, const struct group_spec *spec)
{
	size_t used = 1;

	for (int i = 0; i < GROUP_PLACES; i++) {
		size_t length;

		slot->path[i] = 0;
		for (int k = 0; k < i && spec->path[i]; k++)
			if (spec->path[k] && strcmp(spec->path[k], spec->path[i]) == 0)
				slot->path[i] = slot->path[k];
		if (!spec->path[i] || slot->path[i])
			continue;

		length = strlen(spec->path[i]) + 1;
		if (length > TEXT_BYTES - used)
			return -ENAMETOOLONG;
		memcpy(slot->text + used, spec->path[i], length);
		slot->path[i] = (uint16_t)used;
		used += length;
	}
	return 0;
}

/* The worker's half of a container whose slot is filled. */
static struct container *container_new(struct containers *cs, unsigned index)
{
	struct container *c = calloc(1, sizeof(*c));
	struct group_spec spec;

	if (!c)
		return NULL;
	lock_init(&c->lock);
	c->cs = cs;
	c->index = index;
	c->slot = slot_at(cs, index);
	c->use = &cs->state->use[index];
	c->generation = c->use->generation;
	c->kind = c->use->kind;
	c->start_ns = c->slot->start_ns;
	c->references = 1;	/* the list's */
	c->init_fd = -1;
	container_group_spec(c->slot, &spec);
	c->key = spec_key(&spec, c->slot->pid);
	c->read_ns = c->load_read_ns = clock_now_ns();
	return c;
}

static void put_locked(struct containers *cs, struct container *c) REQUIRES(cs->lock)
{
	if (--c->references)
		return;
	group_close(c->group);
	cleanup_fd_(&c->init_fd);
	lock_done(&c->lock);
	free(c);
}

void container_put(struct container *c)
{
	struct containers *cs;

	if (!c)
		return;
	cs = c->cs;
	lock_scope(&cs->lock);
	put_locked(cs, c);
}

static struct container *get_locked(struct containers *cs, struct container *c)
	REQUIRES(cs->lock)
{
	c->references++;
	return c;
}

/* Descriptors are numbered from below: a high one tells that many are open. */
static int fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT32_MAX)
		return INT32_MAX;
	return limit.rlim_cur > 2 * FD_RESERVE ? (int)limit.rlim_cur - FD_RESERVE
					       : FD_RESERVE;
}

int containers_open(struct container_world *world, void *state,
		    struct containers **ret_containers)
{
	unsigned cpu_count = host_cpu_count(world->host);
	struct containers *cs = calloc(1, sizeof(*cs));

	if (!cs)
		return -ENOMEM;
	lock_init(&cs->lock);
	cs->world = world;
	cs->fd_limit = fd_limit();
	cs->state = state;
	if (cs->state->magic == 0) {
		cs->state->cpu_count = cpu_count;
		cs->state->slot_size = slot_size(cpu_count);
		cs->state->magic = MAGIC;
	}
	if (cs->state->magic != MAGIC || cs->state->cpu_count != cpu_count ||
	    cs->state->slot_size != slot_size(cpu_count)) {
		containers_close(cs);
		return -EPROTO;
	}

	for (unsigned i = 1; i < CONTAINER_SLOTS; i++) {
		if (cs->state->use[i].kind == CONTAINER_NONE)
			continue;
		cs->list[i] = container_new(cs, i);
		if (!cs->list[i]) {
			containers_close(cs);
			return -ENOMEM;
		}
	}
	*ret_containers = cs;
	return 0;
}

struct containers *containers_close(struct containers *cs)
{
	if (!cs)
		return NULL;

	lock_take(&cs->lock);
	for (unsigned i = 1; i < CONTAINER_SLOTS; i++)
		if (cs->list[i])
			put_locked(cs, cs->list[i]);
	lock_drop(&cs->lock);
	lock_done(&cs->lock);
	free(cs);
	return NULL;
}

/* The slot is free from here on; who still holds the container gets ENODEV. */
static void end_locked(struct containers *cs, struct container *c) REQUIRES(cs->lock)
{
	cs->list[c->index] = NULL;
	__atomic_add_fetch(&cs->version, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&c->use->kind, CONTAINER_NONE, __ATOMIC_RELEASE);
	put_locked(cs, c);
}

static struct container *find_id_locked(struct containers *cs, const char *id)
	REQUIRES(cs->lock)
{
	for (unsigned i = 1; i < CONTAINER_SLOTS; i++)
		if (cs->list[i] && cs->list[i]->kind == CONTAINER_REGISTERED &&
		    strcmp(cs->list[i]->slot->id, id) == 0)
			return cs->list[i];
	return NULL;
}

static struct container *find_key_locked(struct containers *cs, uint64_t key)
	REQUIRES(cs->lock)
{
	for (unsigned i = 1; i < CONTAINER_SLOTS; i++)
		if (cs->list[i] && cs->list[i]->kind == CONTAINER_AUTOMATIC &&
		    cs->list[i]->key == key)
			return cs->list[i];
	return NULL;
}

/* A free slot, or that of the automatic container that was read longest ago. */
static unsigned free_slot_locked(struct containers *cs) REQUIRES(cs->lock)
{
	struct container *oldest = NULL;
	unsigned index;

	for (unsigned i = 1; i < CONTAINER_SLOTS; i++) {
		struct container *c = cs->list[i];

		if (!c)
			return i;
		if (c->kind == CONTAINER_AUTOMATIC &&
		    (!oldest || container_last_read(c) < container_last_read(oldest)))
			oldest = c;
	}
	if (!oldest)
		return 0;
	index = oldest->index;
	end_locked(cs, oldest);
	return index;
}

static int fill_slot(struct containers *cs, unsigned index,
		     const struct container_spec *spec, const struct group *group)
{
	struct slot *slot = slot_at(cs, index);
	struct slot_use *use = &cs->state->use[index];
	unsigned cpu_count = cs->state->cpu_count;
	int r = slot_set_paths(slot, &spec->group);

	if (r < 0)
		return r;
	use->generation = (use->generation + 1) & 0xffff;
	strncpy(slot->id, spec->id, sizeof(slot->id) - 1);
	slot->id[sizeof(slot->id) - 1] = '\0';
	slot->pid = spec->pid;
	slot->is_host_clock = spec->is_host_clock;
	slot->start_ns = spec->start_ns;
	for (int i = 0; i < GROUP_PLACES; i++)
		slot->inode[i] = group_has(group, i) ? group_inode(group, i) : 0;
	memset(&slot->load, 0, sizeof(slot->load));
	account_reset(&slot->account, cpu_count);
	__atomic_store_n(&use->kind, spec->kind, __ATOMIC_RELEASE);
	return 0;
}

/* A process id or a path may have been taken by another one since. */
static bool is_same(const struct container *c, const struct container_spec *spec,
		    const struct group *group)
{
	for (int i = 0; i < GROUP_PLACES; i++)
		if (c->slot->inode[i] != (group_has(group, i) ? group_inode(group, i) : 0))
			return false;
	return !spec->pid || c->slot->start_ns == spec->start_ns;
}

static int add_locked(struct containers *cs, const struct container_spec *spec,
		      struct group **group, struct container **ret) REQUIRES(cs->lock)
{
	struct container *c = NULL;
	unsigned index;
	int r;

	if (spec->kind == CONTAINER_REGISTERED && find_id_locked(cs, spec->id))
		return -EEXIST;
	if (spec->kind == CONTAINER_AUTOMATIC)
		c = find_key_locked(cs, spec_key(&spec->group, spec->pid));
	if (c && !is_same(c, spec, *group)) {
		end_locked(cs, c);
		c = NULL;
	}
	if (c) {
		*ret = get_locked(cs, c);
		return 0;
	}

	index = free_slot_locked(cs);
	if (!index)
		return -ENOSPC;
	r = fill_slot(cs, index, spec, *group);
	if (r < 0)
		return r;
	c = container_new(cs, index);
	if (!c) {
		cs->state->use[index].kind = CONTAINER_NONE;
		return -ENOMEM;
	}
	c->group = take_ptr(*group);
	cs->list[index] = c;
	__atomic_add_fetch(&cs->version, 1, __ATOMIC_RELAXED);
	*ret = get_locked(cs, c);
	return 0;
}

int containers_add(struct containers *cs, const struct container_spec *spec,
		   struct container **ret)
{
	struct group *group = NULL;
	int r = group_open(cs->world->layout, &spec->group, &group);
	bool full;

	if (r < 0)
		return r;
	full = group_highest_fd(group) >= cs->fd_limit;
	lock_take(&cs->lock);
	r = add_locked(cs, spec, &group, ret);
	lock_drop(&cs->lock);
	group_close(group);
	if (full)
		containers_trim(cs);
	return r;
}

int containers_remove(struct containers *cs, const char *id)
{
	struct container *c;

	lock_scope(&cs->lock);
	c = find_id_locked(cs, id);
	if (!c)
		return -ENOENT;
	end_locked(cs, c);
	return 0;
}

void containers_end(struct containers *cs, struct container *c)
{
	lock_scope(&cs->lock);
	if (cs->list[c->index] == c)
		end_locked(cs, c);
}

struct container *containers_get(struct containers *cs, unsigned slot,
				 unsigned generation)
{
	struct container *c;

	if (slot == 0 || slot >= CONTAINER_SLOTS)
		return NULL;
	lock_scope(&cs->lock);
	c = cs->list[slot];
	return c && c->generation == generation ? get_locked(cs, c) : NULL;
}

struct container *containers_find(struct containers *cs, const char *id)
{
	struct container *c;

	lock_scope(&cs->lock);
	c = find_id_locked(cs, id);
	return c ? get_locked(cs, c) : NULL;
}

struct container *containers_next(struct containers *cs, unsigned slot)
{
	lock_scope(&cs->lock);
	for (unsigned i = slot + 1; i < CONTAINER_SLOTS; i++)
		if (cs->list[i])
			return get_locked(cs, cs->list[i]);
	return NULL;
}

/* How deep @c's cgroup is that @at lies in or below; 0 if it does not. */
static size_t match_depth(const struct container *c, const struct cgroup_paths *at)
{
	size_t best = 0;

	for (int i = 0; i < GROUP_PLACES; i++) {
		const char *theirs = i == GROUP_V2 ? at->v2 : at->of[i];
		const char *ours = container_path(c, i);
		size_t length;

		if (!ours || !theirs || strcmp(ours, "/") == 0)
			continue;
		length = strlen(ours);
		if (strncmp(theirs, ours, length) != 0 ||
		    (theirs[length] != '/' && theirs[length] != '\0'))
			return 0;	/* elsewhere in one hierarchy: another one */
		if (length > best)
			best = length;
	}
	return best;
}

struct container *containers_match(struct containers *cs, const struct cgroup_paths *at)
{
	struct container *best = NULL;
	size_t best_depth = 0;

	lock_scope(&cs->lock);
	for (unsigned i = 1; i < CONTAINER_SLOTS; i++) {
		struct container *c = cs->list[i];
		size_t depth;

		if (!c || c->kind != CONTAINER_REGISTERED)
			continue;
		depth = match_depth(c, at);
		if (depth > best_depth) {
			best_depth = depth;
			best = c;
		}
	}
	return best ? get_locked(cs, best) : NULL;
}

uint64_t containers_version(const struct containers *cs)
{
	return __atomic_load_n(&cs->version, __ATOMIC_RELAXED);
}

unsigned container_slot(const struct container *c)
{
	return c->index;
}

unsigned container_generation(const struct container *c)
{
	return c->generation;
}

enum container_kind container_kind(const struct container *c)
{
	return c->kind;
}

const char *container_id(const struct container *c)
{
	return c->slot->id;
}

pid_t container_pid(const struct container *c)
{
	return c->slot->pid;
}

const char *container_path(const struct container *c, int place)
{
	return c->slot->path[place] ? c->slot->text + c->slot->path[place] : NULL;
}
