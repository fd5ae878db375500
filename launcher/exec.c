/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/channel.h"
#include "launcher/child.h"
#include "launcher/command.h"
#include "launcher/exec_process.h"
#include "launcher/oci_config.h"
#include "launcher/prepare.h"
#include "launcher/run_config.h"
#include "launcher/runtime.h"
#include "launcher/sched.h"
#include "launcher/seccomp.h"
#include "launcher/seccomp_agent.h"
#include "launcher/spawn.h"
#include "launcher/terminal.h"
#include "launcher/views.h"
#include "launcher/wait.h"

#define STATUS_EXEC_FAILED 255

/* One more process in a container that runs. */
struct execution {
	struct runtime runtime;
	const struct exec_config *config;
	struct plan *plan;		/* namespaces to join, process to start */
	struct signals signals;
	struct spawn spawn;
	struct child child;		/* for its terminal */
	struct cgroup_group *below;	/* of its cgroup, what else it joins, or NULL */
	pid_t pid;
	int terminal_fd;
	int listener;			/* of its filter, until the agent has it; -1 */
};

/* In the container's namespaces. */
static void __attribute__((noreturn)) exec_main(void *context, int channel)
{
	struct execution *e = context;
	struct fault f = FAULT_INIT;
	struct command command = {
		.plan = e->plan,
		.channel = channel,
		.console_fd = -1,
		.preserve_fds = e->config->preserve_fds,
		.warn = &e->child,
	};
	int r = 0;

	e->child.channel = channel;
	umask(0);
	if (setsid() < 0 && errno != EPERM)
		r = fault_set(&f, -errno, "cannot make a session");
	if (r >= 0 && e->below)
		r = cgroup_group_join_self(e->below, false);
	if (r < 0)
		fault_set(&f, r, "cannot join the cgroup '%s'", e->config->cgroup);
	if (r >= 0)
		r = sched_set_cpus(e->plan->process.sched.cpus_final, &f);
	if (r >= 0)
		r = e->child.root_fd = neg_errno(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (r >= 0)
		r = child_make_terminal(&e->child, &f);
	if (r >= 0) {
		command.console_fd = e->child.console_fd;
		r = command_execute(&command, &f);
	}
	channel_send_fault(channel, CHANNEL_FAULT, r, &f);
	_exit(fault_status(&f));
}

static int default_plan(struct execution *e, struct fault *f)
{
	struct plan *p = e->plan = plan_new();

	if (!p || opt_list_add(&p->process.env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			       "/usr/bin:/sbin:/bin") < 0)
		return fault_set(f, -ENOMEM, "cannot prepare the process");
	plan_default_caps(&p->process);
	p->process.no_new_privs = true;
	p->process.cwd = strdup("/");
	return p->process.cwd ? 0 : fault_set(f, -ENOMEM, "cannot prepare the process");
}

/* That of the container, as it was compiled when the container was made. */
static int take_filter(struct execution *e, struct fault *f)
{
	struct seccomp_filter *kept = NULL;
	struct plan *p = e->plan;
	int r = seccomp_restore(e->runtime.dir.fd, &kept);

	if (r == -ENOENT)
		return seccomp_compile(p->seccomp, e->runtime.dir.root_fd, f);
	if (r < 0)
		return fault_set(f, r, "cannot read the container's system call filter");
	seccomp_free(p->seccomp);
	p->seccomp = kept;
	if (seccomp_notifies(kept) && !p->seccomp_listener)
		return views_use_agent(p, f);
	return 0;
}

/* As its own command: variables, user, rights, filter. */
static int plan_of_run(struct execution *e, struct fault *f)
{
	const struct state *s = e->runtime.state;
	struct run_config config = { 0 };
	int command = 0;
	int r = run_config_parse((int)s->words.count, s->words.items, &config, &command, f);

	if (r >= 0)
		r = run_config_plan(&config, s->id, s->words.items + command, &e->plan, f);
	run_config_done(&config);
	return r;
}

static bool is_same_namespace(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_ino == sb.st_ino &&
	       sa.st_dev == sb.st_dev;
}

/* All namespaces of the first process that are not ours already. */
static int join_all(struct execution *e, struct fault *f)
{
	for (int i = 0; i < NS_COUNT; i++) {
		struct plan_ns *ns = &e->plan->ns[i];
		char own[64];

		snprintf(own, sizeof(own), "/proc/self/ns/%s", spawn_ns_name(i));
		free(take_ptr(ns->path));
		ns->how = NS_SHARE;
		if (asprintf(&ns->path, "/proc/%d/ns/%s", e->runtime.state->pid,
			     spawn_ns_name(i)) < 0) {
			ns->path = NULL;
			return fault_set(f, -ENOMEM, "cannot name the namespaces");
		}
		if (access(ns->path, F_OK) == 0 && !is_same_namespace(own, ns->path))
			ns->how = NS_JOIN;
	}
	return 0;
}

static int make_plan(struct execution *e, const struct opt_list *words, struct fault *f)
{
	struct fault ignored = FAULT_INIT;
	int r = runtime_plan(&e->runtime, &e->plan, &ignored);

	if (r < 0)
		r = e->runtime.state->words.count ? plan_of_run(e, f) : default_plan(e, f);
	if (r >= 0)
		r = take_filter(e, f);
	if (r >= 0)
		r = e->config->process
			? exec_process_from_file(e->config, &e->plan->process, f)
			: exec_process_from_words(e->config, words, e->runtime.state->words.count,
						  &e->plan->process, f);
	if (r >= 0 && e->plan->process.terminal && e->config->detach && !e->config->console_socket)
		r = fault_set(f, 0, "a detached process with a terminal needs --console-socket");
	return r < 0 ? r : join_all(e, f);
}

static int hand_out_listener(struct execution *e, struct fault *f)
{
	int r = seccomp_agent_send(e->plan, "running", e->pid, e->listener, f);

	close(e->listener);
	e->listener = -1;
	return r < 0 ? r : channel_say(e->spawn.channel, CHANNEL_GO, 0);
}

static int handle(struct execution *e, const struct channel_message *m, int fd,
		  struct fault *f)
{
	int r;

	switch (m->kind) {
	case CHANNEL_PID:
		e->pid = m->value;
		return e->listener < 0 ? 0 : hand_out_listener(e, f);
	case CHANNEL_CONSOLE:
		if (e->config->console_socket) {
			r = prepare_send_terminal(e->config->console_socket, fd, f);
			close(fd);
			return r;
		}
		terminal_resize(fd);
		e->terminal_fd = fd;
		return 0;
	case CHANNEL_SECCOMP:
		e->listener = fd;
		/* The helper tells the pid: it may come after what the process says. */
		return e->pid ? hand_out_listener(e, f) : 0;
	case CHANNEL_WARNING:
		log_warn("%s", m->fault.text);
		return 0;
	case CHANNEL_FAULT:
		*f = m->fault;
		return m->error ? m->error : -EIO;
	default:
		return 0;
	}
}

/* Until the command is executed: then its end of the channel closes. */
static int serve(struct execution *e, struct fault *f)
{
	for (;;) {
		struct channel_message m;
		int fd, r;

		r = channel_receive(e->spawn.channel, &m, &fd);
		if (r <= 0)
			return r;
		r = handle(e, &m, fd, f);
		if (r < 0)
			return r;
	}
}

/* In the hierarchies that have it; in the others the process is in the container's. */
static int open_below(struct execution *e, struct fault *f)
{
	cleanup_free char *path = NULL;
	int r;

	if (!e->config->cgroup)
		return 0;
	if (!e->runtime.group)
		return fault_set(f, 0, "option '--cgroup': container '%s' has no cgroup",
				 e->runtime.state->id);
	if (asprintf(&path, "%s/%s", e->runtime.state->cgroup_path, e->config->cgroup) < 0)
		return fault_set(f, -ENOMEM, "cannot open the cgroup '%s'", e->config->cgroup);
	r = cgroup_group_open(e->runtime.layout, path, &e->below);
	if (r >= 0)
		r = cgroup_group_prepare_join(e->below);
	return r < 0 ? fault_set(f, r, "cannot open the cgroup '%s' of container '%s'",
				 e->config->cgroup, e->runtime.state->id) : 0;
}

static int tell_pid(struct execution *e, struct fault *f)
{
	const struct exec_config *c = e->config;
	cleanup_fd int pidfd = -1;
	int r = 0;

	if (c->pidfd_socket) {
		pidfd = neg_errno((int)syscall(SYS_pidfd_open, e->pid, 0));
		r = pidfd < 0 ? fault_set(f, pidfd, "the process is gone")
			      : prepare_send_fd("pidfd socket", c->pidfd_socket, "pidfd", pidfd, f);
	}
	if (r >= 0 && c->pid_file)
		r = runtime_write_pid_file(c->pid_file, e->pid, f);
	return r;
}

static int execute(struct execution *e, struct fault *f)
{
	int r = 0;

	if (e->runtime.state->cgroup_path && runtime_open_cgroups(&e->runtime, f) < 0)
		return -EINVAL;
	if (e->runtime.group)
		r = cgroup_group_prepare_join(e->runtime.group);
	if (r < 0)
		return fault_set(f, r, "cannot join the cgroup of '%s'", e->runtime.state->id);

	r = open_below(e, f);
	if (r >= 0)
		r = sched_set_cpus(e->plan->process.sched.cpus_initial, f);
	if (r < 0)
		return r;
	/* Nobody in the container may look at us while we enter. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fault_set(f, -errno, "cannot protect this process");
	child_init(&e->child, e->plan);
	spawn_init(&e->spawn);
	e->spawn.plan = e->plan;
	e->spawn.group = e->runtime.group;
	e->spawn.main = exec_main;
	e->spawn.context = e;
	r = spawn_start(&e->spawn, f);
	if (r >= 0)
		r = serve(e, f);
	if (r >= 0 && !e->pid) {
		fault_set(f, 0, "the process ended before it was executed");
		r = -ECHILD;
	}
	if (r >= 0)
		r = tell_pid(e, f);
	if (r < 0 && e->pid) {
		(void)kill(e->pid, SIGKILL);
		(void)waitpid(e->pid, NULL, __WALL);
	}
	return r;
}

static int check_running(struct execution *e, struct fault *f)
{
	enum state_status status = runtime_status(&e->runtime);

	if (status == STATE_PAUSED && e->config->ignore_paused)
		return 0;
	if (status == STATE_PAUSED)
		return fault_set(f, 0, "container '%s' is paused\nResume it first: nacre resume %s",
				 e->runtime.state->id, e->runtime.state->id);
	if (status != STATE_RUNNING && status != STATE_CREATED)
		return fault_set(f, 0, "cannot exec in container '%s': container not running: it is %s",
				 e->runtime.state->id, state_status_name(status));
	return 0;
}

/* Return: an exit status, or negative errno with @f. */
static int run_exec(struct execution *e, const struct globals *g, const struct opt_list *words,
		    struct fault *f)
{
	int r = runtime_open(&e->runtime, g, words->items[0], false, f);

	if (r >= 0)
		r = check_running(e, f);
	if (r >= 0)
		r = make_plan(e, words, f);
	if (r >= 0)
		r = signals_open(&e->signals);
	if (r >= 0)
		r = execute(e, f);
	if (r < 0 || e->config->detach)
		return r;
	return wait_for_command(e->pid, &e->signals, e->terminal_fd);
}

int verb_exec(const struct globals *g, int argc, char **argv)
{
	struct exec_config config = { 0 };
	struct execution e = {
		.runtime = RUNTIME_INIT, .config = &config,
		.signals = { .fd = -1 }, .terminal_fd = -1, .listener = -1,
	};
	struct opt_list words = { 0 };
	struct opt_error error = { "" };
	struct fault f = FAULT_INIT;
	int r = opt_parse_args(&exec_options, argc, argv, &config, NULL, &error);

	spawn_init(&e.spawn);
	if (r == -EINVAL)
		fault_set(&f, 0, "%s\nSee: nacre exec --help", error.text);
	/* What follows the id is the command's, options too. */
	for (int i = r; r >= 0 && i < argc; i++)
		if (opt_list_add(&words, argv[i]) < 0)
			r = -ENOMEM;
	if (r >= 0 && config.help) {
		puts("Usage: nacre exec [OPTION]... ID COMMAND [ARGUMENT]...\n");
		opt_print_help(&exec_options, "--", stdout);
		r = 0;
	} else if (r >= 0 && !words.count) {
		r = fault_set(&f, 0, "no container is named\nSee: nacre exec --help");
	} else if (r >= 0) {
		r = run_exec(&e, g, &words, &f);
	}

	spawn_done(&e.spawn);
	cgroup_group_close(e.below);
	runtime_close(&e.runtime);
	plan_free(e.plan);
	signals_close(&e.signals);
	opt_list_done(&words);
	opt_config_done(&exec_options, &config);
	if (r >= 0)
		return r;
	return runtime_fail(g, &f, f.status ? f.status : STATUS_EXEC_FAILED);
}
