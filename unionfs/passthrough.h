/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/passthrough.h - backing ids: files that the kernel reads and writes itself
 *
 * How it works. A file of a layer is registered with the kernel and gets an id, which
 * the replies to OPEN name. The kernel then writes as the one who registered it:
 * with our right to keep set-id bits, or without, as it is asked for here.
 *
 * A lower file that is copied up while it is open stays open as it was, under the
 * node id that it had; such ids are *left* and remembered until they are closed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "unionfs/locks.h"

struct left;
struct unionfs;

struct passthrough {
	struct lock lock;
	struct left *left;
	bool has_warned;
};

void passthrough_init(struct passthrough *p);
void passthrough_done(struct passthrough *p);

/** passthrough_needs() - what keeps this union from it; NULL: nothing known */
const char *passthrough_needs(const struct unionfs *u);

static inline bool passthrough_is_possible(const struct unionfs *u)
{
	return !passthrough_needs(u);
}

/** passthrough_check_layers() - say now, while somebody listens, what cannot be passed */
void passthrough_check_layers(struct unionfs *u);

/**
 * passthrough_register() - have the kernel read and write a file
 * @fd:		lent; open for reading is enough for both
 * @as_root:	writes keep set-id bits, as root's do
 *
 * Return: the id, > 0; -EPERM without the right to; -ELOOP if its filesystem is
 * stacked itself; -errno. The first such failure is logged.
 */
int32_t passthrough_register(struct unionfs *u, int fd, bool as_root);

/** passthrough_unregister() - no file will be opened with the id; open ones stay */
void passthrough_unregister(struct unionfs *u, int32_t id);

/** passthrough_leave() - remember an id that @opens files of @node_id have; 0 or -ENOMEM */
int passthrough_leave(struct unionfs *u, uint64_t node_id, int32_t id,
		      uint32_t opens);

/** passthrough_has_left() - are there files of this node id with such an id */
bool passthrough_has_left(struct unionfs *u, uint64_t node_id);

/** passthrough_close_left() - one of these was closed */
void passthrough_close_left(struct unionfs *u, int32_t id);
