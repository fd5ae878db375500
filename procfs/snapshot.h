/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/snapshot.h - what an open file read, until it is closed
 *
 * A file is rendered whole when it is read at offset 0, and the rest is served
 * from that. Handles are numbers, not pointers: one that another worker gave
 * simply has no text yet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct snapshots;

/** snapshots_new() - NULL when out of memory */
struct snapshots *snapshots_new(void);

/** snapshots_free() - accepts NULL, returns NULL */
struct snapshots *snapshots_free(struct snapshots *s);

/**
 * snapshots_put() - keep a text for a handle, in place of an older one
 * @text:	taken over; empty afterwards
 *
 * Return: 0 or -ENOMEM.
 */
int snapshots_put(struct snapshots *s, uint64_t handle, struct buf *text);

/**
 * snapshots_get() - append a part of a handle's text to @out
 *
 * Return: true, also at its end; false if the handle has no text.
 */
bool snapshots_get(struct snapshots *s, uint64_t handle, size_t offset, size_t length,
		   struct buf *out);

/** snapshots_drop() - the handle is closed */
void snapshots_drop(struct snapshots *s, uint64_t handle);
