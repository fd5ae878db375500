/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/stats_json.h - what a container uses, in the words that runc has for it */
#pragma once

#include "common/cgroup_group.h"
#include "launcher/json.h"

/**
 * stats_json() - the figures of a cgroup, as `runc events` prints them
 *
 * Times are in ns, sizes in bytes. A controller without a hierarchy has an empty
 * object; a figure that this kernel does not give is left out. What a hierarchy of
 * version 2 calls otherwise has the name of version 1.
 *
 * Return: an object, to be freed by the caller; NULL without memory.
 */
struct json_object *stats_json(const struct cgroup_group *group);
