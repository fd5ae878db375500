/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/confine.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/errors.h"
#include "common/log.h"

static int keep_held(cap_t limited, cap_t now, cap_value_t cap)
{
	cap_flag_value_t has = CAP_CLEAR;

	/* One that this kernel does not know is not held. */
	if (cap_get_flag(now, cap, CAP_PERMITTED, &has) < 0 || has == CAP_CLEAR)
		return 0;
	if (cap_set_flag(limited, CAP_PERMITTED, 1, &cap, CAP_SET) < 0)
		return -errno;
	return neg_errno(cap_set_flag(limited, CAP_EFFECTIVE, 1, &cap, CAP_SET));
}

int confine_capabilities(const cap_value_t *caps, size_t count)
{
	cap_t now = cap_get_proc(), limited = cap_init();
	int r = now && limited ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = keep_held(limited, now, caps[i]);
	if (r == 0)
		r = neg_errno(cap_set_proc(limited));
	if (now)
		cap_free(now);
	if (limited)
		cap_free(limited);
	return r;
}

int confine_worker(const struct confine *c)
{
	int r;

	if (confine_probe)
		confine_probe(false);
	r = neg_errno(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (r == 0 && c->trees)
		r = confine_files(c->trees, c->tree_count);
	if (r == 0)
		r = confine_capabilities(c->caps, c->cap_count);
	if (r == 0)
		r = confine_calls(c->calls, c->call_count);
	if (r < 0)
		log_error("cannot give up privileges: %s\nThe system is short of memory, or its kernel behaves unexpectedly; please report it.",
			  strerror(-r));
	else if (confine_probe)
		confine_probe(true);
	return r;
}
