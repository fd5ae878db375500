/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/hook.h - be an OCI createContainer hook
 *
 * The runtime runs it in the container's mount namespace, after the mounts of
 * the configuration and before pivot_root(2): the host's files are still at
 * their places, and the root file system is complete. So the view's files can
 * be placed, also those that a runtime would not let a configuration mount.
 */
#pragma once

#include "procfs/options.h"

/** hook_run() - register the container whose state is on stdin and place its
 *	files; returns an exit status, and says what went wrong */
int hook_run(const struct config *c);
