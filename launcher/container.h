/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/container.h - carry out a plan, stage by stage, and take it back
 *
 * Each stage names its undo. When one fails, or the user interrupts, those done
 * before are undone in reverse. What outlives the process is in the state file
 * before it is made, so that container_cleanup() can undo it for a supervisor
 * that was killed.
 */
#pragma once

#include <stdbool.h>

#include "common/cgroup_group.h"
#include "launcher/child.h"
#include "launcher/fault.h"
#include "launcher/plan.h"
#include "launcher/rootfs.h"
#include "launcher/scratch.h"
#include "launcher/signals.h"
#include "launcher/spawn.h"
#include "launcher/state.h"

struct container {
	struct plan *plan;		/* lent */
	struct signals *signals;	/* lent */
	const char *state_root;		/* NULL: the default */
	bool supervised;		/* nacre stays, and the container ends with it */
	bool keep;			/* when it ends, what people may ask for later stays */
	bool timing;			/* print what each stage took, as JSON */
	char *title;			/* see struct child */
	size_t title_size;
	const char *console_socket;	/* where the terminal is sent to, or NULL */
	/* Filled by the stages. Who makes a container anew gives directory and state. */
	unsigned stages_done;
	struct state_dir dir;
	struct state *state;
	struct cgroup_layout *layout;
	struct cgroup_group *group;
	struct scratch scratch;
	struct rootfs rootfs;
	struct child child;
	struct spawn spawn;
	uint32_t address;		/* at the bridge; 0: none */
	int pidfd;
	int view_lock;			/* keeps nacre-procfs until we are registered; -1 */
	int host_mounts;		/* the mount namespace we came from; -1 */
	int terminal_fd;		/* the master, when we keep it */
	bool exec_failed;		/* the command could not be executed */
};

/** container_init() - nothing is done yet */
void container_init(struct container *c, struct plan *plan, struct signals *signals);

/**
 * container_create() - all stages up to a process that waits for the start
 *
 * Return: 0; -EINTR if interrupted; negative errno with @fault. On failure all
 * is undone.
 */
int container_create(struct container *c, struct fault *fault);

/**
 * container_start() - let the command run, for a supervised container
 *
 * Return: 0; negative errno with @fault, whose status says what kind.
 */
int container_start(struct container *c, struct fault *fault);

/** container_destroy() - undo all stages; kills what runs */
void container_destroy(struct container *c);

/** container_release() - let go of what stays without us; nothing is undone */
void container_release(struct container *c);

/**
 * container_cleanup() - undo what a container left that has no supervisor
 * @dir:	its directory, locked; removed too
 *
 * Return: 0 or negative errno with @fault.
 */
int container_cleanup(struct state_dir *dir, const struct state *state,
		      struct fault *fault);

/**
 * container_end() - undo what runs, and keep what people may ask for later
 * @dir:	its directory, locked
 * @state:	saved with what is known about the end
 *
 * Return: 0 or negative errno with @fault.
 */
int container_end(struct state_dir *dir, struct state *state, struct fault *fault);

/** container_now() - the time as RFC 3339; freed by the caller */
char *container_now(void);

/** container_note_exit() - leave the status for those who wait, see cmd_wait.c */
void container_note_exit(const struct state_dir *dir, int status);

/** container_sweep() - the same for all whose supervisor was killed */
void container_sweep(const char *state_root);
