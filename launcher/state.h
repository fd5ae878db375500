/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/state.h - what is known about a container outside of its supervisor
 *
 * How it works. Each container has a directory below the state root. Whoever
 * works on the container holds a lock on it; a supervisor holds it as long as
 * it lives. The file in it names everything that outlives a process: cgroups,
 * scratch layers, a registered view. So when a supervisor was killed, its lock
 * is free, and whoever comes next can undo what it left.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "launcher/fault.h"
#include "launcher/plan.h"

enum state_status {
	STATE_CREATING,
	STATE_CREATED,
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_STOPPED,
};

struct state {
	char *id;
	char *bundle;		/* absolute, or NULL without one */
	char *rootfs;
	char *created;		/* RFC 3339 */
	char *cgroup_path;
	unsigned cgroup_levels;	/* how many of its components may be removed */
	char *scratch;		/* directory that vanishes with the container */
	char *work;		/* overlay work directory beside a given upper */
	char *command;		/* its words, for people */
	struct opt_list annotations;	/* key, value, key... */
	pid_t pid;		/* 0 until there is one */
	uint64_t pid_start;	/* start time in ticks: a reused pid is told apart */
	bool view;		/* registered with nacre-procfs under `id` */
	bool supervised;	/* ends with the nacre process that started it */
	bool started;		/* the command was told to run */
	uid_t owner;
	/* Of `run` only. */
	pid_t monitor;		/* who stays beside it, 0: nobody */
	uint64_t monitor_start;
	bool keep;		/* stays when it has ended, until somebody removes it */
	bool ended;		/* all is undone but what is kept */
	char *begun;		/* when it was started last, RFC 3339 */
	char *finished;		/* when it ended, RFC 3339 */
	unsigned exit_status;	/* once it is finished */
	char *reason;		/* why nacre thinks it ended, or could not be restarted */
	bool detached;		/* what it prints goes to a log in `scratch` */
	char *restart;		/* "on-failure:3" */
	unsigned restarts;	/* how often it was */
	char *image;		/* name, for people */
	char *driver;		/* what puts its root together */
	char *upper;		/* the layer with its changes */
	pid_t root_daemon;	/* serves its root; a child of the monitor's */
	char *lease;		/* its address at the bridge, see net.h */
	char *address;		/* the same for people */
	struct opt_list words;	/* options and command that "run" would take again */
};

/* In a container's directory, for those who stay beside it: do not start it again. */
#define STOP_FILE   "stop"	/* whatever the policy */
#define KILLED_FILE "killed"	/* unless that is "always" */
#define EXIT_FILE   "exit"	/* its exit status, for who waits with the file open */

struct state_dir {
	char *root;		/* the state root's path */
	char *path;		/* root/ID */
	int root_fd;
	int fd;			/* the container's directory, locked; -1 */
};

#define STATE_DIR_INIT { .root_fd = -1, .fd = -1 }

/** state_new() - empty; give back with state_free(), which returns NULL */
struct state *state_new(void);
struct state *state_free(struct state *state);

/**
 * state_root_open() - open the directory of all containers, making it
 * @root:	NULL: /run/nacre/containers, or below $XDG_RUNTIME_DIR for a user
 */
int state_root_open(const char *root, struct state_dir *dir, struct fault *fault);

/** state_dir_create() - make and lock a container's directory; -EEXIST if there is one */
int state_dir_create(struct state_dir *dir, const char *id, struct fault *fault);

/**
 * state_dir_open() - lock the directory of a container
 * @wait:	wait for the lock; else -EWOULDBLOCK if its supervisor lives
 *
 * Return: 0; -ENOENT with @fault ("container 'x' does not exist").
 */
int state_dir_open(struct state_dir *dir, const char *id, bool wait, struct fault *fault);

/**
 * state_dir_adopt() - take over the lock from the process that executed us
 * @fd:	the container's directory; owned by @dir from now on
 */
int state_dir_adopt(struct state_dir *dir, const char *id, int fd, struct fault *fault);

/** state_dir_open_unlocked() - to read only */
int state_dir_open_unlocked(struct state_dir *dir, const char *id, struct fault *fault);

/** state_dir_remove() - remove the container's directory and all in it */
int state_dir_remove(struct state_dir *dir);

/** state_dir_close() - let go of the container's directory, keep the root */
void state_dir_close(struct state_dir *dir);

/** state_dir_done() - let go of everything */
void state_dir_done(struct state_dir *dir);

/** state_lock_root() - keep others from creating and sweeping; unlock with false */
int state_lock_root(struct state_dir *dir, bool lock);

/** state_save() - write the state into its directory, whole or not at all */
int state_save(const struct state_dir *dir, const struct state *state, struct fault *fault);

/** state_load() - read it; @ret_state is freed by the caller */
int state_load(const struct state_dir *dir, struct state **ret_state, struct fault *fault);

/** state_pid_is_alive() - the container's first process exists and is no zombie */
bool state_pid_is_alive(const struct state *state);

/** state_monitor_is_alive() - somebody stays beside it: it is going to be tidied up */
bool state_monitor_is_alive(const struct state *state);

/** state_pid_start() - a process's start time in ticks; 0 if there is no such process */
uint64_t state_pid_start(pid_t pid);

/** state_status_name() - "running" and so on */
const char *state_status_name(enum state_status status);

/** state_to_json() - the state as the OCI specification writes it; freed by the caller */
char *state_to_json(const struct state *state, enum state_status status);

/** state_for_hooks() - the same for a hook, made from the plan; freed by the caller */
char *state_for_hooks(const struct plan *plan, const char *status, pid_t pid);
