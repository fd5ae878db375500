/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/creds.h - what a command may do: ids, capabilities, limits of the process */
#pragma once

#include <stdint.h>

#include "launcher/fault.h"
#include "launcher/plan.h"

/**
 * creds_limit_bounding() - drop all capabilities but those of the bounding set
 *
 * Return: 0 or negative errno with @fault.
 */
int creds_limit_bounding(const struct plan_process *p, struct fault *fault);

/**
 * creds_become() - take on the ids, groups and capabilities
 *
 * Capabilities that we do not have cannot be given: they are left out, and
 * returned for a warning.
 *
 * Return: 0 or negative errno with @fault.
 */
int creds_become(const struct plan_process *p, uint64_t *ret_left_out, struct fault *fault);

/**
 * creds_set_rlimits() - set them; one above the host's hard limit that we have no
 *	right to raise is set to that limit
 * @ret_clamped: bit N is set if resource N got less than asked for
 *
 * Return: 0 or negative errno with @fault.
 */
int creds_set_rlimits(const struct plan_process *p, uint32_t *ret_clamped,
		      struct fault *fault);

/** creds_rlimit_by_name() - "RLIMIT_NOFILE" or "nofile" as a number, or -1 */
int creds_rlimit_by_name(const char *name);

/** creds_rlimit_name() - "RLIMIT_NOFILE" */
const char *creds_rlimit_name(int resource);

/** creds_cap_by_name() - "CAP_CHOWN", "chown" in any case, or -1 */
int creds_cap_by_name(const char *name);

/** creds_cap_name() - "CAP_CHOWN" in a static buffer, valid until the next call */
const char *creds_cap_name(int cap);

/** creds_last_cap() - the highest capability this kernel knows */
int creds_last_cap(void);

/** creds_keep_only_kill() - drop all capabilities but CAP_KILL, for pid 1 */
void creds_keep_only_kill(void);
