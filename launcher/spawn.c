/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/channel.h"

static const struct {
	const char *name;
	int flag;
} ns_kinds[NS_COUNT] = {
	[NS_USER] = { "user", CLONE_NEWUSER },
	[NS_PID] = { "pid", CLONE_NEWPID },
	[NS_NET] = { "net", CLONE_NEWNET },
	[NS_IPC] = { "ipc", CLONE_NEWIPC },
	[NS_UTS] = { "uts", CLONE_NEWUTS },
	[NS_MOUNT] = { "mnt", CLONE_NEWNS },
	[NS_CGROUP] = { "cgroup", CLONE_NEWCGROUP },
	[NS_TIME] = { "time", CLONE_NEWTIME },
};

const char *spawn_ns_name(enum ns_kind kind)
{
	return ns_kinds[kind].name;
}

int spawn_ns_flag(enum ns_kind kind)
{
	return ns_kinds[kind].flag;
}

void spawn_init(struct spawn *s)
{
	*s = (struct spawn){ .channel = -1 };
	for (int i = 0; i < NS_COUNT; i++)
		s->ns_fds[i] = -1;
}

void spawn_done(struct spawn *s)
{
	if (s->helper > 0)
		(void)waitpid(s->helper, NULL, 0);
	s->helper = 0;
	if (s->channel >= 0)
		close(s->channel);
	s->channel = -1;
	for (int i = 0; i < NS_COUNT; i++) {
		cleanup_fd_(&s->ns_fds[i]);
		s->ns_fds[i] = -1;
	}
}

/*
 * clone3(2) without libc: glibc has no wrapper, and its fork() takes no
 * flags. The child is a copy with one thread, as after fork().
 */
pid_t spawn_raw_clone(unsigned long long flags, int cgroup_fd, int exit_signal)
{
	struct clone_args args = {
		.flags = flags,
		.exit_signal = (unsigned)exit_signal,
	};

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup_fd;
	}
	return (pid_t)neg_errno((int)syscall(SYS_clone3, &args, sizeof(args)));
}

static int open_joined(struct spawn *s, struct fault *f)
{
	for (int i = 0; i < NS_COUNT; i++) {
		const struct plan_ns *ns = &s->plan->ns[i];
		int type;

		if (ns->how != NS_JOIN)
			continue;
		s->ns_fds[i] = neg_errno(open(ns->path, O_RDONLY | O_CLOEXEC));
		if (s->ns_fds[i] < 0)
			return fault_set(f, s->ns_fds[i], "cannot open the %s namespace '%s'",
					 ns_kinds[i].name, ns->path);
		type = ioctl(s->ns_fds[i], NS_GET_NSTYPE);
		if (type != ns_kinds[i].flag)
			return fault_set(f, -EINVAL, "'%s' is no %s namespace", ns->path,
					 ns_kinds[i].name);
	}
	return 0;
}

static int write_offsets(const struct plan *p, struct fault *f)
{
	int64_t monotonic_s = p->monotonic_offset_s, boottime_s = p->boottime_offset_s;
	uint32_t monotonic_ns = p->monotonic_offset_ns, boottime_ns = p->boottime_offset_ns;
	cleanup_fd int fd = -1;
	char text[128];
	int n;

	if (p->clocks_from_zero) {
		struct timespec m, b;

		clock_gettime(CLOCK_MONOTONIC, &m);
		clock_gettime(CLOCK_BOOTTIME, &b);
		/* -(s + ns) as the kernel wants it: ns from 0 to 999999999. */
		monotonic_s -= (int64_t)m.tv_sec + 1;
		monotonic_ns = 1000000000u - (uint32_t)m.tv_nsec - 1;
		boottime_s -= (int64_t)b.tv_sec + 1;
		boottime_ns = 1000000000u - (uint32_t)b.tv_nsec - 1;
	} else if (!p->has_time_offsets) {
		return 0;
	}

	n = snprintf(text, sizeof(text), "monotonic %lld %u\nboottime %lld %u\n",
		     (long long)monotonic_s, monotonic_ns, (long long)boottime_s,
		     boottime_ns);
	fd = neg_errno(open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC));
	if (fd < 0 || write(fd, text, (size_t)n) < 0)
		return fault_set(f, fd < 0 ? fd : -errno,
				 "cannot set the clocks of the time namespace");
	return 0;
}

static int join_namespaces(struct spawn *s, struct fault *f)
{
	/* The user namespace first: it gives the right to join the others. */
	for (int i = 0; i < NS_COUNT; i++) {
		if (s->ns_fds[i] < 0 || i == NS_MOUNT)
			continue;
		if (setns(s->ns_fds[i], ns_kinds[i].flag) < 0)
			return fault_set(f, -errno, "cannot join the %s namespace '%s'",
					 ns_kinds[i].name, s->plan->ns[i].path);
	}
	/* The mount namespace last: it takes away the paths to the others. */
	if (s->ns_fds[NS_MOUNT] >= 0 && setns(s->ns_fds[NS_MOUNT], CLONE_NEWNS) < 0)
		return fault_set(f, -errno, "cannot join the mount namespace '%s'",
				 s->plan->ns[NS_MOUNT].path);
	return 0;
}

static int become_root_of_userns(struct fault *f)
{
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return fault_set(f, -errno, "cannot become root of the user namespace\n"
				 "Map an id to 0 inside it.");
	/* Changing ids made us undumpable, and our /proc files root's. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

static int get_maps(struct spawn *s, int channel, struct fault *f)
{
	int r;

	if (s->plan->ns[NS_USER].how == NS_NEW) {
		r = channel_say(channel, CHANNEL_MAP_IDS, 0);
		if (r >= 0)
			r = channel_wait_go(channel);
		if (r < 0)
			return fault_set(f, r, "cannot wait for the id maps");
		return become_root_of_userns(f);
	}
	if (s->plan->ns[NS_USER].how == NS_JOIN)
		return become_root_of_userns(f);
	return 0;
}

static int helper_steps(struct spawn *s, int channel, bool born_in_v2, struct fault *f)
{
	const struct plan *p = s->plan;
	unsigned long long flags = CLONE_PARENT;
	pid_t pid;
	int r = 0;

	if (s->group)
		r = cgroup_group_join_self(s->group, born_in_v2);
	if (r < 0)
		return fault_set(f, r, "cannot join cgroup '%s'", cgroup_group_path(s->group));
	r = join_namespaces(s, f);
	if (r >= 0)
		r = get_maps(s, channel, f);
	if (r < 0)
		return r;

	if (p->ns[NS_TIME].how == NS_NEW) {
		if (unshare(CLONE_NEWTIME) < 0)
			return fault_set(f, -errno, "cannot make a time namespace");
		r = write_offsets(p, f);
		if (r < 0)
			return r;
	}

	for (int i = 0; i < NS_COUNT; i++)
		if (p->ns[i].how == NS_NEW && i != NS_USER && i != NS_TIME)
			flags |= (unsigned)ns_kinds[i].flag;

	pid = spawn_raw_clone(flags, -1, 0);
	if (pid < 0)
		return fault_set(f, pid, "cannot make the namespaces");
	if (pid == 0)
		s->main(s->context, channel);
	return channel_say(channel, CHANNEL_PID, pid);
}

static void __attribute__((noreturn)) helper_main(struct spawn *s, int channel,
						  bool born_in_v2)
{
	struct fault fault = FAULT_INIT;
	int r = helper_steps(s, channel, born_in_v2, &fault);

	if (r < 0)
		channel_send_fault(channel, CHANNEL_FAULT, r, &fault);
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int spawn_start(struct spawn *s, struct fault *f)
{
	int v2_fd = s->group ? cgroup_group_v2_fd(s->group) : -1;
	bool born_in_v2 = v2_fd >= 0;
	unsigned long long flags = 0;
	int ends[2];
	int r = open_joined(s, f);

	if (r < 0)
		return r;
	r = channel_open(ends);
	if (r < 0)
		return fault_set(f, r, "cannot make a socket pair");
	s->channel = ends[0];

	if (s->plan->ns[NS_USER].how == NS_NEW)
		flags |= CLONE_NEWUSER;
	r = spawn_raw_clone(flags, v2_fd, SIGCHLD);
	if (r < 0 && v2_fd >= 0) {
		/* Before Linux 5.7, or no right to it: join like any other. */
		born_in_v2 = false;
		r = spawn_raw_clone(flags, -1, SIGCHLD);
	}
	if (r == 0) {
		close(ends[0]);
		helper_main(s, ends[1], born_in_v2);
	}

	close(ends[1]);
	if (r < 0)
		return fault_set(f, r, "cannot make a %sprocess",
				 flags ? "user namespace and its " : "");
	s->helper = r;
	return 0;
}
