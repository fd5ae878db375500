/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/creds.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/errors.h"

static const struct { const char *name; int resource; } rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS },		{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },		{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },		{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

int creds_rlimit_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(rlimit_names) / sizeof(rlimit_names[0]); i++)
		if (strcmp(rlimit_names[i].name, name) == 0 ||
		    strcasecmp(rlimit_names[i].name + 7, name) == 0)
			return rlimit_names[i].resource;
	return -1;
}

const char *creds_rlimit_name(int resource)
{
	for (size_t i = 0; i < sizeof(rlimit_names) / sizeof(rlimit_names[0]); i++)
		if (rlimit_names[i].resource == resource)
			return rlimit_names[i].name;
	return "an unknown resource";
}

int creds_cap_by_name(const char *name)
{
	char lower[64] = "cap_";
	cap_value_t value;
	size_t start = strncasecmp(name, "CAP_", 4) == 0 ? 0 : 4;
	size_t i;

	for (i = 0; name[i] && start + i < sizeof(lower) - 1; i++)
		lower[start + i] = (char)tolower((unsigned char)name[i]);
	lower[start + i] = '\0';
	/* libcap also takes numbers; a name is what people mean. */
	if (name[i] || isdigit((unsigned char)lower[4]) || cap_from_name(lower, &value) < 0)
		return -1;
	return value;
}

const char *creds_cap_name(int cap)
{
	static char text[64];
	char *name = cap_to_name(cap);

	snprintf(text, sizeof(text), "%s", name ? name : "an unknown capability");
	cap_free(name);
	for (char *p = text; name && *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return text;
}

int creds_last_cap(void)
{
	return (int)cap_max_bits() - 1;	/* the library has asked already */
}

int creds_limit_bounding(const struct plan_process *p, struct fault *f)
{
	int last = creds_last_cap(), error;

	for (int cap = 0; cap <= last; cap++) {
		if ((p->caps[CAP_SET_BOUNDING] & (UINT64_C(1) << cap)) ||
		    prctl(PR_CAPBSET_DROP, cap) == 0)
			continue;
		/* Without CAP_SETPCAP (exec by a plain user) only what is there goes. */
		error = errno;
		if (prctl(PR_CAPBSET_READ, cap) > 0)
			return fault_set(f, -error, "cannot drop %s", creds_cap_name(cap));
	}
	return 0;
}

static uint64_t own_caps(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	return neg_errno((int)syscall(SYS_capset, &header, data));
}

static int set_ids(const struct plan_process *p, struct fault *f)
{
	/* An id map may deny setgroups; then there are no groups to give up. */
	if (setgroups(p->group_count, p->groups) < 0 && (errno != EPERM || p->group_count))
		return fault_set(f, -errno, "cannot set the groups of the command");
	if (setresgid(p->gid, p->gid, p->gid) < 0)
		return fault_set(f, -errno, "cannot become group %u: it is not mapped", p->gid);
	if (setresuid(p->uid, p->uid, p->uid) < 0)
		return fault_set(f, -errno, "cannot become user %u: it is not mapped", p->uid);
	return 0;
}

static int raise_ambient(uint64_t ambient)
{
	for (int cap = 0; cap < 64; cap++)
		if ((ambient & (UINT64_C(1) << cap)) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

int creds_become(const struct plan_process *p, uint64_t *ret_left_out, struct fault *f)
{
	uint64_t have = own_caps();
	uint64_t permitted = p->caps[CAP_SET_PERMITTED] & have;
	uint64_t effective = p->caps[CAP_SET_EFFECTIVE] & permitted;
	uint64_t inheritable = p->caps[CAP_SET_INHERITABLE] & have;
	int r;

	*ret_left_out = (p->caps[CAP_SET_PERMITTED] | p->caps[CAP_SET_INHERITABLE]) & ~have;

	/* Keep them over the change of user; they are cut down right after. */
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		return fault_set(f, -errno, "cannot keep capabilities");
	r = set_ids(p, f);
	if (r < 0)
		return r;
	r = set_caps(effective, permitted, inheritable);
	if (r < 0)
		return fault_set(f, r, "cannot set the capabilities of the command");
	(void)prctl(PR_SET_KEEPCAPS, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	r = raise_ambient(p->caps[CAP_SET_AMBIENT] & inheritable & permitted);
	return r < 0 ? fault_set(f, r, "cannot set the ambient capabilities") : 0;
}

int creds_set_rlimits(const struct plan_process *p, uint32_t *ret_clamped, struct fault *f)
{
	*ret_clamped = 0;
	for (size_t i = 0; i < p->rlimit_count; i++) {
		const struct plan_rlimit *l = &p->rlimits[i];
		struct rlimit wanted = { l->soft, l->hard }, now;

		if (setrlimit(l->resource, &wanted) == 0)
			continue;
		if (errno != EPERM || getrlimit(l->resource, &now) < 0)
			return fault_set(f, -errno, "cannot set %s", creds_rlimit_name(l->resource));
		wanted.rlim_max = now.rlim_max;
		if (wanted.rlim_cur > wanted.rlim_max)
			wanted.rlim_cur = wanted.rlim_max;
		if (setrlimit(l->resource, &wanted) < 0)
			return fault_set(f, -errno, "cannot set %s", creds_rlimit_name(l->resource));
		*ret_clamped |= 1u << l->resource;
	}
	return 0;
}

void creds_keep_only_kill(void)
{
	uint64_t kill_only = (UINT64_C(1) << CAP_KILL) & own_caps();

	/* It can only fail for an invalid header: then pid 1 keeps the bounding set. */
	(void)set_caps(kill_only, kill_only, 0);
}
