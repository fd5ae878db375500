/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/private_mount.h - layers through mounts of our own
 *
 * Such a mount is without what is mounted inside it, as kernel overlay sees a layer, and
 * out of reach of later mounts, so that a union mounted somewhere inside its own layer
 * does not wait for itself. Those of lower layers are read-only: the kernel itself keeps
 * a lower layer from being changed. And the user's own mount is not busy because of a
 * union, least of all of one that was unmounted and whose daemon has yet to end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One for each mount that layers lie on: to make and drop one takes a millisecond. */
struct private_mounts {
	struct private_mount {
		uint64_t mount_id;	/* of the one it is like */
		int tree_fd;		/* owned */
		char *root_path;	/* owned: where that one's root is */
	} *items;
	size_t count;
	bool writable;		/* for the upper layer and its work directory */
};

#define PRIVATE_MOUNTS_INIT { 0 }

/**
 * private_mounts_open() - open a directory through a private mount
 * @path:	as the user wrote it
 *
 * Needs CAP_SYS_ADMIN and Linux 5.12. Return: a descriptor open for reading, which
 * outlives @mounts; -errno if it cannot be had so.
 */
int private_mounts_open(struct private_mounts *mounts, const char *path);

/** private_mounts_done() - accepts what is empty */
void private_mounts_done(struct private_mounts *mounts);
