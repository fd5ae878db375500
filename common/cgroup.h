/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/cgroup.h - the host's cgroup hierarchies, chosen per controller
 *
 * A hybrid host has some controllers in v1 hierarchies and the rest (or none)
 * in the v2 tree. So nothing here asks "is this v1 or v2": every question names
 * a controller, and the answer says which hierarchy serves it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/buf.h"

enum cgroup_controller {
	CGROUP_CPU,
	CGROUP_CPUACCT,		/* v2: part of cpu.stat, always there */
	CGROUP_CPUSET,
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_IO,		/* v1 calls it blkio */
	CGROUP_DEVICES,		/* v2: a BPF program, no controller */
	CGROUP_FREEZER,		/* v2: cgroup.freeze, always there */
	CGROUP_HUGETLB,
	CGROUP_CONTROLLER_COUNT,
};

enum cgroup_version {
	CGROUP_ABSENT,		/* no hierarchy serves this controller */
	CGROUP_V1,
	CGROUP_V2,
};

struct cgroup_layout;

/**
 * cgroup_layout_open() - find out which hierarchy serves which controller
 * @proc_root:	where to read from: "/proc" and the mounts it names, or the root
 *		of a fixture tree in tests; NULL is the real one
 * @ret_layout:	give back with cgroup_layout_close()
 *
 * Return: 0; -ENOENT if no cgroup filesystem is mounted; -EIO if what is mounted
 * cannot be read; -ENOMEM; any open(2) error.
 */
int cgroup_layout_open(const char *proc_root, struct cgroup_layout **ret_layout);

/**
 * cgroup_layout_add() - a controller that a mounted hierarchy serves
 * @mountpoint:	of the hierarchy; one that the layout does not know is ignored
 *
 * What the layout found by itself stays.
 */
void cgroup_layout_add(struct cgroup_layout *layout, const char *controller,
		       const char *mountpoint);

/** cgroup_layout_is_complete() - whether every controller has a hierarchy */
bool cgroup_layout_is_complete(const struct cgroup_layout *layout);

/** cgroup_layout_close() - accepts NULL, returns NULL */
struct cgroup_layout *cgroup_layout_close(struct cgroup_layout *layout);

/** cgroup_layout_version() - which kind of hierarchy serves @controller */
enum cgroup_version cgroup_layout_version(const struct cgroup_layout *layout,
					  enum cgroup_controller controller);

/** cgroup_layout_root_fd() - O_PATH descriptor of that hierarchy's root; lent; -1 if absent */
int cgroup_layout_root_fd(const struct cgroup_layout *layout,
			  enum cgroup_controller controller);

/** cgroup_layout_v2_fd() - O_PATH descriptor of the v2 tree's root, also on
 *	hosts where it serves no controller; lent; -1 without one */
int cgroup_layout_v2_fd(const struct cgroup_layout *layout);

/** cgroup_controller_name() - the name that the given version uses: "blkio" or "io" */
const char *cgroup_controller_name(enum cgroup_controller controller,
				   enum cgroup_version version);

/**
 * cgroup_path_of() - where a process is in the hierarchy of @controller
 * @pid:	a process or thread id in our pid namespace
 * @ret_path:	begins with "/", relative to the hierarchy's root as we see it; freed
 *		by the caller
 *
 * Return: 0; -ESRCH if there is no such process; -ENODEV if no hierarchy serves
 * the controller; -EXDEV if it lies outside our cgroup namespace; -ENOMEM.
 */
int cgroup_path_of(const struct cgroup_layout *layout,
		   enum cgroup_controller controller, pid_t pid, char **ret_path);

/**
 * cgroup_v2_path_of() - cgroup_path_of() for the v2 tree, also where it serves
 *	no controller; -ENODEV without a v2 tree
 */
int cgroup_v2_path_of(const struct cgroup_layout *layout, pid_t pid, char **ret_path);

/* Where a process is in each hierarchy. */
struct cgroup_paths {
	char *of[CGROUP_CONTROLLER_COUNT];	/* owned; NULL where it cannot be told */
	char *v2;				/* owned; the same in the v2 tree */
};

/**
 * cgroup_paths_parse() - all that cgroup_path_of() would say, from one reading
 * @text:	contents of a /proc/PID/cgroup; cut up
 * @ret_paths:	give back with cgroup_paths_done(), also on failure
 *
 * Return: 0 or -ENOMEM.
 */
int cgroup_paths_parse(const struct cgroup_layout *layout, char *text,
		       struct cgroup_paths *ret_paths);

/** cgroup_paths_done() - free the paths */
void cgroup_paths_done(struct cgroup_paths *paths);

/**
 * cgroup_open_at() - take hold of a cgroup's directory
 * @root_fd:	a hierarchy's root, from cgroup_layout_root_fd()
 * @path:	as cgroup_path_of() writes it: begins with "/"
 *
 * Return: an O_PATH descriptor, owned by the caller; any openat(2) error.
 */
int cgroup_open_at(int root_fd, const char *path);
