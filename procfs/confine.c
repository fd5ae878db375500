/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/confine.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>

#include "common/confine.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const cap_value_t caps[] = {
	CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN,
	CAP_DAC_OVERRIDE,	/* last: for the threads of calls and triggers alone */
};

static const struct confine_call calls[] = {
	/* the control socket, which listens already */
	{ SCMP_SYS(accept4) }, { SCMP_SYS(recvmsg) }, { SCMP_SYS(recvfrom) },
	{ SCMP_SYS(getsockopt) }, { SCMP_SYS(setsockopt) }, { SCMP_SYS(shutdown) },
	/* capabilities are given up in two steps */
	{ SCMP_SYS(capset) },
	/* cgroups, whose names are anybody's */
	{ SCMP_SYS(openat2) },
	/* who asks */
	{ SCMP_SYS(pidfd_open) },
	{ SCMP_SYS(setns), 1, UINT64_MAX, CLONE_NEWCGROUP },
	/* calls of containers that are answered: in their memory */
	{ SCMP_SYS(openat), 2, O_CREAT | O_TRUNC, 0 },
	{ SCMP_SYS(seccomp), 0, UINT64_MAX, SECCOMP_GET_NOTIF_SIZES },
	{ SCMP_SYS(ioctl), 1, 0xff00, '!' << 8 },
};

int confine_service(void)
{
	static const struct confine c = {
		.caps = caps, .cap_count = COUNT(caps),
		.calls = calls, .call_count = COUNT(calls),
	};

	return confine_worker(&c);
}

int confine_others(void)
{
	return confine_capabilities(caps, COUNT(caps) - 1);
}
