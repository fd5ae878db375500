/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/call.h - what a request does not say about its caller */
#pragma once

#include <stdbool.h>

struct call;

/**
 * call_has_capability() - whether the calling process has a capability
 *
 * For the rare questions that the kernel leaves to us: it looks into /proc. Who is
 * not to be seen there has none.
 */
bool call_has_capability(const struct call *call, unsigned capability);
