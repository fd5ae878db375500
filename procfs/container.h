/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/container.h - the containers that are served, and their lasting state
 *
 * How it works. A container has a slot in the state memfd: who it is, where its
 * cgroups are, its CPU rows and load averages. What can be opened again (its
 * cgroups' descriptors) is the worker's own. A slot's index and generation name
 * a container for ever: a slot that is used again has another generation.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cgroup.h"
#include "procfs/gather.h"
#include "procfs/group.h"
#include "procfs/host.h"
#include "procfs/view.h"

#define CONTAINER_ID_SIZE 128
#define CONTAINER_SLOTS	  4096	/* slot 0 is nobody: the automatic view */

struct containers;
struct container;

/* What they all share; lent. */
struct container_world {
	const struct cgroup_layout *layout;
	struct host *host;
	struct gather_policy policy;
	uint64_t missing[MISSING_COUNT];
};

enum container_kind {
	CONTAINER_NONE,
	CONTAINER_REGISTERED,
	CONTAINER_AUTOMATIC,	/* found by who read */
};

/* Who a container is; plain values, lent. */
struct container_spec {
	enum container_kind kind;
	const char *id;		/* "" for an automatic one */
	pid_t pid;		/* its init, or 0 */
	uint64_t start_ns;	/* when it began, CLOCK_BOOTTIME; 0: find out */
	bool is_host_clock;	/* began with the host */
	struct group_spec group;
};

/* For loadavg and /proc/stat; see load.h. Plain data. */
struct container_load {
	uint64_t sampled_ns;	/* 0: never */
	uint64_t average[3];
	uint32_t running, blocked, total;
	uint32_t unused;
	uint64_t last_pid, forks;
};

/** containers_state_size() - bytes of state for hosts of this many CPUs */
size_t containers_state_size(unsigned cpu_count);

/**
 * containers_open() - take up the containers in @state
 * @state:	zeroed, or what an earlier worker left; lent
 *
 * Return: 0; -ENOMEM; -EPROTO if the state was made by something else.
 */
int containers_open(struct container_world *world, void *state,
		    struct containers **ret_containers);

/** containers_close() - accepts NULL, returns NULL */
struct containers *containers_close(struct containers *cs);

/**
 * containers_add() - a new container, or for an automatic one the present one
 *	at the same cgroups
 * @ret:	give back with container_put()
 *
 * Return: 0; -EEXIST if the id is registered; -ENOENT if none of its cgroups
 * exists; -ENOSPC if all slots are taken; -ENAMETOOLONG if its paths do not fit
 * a slot; -ENOMEM.
 */
int containers_add(struct containers *cs, const struct container_spec *spec,
		   struct container **ret);

/** containers_remove() - end the one registered as @id; 0 or -ENOENT */
int containers_remove(struct containers *cs, const char *id);

/** containers_end() - end this one, if it has not ended; the reference stays */
void containers_end(struct containers *cs, struct container *c);

/** containers_get() - by slot and generation; NULL if it has ended */
struct container *containers_get(struct containers *cs, unsigned slot,
				 unsigned generation);

/** containers_find() - the one registered as @id, or NULL */
struct container *containers_find(struct containers *cs, const char *id);

/** containers_match() - the registered container that a process in these
 *	cgroups is in: the innermost one, or NULL */
struct container *containers_match(struct containers *cs, const struct cgroup_paths *at);

/** containers_next() - each container in turn: begin with slot 0, go on with the
 *	slot of the one before; NULL at the end. Gives a reference. */
struct container *containers_next(struct containers *cs, unsigned slot);

/** containers_version() - changes whenever a container comes or goes */
uint64_t containers_version(const struct containers *cs);

/** containers_sweep() - end those whose cgroups are gone, close what lies idle */
void containers_sweep(struct containers *cs);

/** containers_trim() - close all descriptors; they are opened again when needed */
void containers_trim(struct containers *cs);

/** container_put() - give a reference back; NULL is fine */
void container_put(struct container *c);

#define cleanup_container __attribute__((cleanup(container_put_)))
static inline void container_put_(struct container **c)
{
	container_put(*c);
}

unsigned container_slot(const struct container *c);
unsigned container_generation(const struct container *c);
enum container_kind container_kind(const struct container *c);
const char *container_id(const struct container *c);
pid_t container_pid(const struct container *c);

/** container_path() - where it is in a hierarchy, or NULL; lent */
const char *container_path(const struct container *c, int place);

/** container_has_v2() - whether it has a directory of its own in the v2 tree */
bool container_has_v2(struct container *c);

/**
 * container_has_init() - whether the init that it was found by still lives
 *
 * True also where there is none, or nothing can be said.
 */
bool container_has_init(struct container *c);

/** container_view() - gather_view() for this container; its load is load.h's */
int container_view(struct container *c, unsigned needs, const char *host_path,
		   struct view *v);

/** container_trace() - group_trace() for the next container_view() alone */
void container_trace(struct container *c,
		     void (*trace)(void *context, const struct group_reading *reading),
		     void *context);

/**
 * container_with_load() - let @update work on the load and the cgroups
 *
 * Called with the container's lock held. Return: what @update returns; -ENODEV
 * if its cgroups are gone.
 */
int container_with_load(struct container *c,
			int (*update)(struct container_load *load, struct group *group,
				      uint64_t start_ns, void *context),
			void *context);

/** container_load_was_read() - keeps its load sampled for a while */
void container_load_was_read(struct container *c);

/** container_is_idle() - nobody read its load for a long time */
bool container_is_idle(const struct container *c);
