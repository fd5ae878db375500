/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/rootless.h - nacre as an ordinary user
 *
 * Everything an ordinary user may not do is allowed inside a user namespace of
 * its own. So nacre starts itself again in one, with the ids that /etc/subuid
 * grants, and the second one works as root does, on what it may touch.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "launcher/fault.h"
#include "launcher/plan.h"

/** rootless_is_needed() - we are an ordinary user, not yet in our namespace */
bool rootless_is_needed(void);

/** rootless_is_root() - we are the machine's root, not that of a user's namespace */
bool rootless_is_root(void);

/** rootless_user_name() - our own, as /etc/passwd or the login has it; false: neither does */
bool rootless_user_name(char *ret_name, size_t size);

/** rootless_find_ids() - the first range that a file such as /etc/subuid grants us */
bool rootless_find_ids(const char *file, uint32_t *ret_start, uint32_t *ret_count);

/**
 * rootless_reenter() - run the same command line in a user namespace
 *
 * Return: its exit status, or negative errno with @fault.
 */
int rootless_reenter(struct fault *fault);

/**
 * rootless_adapt() - fit a plan to what we are
 * @userns:	the user asked for a namespace with other ids
 */
int rootless_adapt(struct plan *plan, bool userns, struct fault *fault);
