/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/service.h - one worker: what it opens at its start and serves from
 *
 * The state memfd holds, one after the other, the numbers of paths and the
 * containers, the seccomp listeners and pressure triggers; a header says what was written there.
 */
#pragma once

#include <limits.h>

#include "common/session.h"
#include "procfs/options.h"
#include "procfs/container.h"
#include "procfs/identity.h"
#include "procfs/load.h"
#include "procfs/paths.h"
#include "procfs/sizes.h"
#include "procfs/snapshot.h"
#include "procfs/stats.h"

struct calls;
struct calls_state;
struct control;
struct triggers;

struct service_state {
	uint32_t magic, version;
	uint64_t began_s;	/* CLOCK_REALTIME: when the mount was made */
	uint64_t next_handle;
	char mounted_at[PATH_MAX];	/* the mountpoint, resolved before it was one */
	struct stats stats;
};

struct service {
	const struct config *config;		/* lent */
	struct session *session;		/* lent */
	struct service_state *state;		/* lent */
	struct cgroup_layout *layout;		/* the rest is owned */
	struct container_world world;
	struct paths *paths;
	struct containers *containers;
	struct identity *identity;
	struct snapshots *snapshots;
	struct sizes *sizes;
	struct calls_state *calls_state;	/* lent */
	int keeper_fd;		/* see calls_keeper_start(); -1: there is none */
	bool new_keeper;	/* it has to be given what earlier workers kept */
	void *triggers_state;			/* lent */
	struct calls *calls;
	struct triggers *triggers;		/* NULL: not asked for */
	struct control *control;
};

/** service_state_size() - bytes of state on a host with this many CPUs */
size_t service_state_size(unsigned cpu_count);

/** service_session() - for session_run(); its context is a struct config */
extern const struct session_service service_session;
