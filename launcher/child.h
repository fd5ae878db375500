/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/child.h - the container's first process, up to its command
 *
 * It runs with one thread in its new namespaces, a copy of the supervisor's
 * memory and of its mounts. Each step either succeeds or ends the process with
 * a fault sent to the supervisor; nothing needs undoing here, because all that
 * was made so far lies in namespaces that end with it.
 */
#pragma once

#include <stdbool.h>

#include "launcher/fault.h"
#include "launcher/plan.h"

/* A tree that the supervisor took hold of, to be attached inside if the target is there. */
struct child_tree {
	const char *target;
	int fd;			/* detached */
	bool directory;
};

struct child {
	const struct plan *plan;
	int root_fd;		/* the root's detached tree; then attached */
	/*
	 * Per plan mount: a bind's source, detached, or -1 where only the child can open
	 * it; later a tmpfs that becomes read-only at the end.
	 */
	int *mount_fds;
	struct child_tree *views;
	size_t view_count;
	struct child_tree *cgroups;	/* target is a name below the mount */
	size_t cgroup_count;
	char *title;		/* where the process list shows our words; or NULL */
	size_t title_size;
	bool supervised;	/* die with the supervisor */
	int channel;
	unsigned preserve_fds;
	int stdio[3];		/* what the command gets as 0, 1, 2; -1: what we have */
	int init_fd;		/* nacre-init, to be executed as pid 1; -1: go on as we are */
	int start_fd;		/* a listening socket: the start is the first to connect; -1 */
	int null_fd;		/* the host's /dev/null, for masks */
	int console_fd;		/* the terminal's slave; -1 */
};

/** child_init() - no descriptors, nothing asked for */
void child_init(struct child *c, const struct plan *plan);

/** child_done() - close and free what the supervisor prepared */
void child_done(struct child *c);

/** child_main() - the function for struct spawn; @context is a struct child */
void child_main(void *context, int channel) __attribute__((noreturn));

/** child_warn() - tell the supervisor what is left out */
void child_warn(struct child *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The steps that have files of their own; all return 0 or negative errno. */
int child_make_mounts(struct child *c, struct fault *f);
int child_close_mounts(struct child *c, struct fault *f);	/* what is to be read-only becomes it */
int child_place_views(struct child *c, struct fault *f);
int child_mask_paths(struct child *c, struct fault *f);
int child_make_devices(struct child *c, struct fault *f);
int child_make_console(struct child *c, struct fault *f);
int child_make_terminal(struct child *c, struct fault *f);	/* the same without /dev/console */
