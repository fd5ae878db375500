/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/group.h - a container's cgroups, one per hierarchy, held open
 *
 * A container is at one place in each hierarchy. Files there and in the levels
 * above are opened once and read again with one system call each. The
 * directory itself is held, not its path: a new cgroup that takes the path of a
 * removed one is not mistaken for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cgroup.h"

/* A place: the cgroup in the hierarchy of a controller, or in the v2 tree. */
#define GROUP_V2     CGROUP_CONTROLLER_COUNT
#define GROUP_PLACES (CGROUP_CONTROLLER_COUNT + 1)

/* Where a container is; plain values, lent. */
struct group_spec {
	const char *path[GROUP_PLACES];	/* as cgroup_path_of() has it; NULL: nowhere */
	uint64_t inode[GROUP_PLACES];	/* of the directory; 0: take what is there */
};

struct group;

/**
 * group_open() - take hold of a container's cgroups
 *
 * Places that do not exist (any more) are left out: group_has() tells.
 *
 * Return: 0; -ENOENT if none of them exists; -ENOMEM; any open(2) error.
 */
int group_open(const struct cgroup_layout *layout, const struct group_spec *spec,
	       struct group **ret_group);

/** group_close() - accepts NULL, returns NULL */
struct group *group_close(struct group *group);

/** group_has() - whether the container has a cgroup at @place */
bool group_has(const struct group *group, int place);

/** group_version() - which files to expect at @place */
enum cgroup_version group_version(const struct group *group, int place);

/** group_depth() - levels at @place that may have limits: 0 for the hierarchy's
 *	root, else 1 for the container itself and 1 for each level between */
unsigned group_depth(const struct group *group, int place);

/** group_inode() - what to put in a spec to find the same directory again */
uint64_t group_inode(const struct group *group, int place);

/** group_dir() - O_PATH descriptor of the container's directory; lent; -1 if none */
int group_dir(const struct group *group, int place);

/**
 * group_read() - append what a file says now
 * @level:	0: the container's own; 1: the level above; ...
 * @name:	the file; a string that lives as long as the program
 *
 * The caller sees to it that no two threads read the same group at once.
 *
 * Return: 0; -ENOENT if there is no such file (its controller is off); -ENODEV
 * if the cgroup was removed; -ENOMEM; any open(2) or read(2) error.
 */
int group_read(struct group *group, int place, unsigned level, const char *name,
	       struct buf *out);

/** group_read_limit() - one number; "max", -1 and an absent file are TEXT_UNLIMITED */
int group_read_limit(struct group *group, int place, unsigned level, const char *name,
		     uint64_t *ret_value);

/* What a reading said; @result is group_read()'s answer. */
struct group_reading {
	int place;
	unsigned level;
	const char *name;
	int result;
	const char *text;
};

/** group_trace() - call @trace after each reading, until called with NULL */
void group_trace(struct group *group,
		 void (*trace)(void *context, const struct group_reading *reading),
		 void *context);

/** group_highest_fd() - the highest descriptor that it has ever had open */
int group_highest_fd(const struct group *group);

/** group_is_gone() - true once every cgroup of the container was removed */
bool group_is_gone(struct group *group);

/** group_trim() - close the files that are kept open, keep the directories */
void group_trim(struct group *group);
