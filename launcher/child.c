/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/channel.h"
#include "launcher/command.h"
#include "launcher/creds.h"
#include "launcher/hooks.h"
#include "launcher/init.h"
#include "launcher/mount.h"
#include "launcher/resolve.h"
#include "launcher/spawn.h"

void child_init(struct child *c, const struct plan *plan)
{
	*c = (struct child){
		.plan = plan,
		.root_fd = -1,
		.channel = -1,
		.stdio = { -1, -1, -1 },
		.init_fd = -1,
		.start_fd = -1,
		.null_fd = -1,
		.console_fd = -1,
	};
}

static void free_trees(struct child_tree *trees, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cleanup_fd_(&trees[i].fd);
		free((char *)trees[i].target);
	}
	free(trees);
}

void child_done(struct child *c)
{
	for (size_t i = 0; c->mount_fds && i < c->plan->mount_count; i++)
		cleanup_fd_(&c->mount_fds[i]);
	free(c->mount_fds);
	free_trees(c->views, c->view_count);
	free_trees(c->cgroups, c->cgroup_count);
	cleanup_fd_(&c->root_fd);
	cleanup_fd_(&c->init_fd);
	cleanup_fd_(&c->start_fd);
	cleanup_fd_(&c->null_fd);
	cleanup_fd_(&c->console_fd);
	child_init(c, c->plan);
}

void child_warn(struct child *c, const char *format, ...)
{
	struct fault f = FAULT_INIT;
	va_list args;

	va_start(args, format);
	vsnprintf(f.text, sizeof(f.text), format, args);
	va_end(args);
	channel_send_fault(c->channel, CHANNEL_WARNING, 0, &f);
}

static int bind_to_supervisor(struct child *c, struct fault *f)
{
	char byte;

	/*
	 * The descriptors below are guarded by this: another process of ours
	 * in the container could otherwise read our memory and files.
	 */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fault_set(f, -errno, "cannot protect pid 1");
	if (!c->supervised)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return fault_set(f, -errno, "cannot bind the container's life to ours");
	/* It may have died before that call: then its end is closed. */
	if (recv(c->channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		_exit(STATUS_FAILED);
	return 0;
}

static int take_stdio(struct child *c, struct fault *f)
{
	for (int fd = 0; fd < 3; fd++)
		if (c->stdio[fd] >= 0 && dup2(c->stdio[fd], fd) < 0)
			return fault_set(f, -errno, "cannot connect the command's output");
	return 0;
}

static int enter_session(struct child *c, struct fault *f)
{
	umask(0);
	if (setsid() < 0 && errno != EPERM)
		return fault_set(f, -errno, "cannot make a session");
	/* Old kernels and filters may lack keyrings: then there is none to share. */
	if (c->plan->new_keyring)
		(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return 0;
}

/*
 * The host's null device, before anything of the image's could pass for it: it
 * will cover files of the kernel.
 */
static int open_null(struct child *c, struct fault *f)
{
	struct stat st;

	c->null_fd = neg_errno(open("/dev/null", O_PATH | O_CLOEXEC));
	if (c->null_fd < 0)
		return fault_set(f, c->null_fd, "cannot open /dev/null");
	if (fstat(c->null_fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return fault_set(f, -ENODEV, "/dev/null is not the null device");
	return 0;
}

static bool hooks_come_before_pivot(const struct plan *p)
{
	return hooks_exist(p, HOOK_PRESTART) || hooks_exist(p, HOOK_CREATE_RUNTIME) ||
	       hooks_exist(p, HOOK_CREATE_CONTAINER);
}

/*
 * Hooks that look into this mount namespace, or mount something for the container,
 * go by the root's path: then its tree must be there. Where we may not search that
 * path, in a user namespace, they may not either.
 */
static int open_root_place(const struct child *c)
{
	const struct plan_rootfs *root = &c->plan->rootfs;
	int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int fd = -1;

	if (root->directory && hooks_come_before_pivot(c->plan))
		fd = open(root->directory, flags);
	return fd < 0 ? neg_errno(open("/", flags)) : fd;
}

/* The root's tree goes on top of "/", if nobody looks for it elsewhere. */
static int attach_root(struct child *c, struct fault *f)
{
	cleanup_fd int place = -1;
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fault_set(f, -errno, "cannot make the mounts private");
	place = open_root_place(c);
	if (place < 0)
		return fault_set(f, place, "cannot open '/'");
	r = mount_set_propagation(c->root_fd, MS_PRIVATE | MS_REC);
	if (r >= 0)
		r = mount_attach(c->root_fd, place);
	return r < 0 ? fault_set(f, r, "cannot attach the root") : 0;
}

static int set_names(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;

	if (p->hostname && sethostname(p->hostname, strlen(p->hostname)) < 0)
		return fault_set(f, -errno, "cannot set the hostname '%s'", p->hostname);
	if (p->domainname && setdomainname(p->domainname, strlen(p->domainname)) < 0)
		return fault_set(f, -errno, "cannot set the domainname '%s'", p->domainname);
	return 0;
}

static int raise_loopback(struct child *c, struct fault *f)
{
	struct ifreq request = { .ifr_name = "lo" };
	cleanup_fd int fd = -1;

	if (!c->plan->loopback_up)
		return 0;
	fd = neg_errno(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fault_set(f, fd, "cannot open a socket for the loopback interface");
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return fault_set(f, -errno, "cannot bring the loopback interface up");
	return 0;
}

/*
 * A procfs of our own, never one of the image's: what is written there must
 * reach the kernel.
 */
static int set_sysctls(struct child *c, struct fault *f)
{
	const struct opt_list *list = &c->plan->sysctls;
	cleanup_fd int proc = -1;

	if (!list->count)
		return 0;
	proc = mount_fs_detached("proc", "proc", NULL, 0, NULL);
	if (proc == -ENOSYS)
		proc = neg_errno(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (proc < 0)
		return fault_set(f, proc, "cannot mount a procfs to set kernel values");

	for (size_t i = 0; i < list->count; i++) {
		cleanup_free char *name = NULL;
		const char *equals = strchr(list->items[i], '=');
		cleanup_fd int fd = -1;

		if (!equals || asprintf(&name, "sys/%.*s", (int)(equals - list->items[i]),
					list->items[i]) < 0)
			return fault_set(f, -EINVAL, "bad sysctl '%s'", list->items[i]);
		for (char *p = name + 4; *p; p++)
			*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
		fd = resolve_open_flags(proc, name, O_WRONLY);
		if (fd < 0 || write(fd, equals + 1, strlen(equals + 1)) < 0)
			return fault_set(f, fd < 0 ? fd : -errno, "cannot set the kernel value '%s'",
					 list->items[i]);
	}
	return 0;
}

static int make_workdir(struct child *c, struct fault *f)
{
	cleanup_fd int fd = -1;

	fd = resolve_make_dir(c->root_fd, c->plan->process.cwd, 0755);
	if (fd == -EROFS)	/* an image without it: chdir will say so */
		return 0;
	return fd < 0 ? fault_set(f, fd, "cannot make the working directory '%s' in the root",
				  c->plan->process.cwd) : 0;
}

static int let_hooks_run(struct child *c, struct fault *f)
{
	int r;

	if (!hooks_come_before_pivot(c->plan))
		return 0;
	r = channel_say(c->channel, CHANNEL_PREPARED, 0);
	if (r >= 0)
		r = channel_wait_go(c->channel);
	if (r < 0)
		return fault_set(f, r, "cannot wait for the hooks");
	return hooks_run(c->plan, HOOK_CREATE_CONTAINER, "created", getpid(), f);
}

static int change_root(struct child *c, struct fault *f)
{
	const struct plan_rootfs *root = &c->plan->rootfs;

	if (fchdir(c->root_fd) < 0)
		return fault_set(f, -errno, "cannot enter the root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return fault_set(f, -errno, "cannot change the root");
	/* The old root now covers the new one; without it the new one shows. */
	if (umount2(".", MNT_DETACH) < 0)
		return fault_set(f, -errno, "cannot let go of the host's root");
	if (chdir("/") < 0)
		return fault_set(f, -errno, "cannot enter the root");

	if (root->propagation && mount_set_propagation(c->root_fd, root->propagation) < 0)
		return fault_set(f, -errno, "cannot set the root's propagation");
	if (root->read_only) {
		int r = mount_set_attrs(c->root_fd, MOUNT_ATTR_RDONLY, 0, false);

		if (r < 0)
			return fault_set(f, r, "cannot make the root read-only");
	}
	return 0;
}

/*
 * A container may wait long for its start: it must not hold the host's files,
 * nor the lock on its state, meanwhile.
 */
static int close_all_but(struct child *c)
{
	const int keep[] = { c->channel, c->start_fd, c->console_fd, c->init_fd };
	unsigned from = 3 + c->preserve_fds;

	for (;;) {
		unsigned next = ~0u;

		for (int i = 0; i < 4; i++)
			if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > from && close_range(from, next - 1, 0) < 0)
			return -errno;
		if (next == ~0u)
			return 0;
		from = next + 1;
	}
}

static int wait_for_start(struct child *c, struct fault *f)
{
	int connection;
	int r;

	r = close_all_but(c);
	if (r >= 0)
		r = channel_say(c->channel, CHANNEL_READY, 0);
	if (r >= 0 && c->start_fd < 0)
		r = channel_wait_go(c->channel);
	if (r < 0)
		return fault_set(f, r, "cannot wait for the start");
	if (c->start_fd < 0)
		return 0;

	c->root_fd = c->null_fd = -1;
	/* From here on whoever starts the container is told what fails. */
	close(c->channel);
	c->channel = -1;
	do {
		connection = neg_errno(accept4(c->start_fd, NULL, NULL, SOCK_CLOEXEC));
	} while (connection == -EINTR);
	if (connection < 0)
		_exit(STATUS_FAILED);
	c->channel = connection;
	return channel_wait_go(c->channel);
}

static const struct {
	int (*run)(struct child *c, struct fault *f);
} steps[] = {
	{ bind_to_supervisor },
	{ take_stdio },
	{ enter_session },
	{ open_null },
	{ attach_root },
	{ raise_loopback },
	{ set_names },
	{ child_make_mounts },
	{ child_make_devices },
	{ child_make_console },
	{ child_place_views },
	{ make_workdir },
	{ let_hooks_run },
	{ child_close_mounts },
	{ child_mask_paths },
	{ change_root },
	{ set_sysctls },
};

static void __attribute__((noreturn)) give_up(struct child *c, int error, struct fault *f)
{
	channel_send_fault(c->channel, CHANNEL_FAULT, error, f);
	_exit(fault_status(f));
}

static void __attribute__((noreturn)) run_command(struct child *c)
{
	struct fault f = FAULT_INIT;
	struct command command = {
		.plan = c->plan,
		.channel = c->channel,
		.console_fd = c->console_fd,
		.preserve_fds = c->preserve_fds,
		.warn = c,
	};
	int r = command_execute(&command, &f);

	give_up(c, r, &f);
}

/* As a program of its own, which takes a quarter of our memory. Returns if it cannot. */
static void become_init(struct child *c, pid_t command)
{
	char name[] = "nacre-init", pid[16];
	char *argv[] = { name, pid, NULL }, *envp[] = { NULL };

	if (c->init_fd < 0)
		return;
	snprintf(pid, sizeof(pid), "%d", command);
	/* Not the one we execute: it is close-on-exec. */
	if ((c->init_fd && close_range(0, (unsigned)c->init_fd - 1, 0) < 0) ||
	    close_range((unsigned)c->init_fd + 1, ~0u, 0) < 0)
		_exit(STATUS_FAILED);
	(void)execveat(c->init_fd, "", argv, envp, AT_EMPTY_PATH);
}

/* pid 1 keeps one right: to signal a command that became another user. */
static void __attribute__((noreturn)) serve_as_init(struct child *c)
{
	struct fault f = FAULT_INIT;
	pid_t pid;

	init_block_signals();
	pid = fork();
	if (pid < 0)
		give_up(c, fault_set(&f, -errno, "cannot start a process in the container"), &f);
	if (pid == 0)
		run_command(c);

	become_init(c, pid);
	if (close_range(0, ~0u, 0) < 0)
		_exit(STATUS_FAILED);
	creds_keep_only_kill();
	/* The container's processes need not read how it was started. */
	if (c->title) {
		memset(c->title, 0, c->title_size);
		snprintf(c->title, c->title_size, "nacre-init");
	}
	(void)prctl(PR_SET_NAME, "nacre-init");
	init_run(pid);
}

void child_main(void *context, int channel)
{
	struct child *c = context;
	struct fault f = FAULT_INIT;
	int r = 0;

	c->channel = channel;
	for (size_t i = 0; r >= 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i].run(c, &f);
	if (r >= 0)
		r = command_check(&c->plan->process, &f);
	if (r >= 0)
		r = wait_for_start(c, &f);
	if (r >= 0)
		r = hooks_run(c->plan, HOOK_START_CONTAINER, "created", getpid(), &f);
	if (r < 0)
		give_up(c, r, &f);

	if (c->plan->init)
		serve_as_init(c);
	run_command(c);
}
