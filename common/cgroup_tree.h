/* SPDX-License-Identifier: Apache-2.0 */
/* common/cgroup_tree.h - directories of one cgroup hierarchy, v1 or v2 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct cgroup_tree_rules {
	unsigned v2_enable;	/* bit (1 << controller): enable along the path */
	bool copy_cpuset;	/* v1: a new cpuset is born empty and takes nobody */
};

/** cgroup_tree_path_is_valid() - absolute, not the root, no "." or ".." in it */
bool cgroup_tree_path_is_valid(const char *path);

/**
 * cgroup_tree_make() - make each level of a path
 * @root_fd:	the hierarchy's root; lent
 * @ret_dir_fd:	the last level, for reading; owned by the caller
 * @ret_made:	how many levels, from the end, did not exist before; also on failure
 *
 * Return: 0; any mkdirat(2) or openat(2) error; -ENOENT if a controller that is
 * to be enabled is not offered there.
 */
int cgroup_tree_make(int root_fd, const char *path,
		     const struct cgroup_tree_rules *rules, int *ret_dir_fd,
		     unsigned *ret_made);

/** cgroup_tree_open() - a descriptor of a path below a hierarchy's root, or negative errno */
int cgroup_tree_open(int root_fd, const char *path);

/** cgroup_tree_write() - write a control file; 0, or an openat(2) or write(2) error */
int cgroup_tree_write(int dir_fd, const char *file, const char *value);

/**
 * cgroup_tree_pids() - processes in a group and all groups below it
 *
 * Return: their number, or negative errno. A group that vanishes meanwhile is empty.
 */
int cgroup_tree_pids(int dir_fd, pid_t **ret_pids);

/** cgroup_tree_freeze_v1() - freezer.state; waits; 0, -ETIMEDOUT or a write(2) error */
int cgroup_tree_freeze_v1(int dir_fd, bool freeze);

/** cgroup_tree_freeze_v2() - cgroup.freeze; waits; errors as above */
int cgroup_tree_freeze_v2(int dir_fd, bool freeze);

/**
 * cgroup_tree_remove() - remove a group, those below it, and @levels - 1 parents
 *
 * Parents that have other children stay, without error. Waits up to ten seconds
 * for killed processes to leave.
 *
 * Return: 0, also when the group is gone already; -EBUSY; any unlinkat(2) error.
 */
int cgroup_tree_remove(int root_fd, const char *path, unsigned levels);
