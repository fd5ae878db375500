/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/profile.h - an engine's seccomp profile, with our listener in it */
#pragma once

#include "procfs/options.h"

#define PROFILE_DEFAULT "/usr/share/containers/seccomp.json"

/**
 * profile_print() - a profile on standard output
 * @base:	the engine's own; NULL: that of podman; "-": one that allows all
 *
 * What @base allows without conditions of the calls that the daemon answers is
 * handed to it. Says what went wrong. Return: an exit status for main().
 */
int profile_print(const struct config *c, const char *base);
