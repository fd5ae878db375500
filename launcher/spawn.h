/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/spawn.h - a process in its namespaces and cgroups
 *
 * How it works. Two steps, because some things must be done before the
 * container's first process exists: its user namespace needs its maps written
 * from outside, its time namespace its offsets before anybody is in it, and its
 * cgroup namespace is rooted where its creator is. So a helper is cloned first
 * (into the v2 cgroup, and into the user namespace), moves itself into the v1
 * cgroups, sets up the time namespace, and clones the first process as its
 * sibling: the supervisor is the parent of both, and the helper ends.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/cgroup_group.h"
#include "launcher/fault.h"
#include "launcher/plan.h"

struct spawn {
	const struct plan *plan;
	const struct cgroup_group *group;	/* prepared for joining, or NULL */
	/* What the first process does; it must not return. */
	void (*main)(void *context, int channel) __attribute__((noreturn));
	void *context;
	/* Filled by spawn_start(). */
	int channel;		/* the supervisor's end */
	pid_t helper;
	int ns_fds[8];		/* of namespaces to join; NS_COUNT of them */
};

/** spawn_init() - nothing is running */
void spawn_init(struct spawn *spawn);

/**
 * spawn_start() - clone the helper
 *
 * What follows comes through the channel: CHANNEL_MAP_IDS, to be answered after
 * spawn_write_maps(), then CHANNEL_PID, or CHANNEL_FAULT.
 *
 * Return: 0 or negative errno with @fault.
 */
int spawn_start(struct spawn *spawn, struct fault *fault);

/**
 * spawn_write_maps() - give the helper's user namespace its ids
 *
 * An ordinary user may map only its own id; more needs newuidmap and
 * newgidmap, which are run if they are installed.
 *
 * Return: 0 or negative errno with @fault.
 */
int spawn_write_maps(pid_t pid, const struct idmap *uids, const struct idmap *gids,
		     struct fault *fault);

/**
 * spawn_userns() - a user namespace with these maps and nobody in it, for idmapped
 *	mounts
 *
 * Return: a descriptor, or negative errno with @fault.
 */
int spawn_userns(const struct idmap *uids, const struct idmap *gids, struct fault *fault);

/** spawn_done() - reap the helper, close what is open */
void spawn_done(struct spawn *spawn);

/** spawn_ns_name() - the name in /proc/PID/ns */
const char *spawn_ns_name(enum ns_kind kind);

/** spawn_ns_flag() - the CLONE_NEW* flag */
int spawn_ns_flag(enum ns_kind kind);

/** spawn_raw_clone() - fork, with clone flags; 0 in the child, its pid, or negative errno */
pid_t spawn_raw_clone(unsigned long long flags, int cgroup_fd, int exit_signal);
