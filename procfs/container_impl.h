/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/container_impl.h - between container.c and container_view.c only */
#pragma once

#include "common/lock.h"
#include "procfs/container.h"

#define TEXT_BYTES 3328	/* all paths of a container */

/*
 * In the state, apart from the slots: looking for the used ones must not touch
 * the pages of all others. @kind is written last, and cleared first.
 */
struct slot_use {
	uint32_t kind;
	uint32_t generation;
};

/* In the state. */
struct slot {
	char id[CONTAINER_ID_SIZE];
	int32_t pid;
	uint32_t is_host_clock;
	uint64_t start_ns;
	uint64_t inode[GROUP_PLACES];
	uint16_t path[GROUP_PLACES];	/* offset in text; 0: nowhere */
	char text[TEXT_BYTES];		/* [0] is unused */
	struct container_load load;
	struct account account;		/* last: it goes on with its rows */
};

struct state;

/*
 * Locks: containers.lock guards the list, the use of slots and references;
 * container.lock guards one container's group and the rest of its slot. When
 * both are needed the list's is taken first.
 */
struct container {
	struct containers *cs;
	struct slot_use *use;	/* lent by the state */
	struct slot *slot;	/* the same */
	enum container_kind kind;
	unsigned index, generation;
	uint64_t key;		/* hash of where it is */
	unsigned references;	/* guarded by containers.lock */

	struct lock lock;	/* guards all that follows */
	struct group *group;	/* owned; NULL until first used */
	int init_fd;		/* owned, a pidfd; -1 until first used */
	uint64_t start_ns;	/* 0: not known yet */
	int64_t clock_offset_ns;
	uint64_t clock_read_ns;
	uint64_t read_ns, load_read_ns;	/* when last asked for */
	void (*trace)(void *context, const struct group_reading *reading);
	void *trace_context;	/* of the thread that set them */
	pthread_t tracer;
};

struct containers {
	struct container_world *world;
	struct state *state;
	struct lock lock;
	struct container *list[CONTAINER_SLOTS];
	uint64_t version;
	int fd_limit;		/* descriptors from here on are for short use only */
};

/** container_group_spec() - where the container of a slot is; lent */
void container_group_spec(const struct slot *slot, struct group_spec *spec);

/** container_group_locked() - open the cgroups if they are not; 0, -ENODEV if they
 *	are gone, or any open(2) error */
int container_group_locked(struct container *c) REQUIRES(c->lock);

/** container_last_read() - when its figures were last asked for */
static inline uint64_t container_last_read(const struct container *c)
{
	return __atomic_load_n(&c->read_ns, __ATOMIC_RELAXED);
}
