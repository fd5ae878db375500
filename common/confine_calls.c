/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/confine_calls.c - the filter of system calls
 *
 * A call that is not listed does not exist, as far as a worker can tell (ENOSYS): libc
 * goes back to an older one then. What is dangerous about listed ones is in their
 * arguments, and filtered by those.
 */
#include "config.h"
#include "common/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "common/log.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Flags of open(2) that let a file be changed. */
#define ANY_CHANGE (O_ACCMODE | O_CREAT | O_TRUNC)

static const struct confine_call always[] = {
	/* memory, threads, signals, time */
	{ SCMP_SYS(brk) }, { SCMP_SYS(mmap) }, { SCMP_SYS(munmap) },
	{ SCMP_SYS(mremap) }, { SCMP_SYS(mprotect) }, { SCMP_SYS(madvise) },
	{ SCMP_SYS(membarrier) }, { SCMP_SYS(futex) }, { SCMP_SYS(set_robust_list) },
	{ SCMP_SYS(get_robust_list) }, { SCMP_SYS(rseq) },
	{ SCMP_SYS(set_tid_address) }, { SCMP_SYS(arch_prctl) }, { SCMP_SYS(gettid) },
	{ SCMP_SYS(getpid) }, { SCMP_SYS(getppid) }, { SCMP_SYS(tgkill) },
	{ SCMP_SYS(exit) }, { SCMP_SYS(exit_group) }, { SCMP_SYS(sched_yield) },
	{ SCMP_SYS(sched_getaffinity) }, { SCMP_SYS(sched_getparam) },
	{ SCMP_SYS(sched_getscheduler) }, { SCMP_SYS(getcpu) },
	{ SCMP_SYS(rt_sigaction) }, { SCMP_SYS(rt_sigprocmask) },
	{ SCMP_SYS(rt_sigreturn) }, { SCMP_SYS(sigaltstack) },
	{ SCMP_SYS(restart_syscall) }, { SCMP_SYS(nanosleep) },
	{ SCMP_SYS(clock_nanosleep) }, { SCMP_SYS(clock_gettime) },
	{ SCMP_SYS(clock_getres) }, { SCMP_SYS(gettimeofday) }, { SCMP_SYS(time) },
	{ SCMP_SYS(getrandom) }, { SCMP_SYS(uname) }, { SCMP_SYS(sysinfo) },
	{ SCMP_SYS(getrlimit) }, { SCMP_SYS(getrusage) }, { SCMP_SYS(personality) },
	/* identity, to look at */
	{ SCMP_SYS(getuid) }, { SCMP_SYS(geteuid) }, { SCMP_SYS(getgid) },
	{ SCMP_SYS(getegid) }, { SCMP_SYS(getresuid) }, { SCMP_SYS(getresgid) },
	{ SCMP_SYS(getgroups) }, { SCMP_SYS(capget) },
	/* descriptors that are there already, and waiting for them */
	{ SCMP_SYS(read) }, { SCMP_SYS(pread64) }, { SCMP_SYS(readv) },
	{ SCMP_SYS(preadv) }, { SCMP_SYS(write) }, { SCMP_SYS(pwrite64) },
	{ SCMP_SYS(writev) }, { SCMP_SYS(pwritev) }, { SCMP_SYS(splice) },
	{ SCMP_SYS(tee) }, { SCMP_SYS(vmsplice) }, { SCMP_SYS(pipe) },
	{ SCMP_SYS(pipe2) }, { SCMP_SYS(lseek) }, { SCMP_SYS(close) },
	{ SCMP_SYS(dup) }, { SCMP_SYS(dup2) }, { SCMP_SYS(dup3) }, { SCMP_SYS(fcntl) },
	{ SCMP_SYS(ftruncate) }, { SCMP_SYS(memfd_create) }, { SCMP_SYS(eventfd2) },
	{ SCMP_SYS(poll) }, { SCMP_SYS(ppoll) }, { SCMP_SYS(epoll_create1) },
	{ SCMP_SYS(epoll_ctl) }, { SCMP_SYS(epoll_wait) }, { SCMP_SYS(epoll_pwait) },
	{ SCMP_SYS(sendmsg) }, { SCMP_SYS(sendto) },
	/* files, to look at */
	{ SCMP_SYS(open), 1, ANY_CHANGE, 0 }, { SCMP_SYS(openat), 2, ANY_CHANGE, 0 },
	{ SCMP_SYS(stat) }, { SCMP_SYS(lstat) }, { SCMP_SYS(fstat) },
	{ SCMP_SYS(newfstatat) }, { SCMP_SYS(statx) }, { SCMP_SYS(statfs) },
	{ SCMP_SYS(fstatfs) }, { SCMP_SYS(access) }, { SCMP_SYS(faccessat) },
	{ SCMP_SYS(faccessat2) }, { SCMP_SYS(readlink) }, { SCMP_SYS(readlinkat) },
	{ SCMP_SYS(getdents64) }, { SCMP_SYS(getcwd) },

	/* threads, but no processes; clone3's flags cannot be seen, and libc uses clone */
	{ SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD },
	{ SCMP_SYS(prlimit64), 0, UINT64_MAX, 0 },
	{ SCMP_SYS(sched_setaffinity), 0, UINT64_MAX, 0 },	/* only itself */
	{ SCMP_SYS(sched_setattr), 0, UINT64_MAX, 0 },
	{ SCMP_SYS(prctl), 0, UINT64_MAX, PR_SET_NAME },
	{ SCMP_SYS(prctl), 0, UINT64_MAX, PR_GET_NAME },
	{ SCMP_SYS(prctl), 0, UINT64_MAX, PR_GET_DUMPABLE },
	{ SCMP_SYS(prctl), 0, UINT64_MAX, PR_GET_SECCOMP },
	{ SCMP_SYS(prctl), 0, UINT64_MAX, PR_CAPBSET_READ },
	{ SCMP_SYS(prctl), 0, UINT64_MAX, 0x53564d41 /* PR_SET_VMA: names of mappings */ },
	/* by type and number: what is a size in them differs */
	{ SCMP_SYS(ioctl), 1, 0xffff, TCGETS },		/* is it a terminal */
	{ SCMP_SYS(ioctl), 1, 0xff00, 229 << 8 },	/* of the FUSE device */
	{ SCMP_SYS(ioctl), 1, 0xff00, 'f' << 8 },	/* file flags, fs-verity */
	{ SCMP_SYS(ioctl), 1, 0xffff, 0x581f },		/* FS_IOC_FSGETXATTR */
	{ SCMP_SYS(ioctl), 1, 0xffff, 0x5820 },		/* FS_IOC_FSSETXATTR */
	{ SCMP_SYS(ioctl), 1, 0xffff, 0x9409 },		/* FICLONE */
	{ SCMP_SYS(ioctl), 1, 0xffff, 0x940d },		/* FICLONERANGE */
	{ SCMP_SYS(ioctl), 1, 0xff00, 0xb7 << 8 },	/* about namespaces */
};

/* One that this architecture does not have cannot be called, either. */
static int unless_unknown(int r)
{
	return r == -EDOM || r == -EEXIST ? 0 : r;
}

static int allow(scmp_filter_ctx filter, const struct confine_call *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct confine_call *c = &calls[i];

		r = unless_unknown(seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, c->number, c->mask ? 1 : 0,
			SCMP_CMP(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->value)));
	}
	return r;
}

static int add_rules(scmp_filter_ctx filter, const struct confine_call *calls,
		     size_t count)
{
	/* Many rules: have them searched, not tried in turn. Older kernels need it. */
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);

	if (r == 0)
		r = allow(filter, always, COUNT(always));
	return r < 0 ? r : allow(filter, calls, count);
}

int confine_calls(const struct confine_call *calls, size_t count)
{
	scmp_filter_ctx filter;
	int r;

	if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL) {
		log_debug("this kernel filters no system calls");
		return 0;
	}
	filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	r = filter ? add_rules(filter, calls, count) : -ENOMEM;
	if (r == 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r;
}
