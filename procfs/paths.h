/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/paths.h - numbers for paths, the same in every worker of a mount
 *
 * A node id must mean the same file after the worker that gave it is dead, and
 * in a newer version of the program. So each path that was ever looked up has a
 * number, kept in the state memfd: a tree of names, only ever appended to. The
 * host's files bound it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct paths;

#define PATHS_ROOT 1	/* the number of "" */

/** paths_state_size() - bytes of state it needs; untouched ones cost nothing */
size_t paths_state_size(void);

/**
 * paths_open() - work on the numbers in @state
 * @state:	zeroed memory, or what another worker left there; lent
 *
 * Return: 0; -ENOMEM; -EPROTO if the state is not one of ours.
 */
int paths_open(void *state, struct paths **ret_paths);

/** paths_close() - accepts NULL, returns NULL */
struct paths *paths_close(struct paths *paths);

/**
 * paths_child() - the number of @name in the directory @parent
 *
 * Return: a number; 0 if there is no room for one more.
 */
uint32_t paths_child(struct paths *paths, uint32_t parent, const char *name);

/** paths_find() - the same, but 0 if the path has no number yet */
uint32_t paths_find(struct paths *paths, uint32_t parent, const char *name);

/** paths_parent() - the directory of a path; the root's is the root */
uint32_t paths_parent(struct paths *paths, uint32_t path);

/**
 * paths_text() - write a path out, "" for the root
 *
 * Return: 0; -ESTALE if @path is no number that was given; -ENAMETOOLONG.
 */
int paths_text(struct paths *paths, uint32_t path, char *text, size_t size);
