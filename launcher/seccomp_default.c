/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. Every system call belongs to a group: allowed, allowed with a
 * capability, refused. A capability that lets the kernel do something is no use
 * with a filter in front of it, so groups follow the kernel's own checks. Calls
 * that look at the machine or at kernel internals, and those where most ways out
 * of containers were found (io_uring, bpf, userfaultfd, keyrings, modules), are
 * refused whoever asks, unless a capability means them.
 */
#include "config.h"
#include "launcher/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/seccomp_impl.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(cap) (UINT64_C(1) << (cap))

/* What ordinary programs do. */
static const char *const allowed[] = {
	/* files and directories */
	"access faccessat faccessat2 open openat openat2 creat close close_range read readv pread64 "
	"preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek stat stat64 fstat "
	"fstat64 fstatat64 lstat lstat64 newfstatat oldstat oldfstat oldlstat statx statfs "
	"statfs64 fstatfs fstatfs64 readlink readlinkat getdents getdents64 readdir getcwd chdir "
	"fchdir mkdir mkdirat rmdir link linkat symlink symlinkat unlink unlinkat rename renameat "
	"renameat2 truncate truncate64 ftruncate ftruncate64 fallocate chmod fchmod fchmodat "
	"fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32 umask utime utimes "
	"utimensat utimensat_time64 futimesat mknod mknodat flock fcntl fcntl64 ioctl dup dup2 "
	"dup3 pipe pipe2 fsync fdatasync sync syncfs sync_file_range sync_file_range2 readahead "
	"fadvise64 fadvise64_64 arm_fadvise64_64 arm_sync_file_range sendfile sendfile64 splice "
	"tee vmsplice copy_file_range cachestat name_to_handle_at memfd_create memfd_secret",
	"getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat "
	"setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr "
	"removexattrat file_getattr file_setattr",
	"inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark",
	/* memory */
	"mmap mmap2 munmap mremap mprotect pkey_alloc pkey_free pkey_mprotect madvise mincore "
	"msync mlock mlock2 mlockall munlock munlockall brk remap_file_pages membarrier mseal "
	"map_shadow_stack process_mrelease",
	/* processes */
	"execve execveat exit exit_group fork vfork wait4 waitid waitpid getpid getppid gettid "
	"getpgid getpgrp setpgid getsid setsid getuid getuid32 geteuid geteuid32 getgid getgid32 "
	"getegid getegid32 getresuid getresuid32 getresgid getresgid32 setuid setuid32 setgid "
	"setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid "
	"setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 getgroups getgroups32 setgroups "
	"setgroups32 capget capset prctl arch_prctl set_tid_address set_robust_list "
	"get_robust_list set_thread_area get_thread_area rseq getrlimit ugetrlimit setrlimit "
	"prlimit64 getrusage times uname sysinfo getcpu seccomp ptrace process_vm_readv "
	"process_vm_writev pidfd_open pidfd_send_signal landlock_create_ruleset "
	"landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_set_self_attr "
	"lsm_list_modules riscv_flush_icache riscv_hwprobe cacheflush breakpoint set_tls "
	"s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr modify_ldt",
	/* signals */
	"kill tkill tgkill signal signalfd signalfd4 sigaction sigaltstack sigpending sigprocmask "
	"sigreturn sigsuspend rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
	"rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo "
	"pause alarm restart_syscall",
	/* time and scheduling */
	"time gettimeofday clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
	"clock_nanosleep clock_nanosleep_time64 nanosleep getitimer setitimer timer_create "
	"timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
	"timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
	"timerfd_settime64 adjtimex clock_adjtime clock_adjtime64 sched_yield sched_getaffinity "
	"sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam "
	"sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min "
	"sched_rr_get_interval sched_rr_get_interval_time64 getpriority setpriority nice "
	"ioprio_get ioprio_set",
	/* waiting */
	"poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create "
	"epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 "
	"eventfd eventfd2 futex futex_time64 futex_wait futex_wake futex_waitv futex_requeue "
	"io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64",
	/* talking to others */
	"socketcall socketpair bind listen accept accept4 connect shutdown getsockname getpeername "
	"getsockopt setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg "
	"recvmmsg_time64",
	"ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat "
	"shmctl shmdt shmget mq_open mq_unlink mq_notify mq_getsetattr mq_timedreceive "
	"mq_timedreceive_time64 mq_timedsend mq_timedsend_time64",
	"getrandom",
};

/* Calls that the kernel ties to a capability: with it they are let through. */
static const struct { int cap; const char *names; } with_cap[] = {
	{ CAP_SYS_ADMIN, "mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen "
			 "fsconfig fsmount fspick statmount listmount pivot_root setns unshare clone "
			 "sethostname setdomainname quotactl quotactl_fd swapon swapoff bpf fanotify_init "
			 "perf_event_open lookup_dcookie syslog" },
	{ CAP_BPF, "bpf" },
	{ CAP_PERFMON, "perf_event_open" },
	{ CAP_DAC_READ_SEARCH, "open_by_handle_at" },
	{ CAP_SYS_BOOT, "reboot kexec_load kexec_file_load" },
	{ CAP_SYS_CHROOT, "chroot" },
	{ CAP_SYS_MODULE, "init_module finit_module delete_module" },
	{ CAP_SYS_NICE, "mbind get_mempolicy set_mempolicy set_mempolicy_home_node move_pages "
			"migrate_pages" },
	{ CAP_SYS_PACCT, "acct" },
	{ CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise" },
	{ CAP_SYS_RAWIO, "iopl ioperm" },
	{ CAP_SYS_TIME, "settimeofday stime clock_settime clock_settime64" },
	{ CAP_SYS_TTY_CONFIG, "vhangup" },
	{ CAP_SYSLOG, "syslog" },
};

/* Refused, also to those who have all rights. */
static const char refused[] =
	"add_key request_key keyctl io_uring_setup io_uring_enter io_uring_register userfaultfd "
	"vm86 vm86old uselib ustat sysfs _sysctl nfsservctl get_kernel_syms query_module "
	"create_module afs_syscall getpmsg putpmsg security tuxcall vserver";

/* Flags of clone(2) that make namespaces; the flag of a time namespace is another's there. */
static const unsigned long namespace_flags[] = {
	CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
	CLONE_NEWNET,
};

static const uint64_t personalities[] = {
	0x0, 0x8 /* LINUX32 */, 0x20000 /* UNAME26 */, 0x20008, 0xffffffff /* ask */,
};

#define AF_VSOCK_FAMILY 40	/* the hypervisor's, outside of network namespaces */

#ifdef __s390x__
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

static int add_words(struct seccomp_filter *filter, const char *names, const char *action,
		     const uint32_t *value, struct fault *f)
{
	cleanup_free char *copy = strdup(names);
	char *rest = NULL;
	int r = copy ? 0 : fault_set(f, -ENOMEM, "cannot make the system call filter");

	for (char *name = copy ? strtok_r(copy, " ", &rest) : NULL; r >= 0 && name;
	     name = strtok_r(NULL, " ", &rest))
		r = seccomp_add_rule(filter, name, action, value, NULL, 0, f);
	return r;
}

static bool has_name(const char *names, const char *name, size_t length)
{
	for (const char *p = names; (p = strstr(p, name)); p++)
		if ((p == names || p[-1] == ' ') && (p[length] == ' ' || !p[length]))
			return true;
	return false;
}

/* Whether some capability that the command has names the call. */
static bool given_otherwise(uint64_t caps, const char *name)
{
	for (size_t i = 0; i < COUNT(with_cap); i++)
		if ((caps & BIT(with_cap[i].cap)) && has_name(with_cap[i].names, name, strlen(name)))
			return true;
	return false;
}

/* The calls of capabilities that are missing answer what the kernel would. */
static int add_with_caps(struct seccomp_filter *filter, uint64_t caps, struct fault *f)
{
	const uint32_t denied = EPERM;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < COUNT(with_cap); i++) {
		cleanup_free char *copy = strdup(with_cap[i].names);
		bool has = caps & BIT(with_cap[i].cap);
		char *rest = NULL;

		if (!copy)
			return fault_set(f, -ENOMEM, "cannot make the system call filter");
		for (char *name = strtok_r(copy, " ", &rest); r >= 0 && name;
		     name = strtok_r(NULL, " ", &rest)) {
			if (!has && (strcmp(name, "clone") == 0 || given_otherwise(caps, name)))
				continue;
			r = seccomp_add_rule(filter, name, has ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO",
					     has ? NULL : &denied, NULL, 0, f);
		}
	}
	return r;
}

/*
 * Without the right to make namespaces clone(2) may not ask for one. What
 * clone3(2) asks for lies in memory, which no filter sees: programs are told
 * that it is missing and use the other.
 */
static int add_clone(struct seccomp_filter *filter, uint64_t caps, struct fault *f)
{
	const uint32_t denied = EPERM, missing = ENOSYS;
	struct seccomp_arg arg = { .index = CLONE_FLAGS_ARG, .op = "SCMP_CMP_MASKED_EQ" };
	unsigned long all = 0;
	int r = 0;

	if (caps & BIT(CAP_SYS_ADMIN))
		return seccomp_add_rule(filter, "clone3", "SCMP_ACT_ALLOW", NULL, NULL, 0, f);
	for (size_t i = 0; r >= 0 && i < COUNT(namespace_flags); i++) {
		arg.value = arg.value_two = namespace_flags[i];
		all |= namespace_flags[i];
		r = seccomp_add_rule(filter, "clone", "SCMP_ACT_ERRNO", &denied, &arg, 1, f);
	}
	arg.value = all;
	arg.value_two = 0;
	if (r >= 0)
		r = seccomp_add_rule(filter, "clone", "SCMP_ACT_ALLOW", NULL, &arg, 1, f);
	if (r >= 0)
		r = seccomp_add_rule(filter, "clone3", "SCMP_ACT_ERRNO", &missing, NULL, 0, f);
	return r;
}

static int add_arguments(struct seccomp_filter *filter, struct fault *f)
{
	struct seccomp_arg arg = { .index = 0, .op = "SCMP_CMP_EQ" };
	const uint32_t denied = EPERM, no_family = EAFNOSUPPORT;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < COUNT(personalities); i++) {
		arg.value = personalities[i];
		r = seccomp_add_rule(filter, "personality", "SCMP_ACT_ALLOW", NULL, &arg, 1, f);
	}
	/* Others turn protections of the address space off. */
	arg = (struct seccomp_arg){ .index = 0, .op = "SCMP_CMP_MASKED_EQ",
				    .value = 0x40000, .value_two = 0x40000 };
	if (r >= 0)
		r = seccomp_add_rule(filter, "personality", "SCMP_ACT_ERRNO", &denied, &arg, 1, f);

	arg = (struct seccomp_arg){ .index = 0, .op = "SCMP_CMP_NE", .value = AF_VSOCK_FAMILY };
	if (r >= 0)
		r = seccomp_add_rule(filter, "socket", "SCMP_ACT_ALLOW", NULL, &arg, 1, f);
	arg.op = "SCMP_CMP_EQ";
	if (r >= 0)
		r = seccomp_add_rule(filter, "socket", "SCMP_ACT_ERRNO", &no_family, &arg, 1, f);
	return r;
}

/* The 32 bit programs that this machine runs beside its own. */
static int add_archs(struct seccomp_filter *filter, struct fault *f)
{
	int r = 0;

	(void)filter;
	(void)f;
#if defined(__x86_64__)
	r = seccomp_add_arch(filter, "SCMP_ARCH_X86", f);
	if (r >= 0)
		r = seccomp_add_arch(filter, "SCMP_ARCH_X32", f);
#elif defined(__aarch64__)
	r = seccomp_add_arch(filter, "SCMP_ARCH_ARM", f);
#endif
	return r;
}

int seccomp_default(uint64_t caps, struct seccomp_filter **ret_filter, struct fault *f)
{
	const uint32_t denied = EPERM, missing = ENOSYS;
	struct seccomp_filter *filter = NULL;
	int r = seccomp_new("SCMP_ACT_ERRNO", &missing, &filter, f);

	if (r < 0)
		return r;
	r = add_archs(filter, f);
	for (size_t i = 0; r >= 0 && i < COUNT(allowed); i++)
		r = add_words(filter, allowed[i], "SCMP_ACT_ALLOW", NULL, f);
	if (r >= 0)
		r = add_words(filter, refused, "SCMP_ACT_ERRNO", &denied, f);
	if (r >= 0)
		r = add_with_caps(filter, caps, f);
	if (r >= 0)
		r = add_clone(filter, caps, f);
	if (r >= 0)
		r = add_arguments(filter, f);
	if (r < 0) {
		seccomp_free(filter);
		return r;
	}
	*ret_filter = filter;
	return 0;
}
