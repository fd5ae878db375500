/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/guard.h - takes a mount away whose holder was killed
 *
 * How it works. Nobody can replace a holder, and a mount without one fails for ever
 * ("Transport endpoint is not connected"). So a process of its own, which has nothing
 * but the end of a pipe, waits for the holder's end. If the mount is still there then,
 * it unmounts it: those who use it get errors, who comes later sees the directory.
 */
#pragma once

#include "common/mount.h"

struct guard {
	int tell_fd, end_fd;	/* owned, of pipes; -1: there is no guard */
};

#define GUARD_INIT { -1, -1 }

/**
 * guard_start() - in the holder, once it has mounted
 *
 * The guard is nobody's child, and called nacre-guard. Return: 0 or -errno.
 */
int guard_start(const struct mountpoint *m, struct guard *ret_guard);

/** guard_end() - the holder ends in order, and the guard before it */
void guard_end(struct guard *guard);

/**
 * guard_become() - in a process that shall outlive the daemon it was forked from
 * @name:		what ps(1) shows; no one who looks for the daemon means it
 * @fd_a, @fd_b:	stay open, of those beyond stderr, which goes to /dev/null
 */
void guard_become(const char *name, int fd_a, int fd_b);
