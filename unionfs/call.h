/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/call.h - what a request does not say about its caller */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct call;
struct unionfs;

/**
 * call_has_capability() - whether the calling process has a capability
 *
 * For the rare questions that the kernel leaves to us: it looks into /proc. Who is
 * not to be seen there has none.
 */
bool call_has_capability(const struct call *call, unsigned capability);

/**
 * call_in_group() - whether the caller is in a group, by its primary or another id
 * @gid:	as in the layers
 *
 * Few requests name even the primary one; all are in /proc. Who is not to be seen
 * there is in none.
 */
bool call_in_group(const struct unionfs *u, const struct call *call, gid_t gid);
