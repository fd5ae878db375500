/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "common/errors.h"

static const cap_value_t kept[] = {
	CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN,
	CAP_DAC_OVERRIDE,	/* last: for the agent's thread alone */
};

/*
 * What is forbidden, not what is allowed: a new libc may call what this one does
 * not, and a daemon of everybody's /proc must not stop for that.
 */
static const int forbidden[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
	SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
	SCMP_SYS(fspick), SCMP_SYS(fsconfig), SCMP_SYS(unshare),
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot),
	SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(quotactl),
	SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime),
	SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(iopl), SCMP_SYS(ioperm),
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(link), SCMP_SYS(linkat),
	SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(truncate), SCMP_SYS(chmod), SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(lchown),
	SCMP_SYS(fchownat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),
	SCMP_SYS(fsetxattr), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setresuid),
	SCMP_SYS(setresgid), SCMP_SYS(setgroups),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The first of @kept, of those that the thread has at all, and no others. */
static int limit_capabilities(size_t count)
{
	cap_t now = cap_get_proc(), limited = cap_init();
	int r = now && limited ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < count; i++) {
		cap_flag_value_t has = CAP_CLEAR;

		r = neg_errno(cap_get_flag(now, kept[i], CAP_PERMITTED, &has));
		if (r >= 0 && has == CAP_SET)
			r = neg_errno(cap_set_flag(limited, CAP_PERMITTED, 1, &kept[i],
						   CAP_SET));
		if (r >= 0 && has == CAP_SET)
			r = neg_errno(cap_set_flag(limited, CAP_EFFECTIVE, 1, &kept[i],
						   CAP_SET));
	}
	if (r >= 0)
		r = neg_errno(cap_set_proc(limited));
	if (now)
		cap_free(now);
	if (limited)
		cap_free(limited);
	return r;
}

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < COUNT(forbidden); i++) {
		/* One that this architecture does not have has another number. */
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
		if (r == -EDOM || r == -EINVAL)
			r = 0;
	}
	if (r >= 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r;
}

int confine_worker(void)
{
	int r = neg_errno(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));

	if (r >= 0)
		r = limit_capabilities(COUNT(kept));
	return r < 0 ? r : filter_calls();
}

int confine_others(void)
{
	return limit_capabilities(COUNT(kept) - 1);
}
