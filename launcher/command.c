/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/channel.h"
#include "launcher/child.h"
#include "launcher/creds.h"
#include "launcher/init.h"
#include "launcher/sched.h"
#include "launcher/seccomp.h"

#define PASSWD_MAX_BYTES (1 << 20)
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int not_found(const char *name, struct fault *f)
{
	f->status = STATUS_NOT_FOUND;
	if (strchr(name, '/'))
		return fault_set(f, -ENOENT, "cannot execute '%s'", name);
	fault_set(f, 0, "executable file not found in $PATH: '%s'", name);
	return -ENOENT;
}

static int not_executable(const char *name, int error, struct fault *f)
{
	f->status = STATUS_NOT_EXECUTABLE;
	return fault_set(f, error, "cannot execute '%s'", name);
}

/* 0; -ENOENT; -EACCES for what is there and cannot be executed. */
static int check_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (S_ISDIR(st.st_mode) || !(st.st_mode & 0111))
		return -EACCES;
	return 0;
}

/* Looks the name up as execvp(3) would, in the command's own PATH. */
static int find_command(const struct plan_process *p, char *ret_path, struct fault *f)
{
	const char *name = p->args.items[0];
	const char *path = plan_env(p, "PATH");
	int found = -ENOENT;

	if (!*name)
		return not_found(name, f);
	if (strchr(name, '/')) {
		int r = check_file(name);

		snprintf(ret_path, PATH_MAX, "%s", name);
		if (r == -ENOENT)
			return not_found(name, f);
		return r < 0 ? not_executable(name, r, f) : 0;
	}

	for (path = path ? path : PATH_DEFAULT;; path = strchr(path, ':') + 1) {
		int length = (int)strcspn(path, ":");
		int r;

		if (snprintf(ret_path, PATH_MAX, "%.*s%s%s", length, path, length ? "/" : "./",
			     name) < PATH_MAX) {
			r = check_file(ret_path);
			if (r == 0)
				return 0;
			if (r == -EACCES)
				found = r;
		}
		if (!path[length])
			break;
	}
	return found == -EACCES ? not_executable(name, found, f) : not_found(name, f);
}

int command_check(const struct plan_process *p, struct fault *f)
{
	char path[PATH_MAX];

	/* A relative path is relative to a directory that the user must enter. */
	if (strchr(p->args.items[0], '/') && p->args.items[0][0] != '/')
		return 0;
	return find_command(p, path, f);
}

static int take_terminal(int console_fd, struct fault *f)
{
	if (console_fd < 0)
		return 0;
	if (ioctl(console_fd, TIOCSCTTY, 0) < 0)
		return fault_set(f, -errno, "cannot make the terminal the controlling one");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(console_fd, fd) < 0)
			return fault_set(f, -errno, "cannot use the terminal");
	return 0;
}

/*
 * Going up from the working directory ends at the root of a process that is in
 * it, and elsewhere for one that is not.
 */
static bool is_below_root(void)
{
	cleanup_fd int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat root, at = { 0 }, before;

	if (stat("/", &root) < 0)
		return false;
	do {
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		before = at;
		cleanup_fd_(&fd);
		fd = up;
		if (fd < 0 || fstat(fd, &at) < 0)
			return false;
	} while (at.st_ino != before.st_ino || at.st_dev != before.st_dev);
	return at.st_ino == root.st_ino && at.st_dev == root.st_dev;
}

/*
 * A working directory that lies outside of the root would be a way out: it can
 * be reached through a descriptor that somebody forgot to close.
 */
static int enter_workdir(const struct plan_process *p, bool entered, struct fault *f)
{
	char path[PATH_MAX];
	bool inside;

	/* One that the user may not enter is where it begins all the same. */
	if (chdir(p->cwd) < 0 && !(entered && errno == EACCES))
		return fault_set(f, -errno, "cannot enter the working directory '%s'", p->cwd);
	if (getcwd(path, sizeof(path)))
		inside = path[0] == '/';
	else	/* ENOENT: it is not there any more; others: the container's filter says so */
		inside = errno != ENOENT && is_below_root();
	if (!inside)
		return fault_set(f, -EXDEV, "the working directory '%s' lies outside of the root",
				 p->cwd);
	return 0;
}

static int set_oom_score(const struct command *command, const struct plan_process *p,
			 struct fault *f)
{
	cleanup_fd int fd = -1;
	struct statfs fs;
	char text[16];

	if (!p->has_oom_score_adj)
		return 0;
	/* An undumpable process does not own its /proc files in a user namespace. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	fd = neg_errno(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
	(void)prctl(PR_SET_DUMPABLE, 0);
	snprintf(text, sizeof(text), "%d", p->oom_score_adj);
	/* What an image put there must not receive what is meant for the kernel. */
	if (fd >= 0 && (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC))
		return fault_set(f, -ENODEV, "the container's /proc is no procfs");
	/* Lowering it takes a right that this host may not have given us. */
	if (fd >= 0 && write(fd, text, strlen(text)) < 0 && errno == EACCES) {
		if (command->warn)
			child_warn(command->warn, "oom_score_adj cannot be set to %s here: leaving it",
				   text);
		return 0;
	}
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return fault_set(f, fd < 0 ? fd : -errno, "cannot set oom_score_adj to %s", text);
	return 0;
}

static bool host_has_apparmor(void)
{
	cleanup_buf struct buf text = BUF_INIT;

	return buf_read_file(&text, AT_FDCWD, "/sys/module/apparmor/parameters/enabled") >= 0 &&
	       buf_text(&text)[0] == 'Y';
}

/* Takes effect at the exec. */
static int set_labels(const struct plan_process *p, struct fault *f)
{
	const char *profile = p->apparmor_profile;
	cleanup_free char *text = NULL;
	cleanup_fd int fd = -1;
	struct statfs fs;

	if (p->selinux_label && *p->selinux_label && access("/sys/fs/selinux/enforce", F_OK) == 0)
		return fault_set(f, 0, "the SELinux label '%s' cannot be set: nacre does not "
				 "support SELinux", p->selinux_label);
	if (!profile || !*profile || strcmp(profile, "unconfined") == 0)
		return 0;
	if (!host_has_apparmor())
		return fault_set(f, 0, "the AppArmor profile '%s' cannot be set: this host has no "
				 "AppArmor", profile);
	if (asprintf(&text, "exec %s", profile) < 0)
		return fault_set(f, -ENOMEM, "cannot set the AppArmor profile");
	fd = neg_errno(open("/proc/self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC));
	if (fd == -ENOENT)
		fd = neg_errno(open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC));
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC ||
	    write(fd, text, strlen(text)) < 0)
		return fault_set(f, fd < 0 ? fd : -errno, "cannot set the AppArmor profile '%s'",
				 profile);
	return 0;
}

static int set_limits(const struct command *command, const struct plan_process *p,
		      struct fault *f)
{
	uint32_t clamped;
	int r = creds_set_rlimits(p, &clamped, f);

	for (int i = 0; r >= 0 && command->warn && i < 32; i++)
		if (clamped & (1u << i))
			child_warn(command->warn, "%s is above what this host allows: using its "
				   "hard limit", creds_rlimit_name(i));
	return r;
}

static int become_user(const struct command *command, const struct plan_process *p,
		       struct fault *f)
{
	uint64_t left_out;
	int r = creds_limit_bounding(p, f);

	if (r >= 0)
		r = creds_become(p, &left_out, f);
	for (int i = 0; r >= 0 && command->warn && i < 64; i++)
		if (left_out & (UINT64_C(1) << i))
			child_warn(command->warn, "%s cannot be given: nacre does not have it",
				   creds_cap_name(i));
	return r;
}

/* The agent must be there before the first call that it answers. */
static int load_filter(const struct command *command, struct fault *f)
{
	struct channel_message m = { .kind = CHANNEL_SECCOMP };
	cleanup_fd int listener = -1;
	int r = seccomp_load_filter(command->plan->seccomp, &listener, f);

	if (r < 0 || listener < 0)
		return r;
	r = channel_send(command->channel, &m, listener);
	if (r >= 0)
		r = channel_wait_go(command->channel);
	return r < 0 ? fault_set(f, r, "the seccomp agent was not given the system calls") : 0;
}

static int apply_rules(const struct plan_process *p, const struct command *command,
		       struct fault *f)
{
	bool entered;
	int r = 0;

	if (p->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fault_set(f, -errno, "cannot set no_new_privs");
	/*
	 * Loading a filter takes CAP_SYS_ADMIN or no_new_privs. With the latter
	 * it comes last, so that it need not allow what happens before.
	 */
	if (!p->no_new_privs)
		r = load_filter(command, f);
	entered = chdir(p->cwd) == 0;
	if (r >= 0)
		r = become_user(command, p, f);
	if (r >= 0)
		r = enter_workdir(p, entered, f);
	if (r >= 0 && p->no_new_privs)
		r = load_filter(command, f);
	return r;
}

/*
 * HOME as a login would set it. Read by hand: getpwuid(3) may load libraries,
 * and those here are the container's.
 */
static char *home_variable(const struct plan_process *p)
{
	cleanup_buf struct buf text = BUF_INIT;
	const char *home = "/";
	char *line, *rest, *variable;
	cleanup_fd int fd = -1;
	struct stat st;

	fd = open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* An image may have put anything there, also what never ends. */
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
			st.st_size > PASSWD_MAX_BYTES || buf_read_fd(&text, fd) < 0))
		buf_done(&text);
	for (line = text.data ? strtok_r(text.data, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *field[6] = { line };
		int count = 1;

		for (char *at = line; count < 6 && (at = strchr(at, ':')); count++) {
			*at++ = '\0';
			field[count] = at;
		}
		if (count < 6 || strtoul(field[2], NULL, 10) != p->uid || !*field[2])
			continue;
		field[5][strcspn(field[5], ":")] = '\0';
		home = *field[5] ? field[5] : "/";
		break;
	}
	return asprintf(&variable, "HOME=%s", home) < 0 ? NULL : variable;
}

/* Of a variable given twice the last one counts; getenv(3) would find the first. */
static void fill_environment(const struct plan_process *p, char *home, char **envp)
{
	size_t count = 0;

	for (size_t i = 0; i < p->env.count; i++) {
		char *item = p->env.items[i];
		size_t length = strcspn(item, "=") + 1;
		bool again = home && strncmp(item, "HOME=", length) == 0;

		for (size_t later = i + 1; !again && later < p->env.count; later++)
			again = strncmp(item, p->env.items[later], length) == 0;
		if (!again)
			envp[count++] = item;
	}
	envp[count] = home;
}

int command_execute(const struct command *command, struct fault *f)
{
	const struct plan_process *p = command->process ? command->process
							: &command->plan->process;
	cleanup_free char **argv = calloc(p->args.count + 1, sizeof(*argv));
	cleanup_free char **envp = calloc(p->env.count + 2, sizeof(*envp));
	const char *given = plan_env(p, "HOME");
	cleanup_free char *home = given && *given ? NULL : home_variable(p);
	char path[PATH_MAX];
	int r;

	if (!argv || !envp)
		return fault_set(f, -ENOMEM, "cannot start the command");
	memcpy(argv, p->args.items, p->args.count * sizeof(*argv));
	fill_environment(p, home, envp);

	if (setsid() < 0 && errno != EPERM)
		return fault_set(f, -errno, "cannot make a session");
	r = take_terminal(command->console_fd, f);
	if (r >= 0)
		r = sched_apply(&p->sched, f);
	if (r >= 0 && command->plan->has_personality &&
	    personality(command->plan->personality) < 0)
		r = fault_set(f, -errno, "cannot set the personality");
	if (r >= 0)
		r = set_oom_score(command, p, f);
	if (r >= 0)
		r = set_labels(p, f);
	if (r >= 0)
		r = set_limits(command, p, f);
	/* Close-on-exec, not close: the channel still has to carry a failure. */
	if (r >= 0 && close_range(3 + command->preserve_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		r = fault_set(f, -errno, "cannot close descriptors");
	if (r >= 0)
		r = apply_rules(p, command, f);
	if (r >= 0)
		r = find_command(p, path, f);
	if (r < 0)
		return r;

	umask(p->umask);
	init_reset_signals();
	execve(path, argv, envp);
	r = -errno;
	return r == -ENOENT ? not_found(path, f) : not_executable(path, r, f);
}
