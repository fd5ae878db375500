/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

struct seccomp_filter {
	unsigned flags;		/* SECCOMP_FILTER_FLAG_* */
	struct sock_fprog program;
};

int seccomp_load_filter(const struct seccomp_filter *filter, struct fault *f)
{
	if (!filter)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &filter->program) < 0)
		return fault_set(f, -errno, "cannot install the system call filter");
	return 0;
}
