/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/cgroup_group.h - one cgroup path, made in every hierarchy
 *
 * How it works. The path is created below the root of each v1 hierarchy and of
 * the v2 tree, also where that serves no controller: every v2 group can be
 * killed and frozen as a whole. Each level that had to be made is remembered,
 * so that removal takes away those and no other. The directories are held by
 * descriptors, and so are the files that a child needs to join: joining is on
 * the start path of every container, and a child that writes "0" to a v1
 * `tasks` file moves itself without the system-wide lock that moving another
 * process takes. libcgroup can do neither, so it is asked for the layout only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/cgroup.h"

struct cgroup_group;

/**
 * cgroup_group_create() - make a path in every hierarchy, or open it there
 * @layout:	lent; must outlive the group
 * @path:	absolute, relative to each hierarchy's root; without ".."
 * @wanted:	bit (1 << controller) for those that must work; on v2 these are
 *		enabled along the path
 * @ret_group:	give back with cgroup_group_close()
 *
 * A hierarchy that cannot be written and serves none of the wanted controllers
 * is left out. On failure all that was made is removed again.
 *
 * Return: 0; -EINVAL for a bad path; -ENODEV if no hierarchy serves a wanted
 * controller; -EACCES, -EROFS or another mkdirat(2) error.
 */
int cgroup_group_create(const struct cgroup_layout *layout, const char *path,
			unsigned wanted, struct cgroup_group **ret_group);

/**
 * cgroup_group_open() - take hold of a path that exists
 *
 * Hierarchies without it are left out. Removal will remove the last component
 * only, and only where it is empty.
 *
 * Return: 0; -ENOENT if no hierarchy has it; -EINVAL; -ENOMEM.
 */
int cgroup_group_open(const struct cgroup_layout *layout, const char *path,
		      struct cgroup_group **ret_group);

/** cgroup_group_close() - let go; nothing is removed. Accepts NULL, returns NULL */
struct cgroup_group *cgroup_group_close(struct cgroup_group *group);

/** cgroup_group_path() - the path as given; lent */
const char *cgroup_group_path(const struct cgroup_group *group);

/** cgroup_group_levels() - how many components creating it made, at most */
unsigned cgroup_group_levels(const struct cgroup_group *group);

/** cgroup_group_fd() - the directory in the hierarchy of @controller; lent; -1 if absent */
int cgroup_group_fd(const struct cgroup_group *group,
		    enum cgroup_controller controller);

/** cgroup_group_v2_fd() - the directory in the v2 tree; lent; -1 if absent */
int cgroup_group_v2_fd(const struct cgroup_group *group);

/**
 * cgroup_group_write() - set a value
 *
 * Return: 0; -ENODEV if the group has no such hierarchy; any openat(2) or
 * write(2) error of the file.
 */
int cgroup_group_write(const struct cgroup_group *group,
		       enum cgroup_controller controller, const char *file,
		       const char *value);

/** cgroup_group_read() - append a file's text; errors as for writing */
int cgroup_group_read(const struct cgroup_group *group,
		      enum cgroup_controller controller, const char *file,
		      struct buf *text);

/**
 * cgroup_group_read_key() - the number behind a key of a "key value" file
 *
 * Return: 0; -ENODATA if the file has no such key; errors as for reading.
 */
int cgroup_group_read_key(const struct cgroup_group *group,
			  enum cgroup_controller controller, const char *file,
			  const char *key, uint64_t *ret_value);

/**
 * cgroup_group_prepare_join() - open what cgroup_group_join_self() writes to
 *
 * Whoever calls this needs the permission; the one who joins does not.
 *
 * Return: 0 or an openat(2) error.
 */
int cgroup_group_prepare_join(struct cgroup_group *group);

/**
 * cgroup_group_join_self() - move the calling process into the group
 * @skip_v2:	it was born there (CLONE_INTO_CGROUP)
 *
 * The caller must have one thread: v1 moves only that. Works after a fork, in
 * any pid namespace.
 *
 * Return: 0 or a write(2) error; -ENOSPC if the cpuset is empty.
 */
int cgroup_group_join_self(const struct cgroup_group *group, bool skip_v2);

/** cgroup_group_join() - move another process, all its threads; errors as above */
int cgroup_group_join(const struct cgroup_group *group, pid_t pid);

/**
 * cgroup_group_freeze() - stop or continue all processes, and wait until they have
 *
 * Return: 0; -ENODEV without a freezer; -ETIMEDOUT after ten seconds.
 */
int cgroup_group_freeze(const struct cgroup_group *group, bool freeze);

/** cgroup_group_is_frozen() - 1, 0, or negative errno */
int cgroup_group_is_frozen(const struct cgroup_group *group);

/**
 * cgroup_group_signal() - send a signal to every process below the group
 *
 * SIGKILL uses cgroup.kill where there is a v2 directory. Otherwise, where there
 * is a freezer, the group is frozen meanwhile so that no fork escapes.
 *
 * Return: the number of processes, unknown counting as one; negative errno.
 */
int cgroup_group_signal(const struct cgroup_group *group, int signal);

/**
 * cgroup_group_pids() - the processes of the group and the groups below
 * @ret_pids:	freed by the caller
 *
 * Return: their number, or negative errno.
 */
int cgroup_group_pids(const struct cgroup_group *group, pid_t **ret_pids);

/**
 * cgroup_group_remove() - remove the group, groups below it, and the empty
 *	parents that creating it made
 * @levels:	how many components to remove at least, counted from the end,
 *		whoever made them; parents in use stay
 *
 * Kills what still runs there, and waits for it.
 *
 * Return: 0; -EBUSY if a process cannot be killed within ten seconds; any
 * unlinkat(2) error.
 */
int cgroup_group_remove(struct cgroup_group *group, unsigned levels);
