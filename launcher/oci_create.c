/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/channel.h"
#include "launcher/container.h"
#include "launcher/hooks.h"
#include "launcher/oci_config.h"
#include "launcher/prepare.h"
#include "launcher/run_job.h"
#include "launcher/runtime.h"
#include "launcher/seccomp_agent.h"
#include "launcher/start_socket.h"
#include "launcher/supervise.h"
#include "launcher/views.h"
#include "launcher/wait.h"

struct create_config {
	char *bundle;
	char *file;
	char *pid_file;
	char *console_socket;
	char *pidfd_socket;
	unsigned preserve_fds;
	bool no_new_keyring;
	bool detach, keep;	/* of "run" */
	bool help;
};

#define FIELD(name) offsetof(struct create_config, name)

/* The first are only of "run". */
#define RUN_ROWS 2

static const struct opt rows[] = {
	{ "detach", 'd', OPT_FLAG, FIELD(detach), NULL, "do not wait for it", NULL },
	{ "keep", 0, OPT_FLAG, FIELD(keep), NULL, "leave it to \"delete\" when it has ended", NULL },
	{ "bundle", 'b', OPT_STRING, FIELD(bundle), "DIR",
	  "directory with config.json; without it the current one", NULL },
	{ "config", 'f', OPT_STRING, FIELD(file), "FILE",
	  "what to read instead of the bundle's config.json", NULL },
	{ "pid-file", 0, OPT_STRING, FIELD(pid_file), "FILE", "write the pid there", NULL },
	{ "console-socket", 0, OPT_STRING, FIELD(console_socket), "SOCKET",
	  "send the terminal there", NULL },
	{ "pidfd-socket", 0, OPT_STRING, FIELD(pidfd_socket), "SOCKET",
	  "send a pidfd of the container's first process there", NULL },
	{ "preserve-fds", 0, OPT_UINT, FIELD(preserve_fds), "N",
	  "give descriptors 3 to 2+N to the command", NULL },
	{ "no-new-keyring", 0, OPT_FLAG, FIELD(no_new_keyring), NULL, "keep the session keyring", NULL },
	{ "no-pivot", 0, OPT_IGNORE, 0, NULL, NULL, NULL },
	{ "no-subreaper", 0, OPT_IGNORE, 0, NULL, NULL, NULL },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this", NULL },
};
static const struct opt_table run_table = OPT_TABLE(rows);
static const struct opt_table create_table = {
	rows + RUN_ROWS, sizeof(rows) / sizeof(rows[0]) - RUN_ROWS
};

static int read_bundle(const struct create_config *config, char *ret_bundle,
		       struct buf *text, struct fault *f)
{
	const char *bundle = config->bundle ? config->bundle : ".";
	const char *file = config->file ? config->file : "config.json";
	cleanup_fd int fd = -1;
	int r;

	if (!realpath(bundle, ret_bundle))
		return fault_set(f, 0, "cannot find the bundle '%s' (%s)", bundle, strerror(errno));
	fd = neg_errno(open(ret_bundle, O_PATH | O_DIRECTORY | O_CLOEXEC));
	r = fd < 0 ? fd : buf_read_file(text, fd, file);
	return r < 0 ? fault_set(f, 0, "cannot read '%s' of the bundle '%s' (%s)", file,
				 ret_bundle, strerror(-r)), r : 0;
}

static int make_plan(const struct globals *g, const struct create_config *config,
		     const char *id, struct buf *text, struct plan **ret_plan, struct fault *f)
{
	char bundle[PATH_MAX];
	struct oci_context context = {
		.id = id, .bundle = bundle, .systemd_cgroup = g->systemd_cgroup,
	};
	int r = read_bundle(config, bundle, text, f);

	if (r >= 0)
		r = oci_config_plan(buf_text(text), &context, ret_plan, f);
	if (r < 0)
		return r;
	(*ret_plan)->new_keyring = !config->no_new_keyring;
	if (g->cgroup_manager && strcmp(g->cgroup_manager, "disabled") == 0) {
		free((*ret_plan)->cgroup_path);
		(*ret_plan)->cgroup_path = NULL;
	}
	return 0;
}

/* "exec", "delete" and their hooks need it, whatever becomes of the bundle. */
static int keep_config(struct container *c, const struct buf *text, struct fault *f)
{
	cleanup_fd int fd = neg_errno(openat(c->dir.fd, "config.json",
					     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));

	if (fd < 0 || write(fd, text->data, text->length) != (ssize_t)text->length)
		return fault_set(f, fd < 0 ? fd : -EIO, "cannot keep a copy of config.json");
	return 0;
}

/* What is written down for others as soon as there is a process. */
static int publish(struct container *c, const struct create_config *config,
		   const struct buf *text, struct fault *f)
{
	int r = keep_config(c, text, f);

	if (r >= 0 && config->pid_file)
		r = runtime_write_pid_file(config->pid_file, c->state->pid, f);
	if (r >= 0 && config->pidfd_socket)
		r = prepare_send_fd("pidfd socket", config->pidfd_socket, "pidfd", c->pidfd, f);
	return r;
}

static int create(const struct globals *g, const struct create_config *config,
		  const char *id, struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct signals signals = { .fd = -1 };
	struct plan *plan = NULL;
	struct container c;
	int r = make_plan(g, config, id, &text, &plan, f);

	if (r < 0)
		return r;
	if (plan->process.terminal && !config->console_socket)
		r = fault_set(f, 0, "the container wants a terminal\nName the socket to send it to: "
			      "--console-socket");
	if (r >= 0)
		r = signals_open(&signals);
	if (r < 0) {
		plan_free(plan);
		return r;
	}

	container_init(&c, plan, &signals);
	c.state_root = g->root;
	c.console_socket = config->console_socket;
	c.child.preserve_fds = config->preserve_fds;
	r = container_create(&c, f);
	if (r >= 0) {
		r = publish(&c, config, &text, f);
		if (r < 0)
			container_destroy(&c);
		else
			container_release(&c);
	}
	signals_close(&signals);
	plan_free(plan);
	if (r == -EINTR)
		fault_set(f, 0, "interrupted");
	return r;
}

int verb_create(const struct globals *g, int argc, char **argv)
{
	struct create_config config = { 0 };
	struct opt_list operands = { 0 };
	struct fault f = FAULT_INIT;
	int r = runtime_parse(&create_table, argc, argv, &config, &operands, 1, 1,
			      "nacre create [OPTION]... ID", &config.help, &f);

	if (r == 0)
		r = create(g, &config, operands.items[0], &f);
	opt_config_done(&create_table, &config);
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, 1) : 0;
}

/* The filter's listener: who answers for it is in the bundle. */
static int hand_out_listener(struct runtime *r, int connection, int fd, struct fault *f)
{
	cleanup_fd int listener = fd;
	struct plan *plan = NULL;
	int result = runtime_plan(r, &plan, f);

	/* A filter of ours, for the views, is not in the bundle. */
	if (result >= 0 && !plan->seccomp_listener)
		result = views_use_agent(plan, f);
	if (result >= 0)
		result = seccomp_agent_send(plan, "created", r->state->pid, listener, f);
	plan_free(plan);
	return result < 0 ? result : channel_say(connection, CHANNEL_GO, 0);
}

/* What the container's first process says until it is the command. */
static int hear_start(struct runtime *r, int connection, struct fault *f)
{
	int result = channel_say(connection, CHANNEL_GO, 0);

	while (result >= 0) {
		struct channel_message m;
		int fd;

		result = channel_receive(connection, &m, &fd);
		if (result <= 0)
			return result;
		if (m.kind == CHANNEL_WARNING)
			log_warn("%s", m.fault.text);
		if (m.kind == CHANNEL_SECCOMP)
			result = hand_out_listener(r, connection, fd, f);
		if (m.kind == CHANNEL_FAULT) {
			*f = m.fault;
			return m.error ? m.error : -EIO;
		}
	}
	return result;
}

static int start(struct runtime *r, struct fault *f)
{
	cleanup_fd int connection = -1;
	struct plan *plan = NULL;
	int result;

	switch (runtime_status(r)) {
	case STATE_CREATED:
		break;
	case STATE_STOPPED:
		return fault_set(f, 0, "cannot start container '%s': it has stopped", r->state->id);
	case STATE_CREATING:
		return fault_set(f, 0, "container '%s' is still being created", r->state->id);
	default:
		return fault_set(f, 0, "container '%s' is started already", r->state->id);
	}

	connection = start_socket_connect(r->dir.fd);
	if (connection < 0)
		return fault_set(f, connection, "cannot reach container '%s'", r->state->id);
	result = hear_start(r, connection, f);
	if (result < 0)
		return result;
	start_socket_remove(r->dir.fd);
	r->state->started = true;
	result = state_save(&r->dir, r->state, f);
	if (result >= 0)
		result = runtime_plan(r, &plan, f);
	if (result >= 0)
		result = hooks_run(plan, HOOK_POSTSTART, "running", r->state->pid, f);
	if (result < 0 && plan)
		(void)kill(r->state->pid, SIGKILL);	/* the specification: it does not run on */
	plan_free(plan);
	return result;
}

struct help_config {
	bool help;
};

static const struct opt help_rows[] = {
	{ "help", 'h', OPT_FLAG, offsetof(struct help_config, help), NULL, "print this", NULL },
};
static const struct opt_table help_table = OPT_TABLE(help_rows);

int verb_start(const struct globals *g, int argc, char **argv)
{
	struct runtime r = RUNTIME_INIT;
	struct opt_list operands = { 0 };
	struct help_config config = { 0 };
	struct fault f = FAULT_INIT;
	int result = runtime_parse(&help_table, argc, argv, &config, &operands, 1, 1,
				   "nacre start ID", &config.help, &f);

	if (result == 1) {
		opt_list_done(&operands);
		return 0;
	}

	if (result == 0)
		result = runtime_open(&r, g, operands.items[0], false, &f);
	if (result == 0 && r.state && r.state->words.count) {
		runtime_close(&r);
		result = run_start_again(g, operands.items[0], &f);
		opt_list_done(&operands);
		return result < 0 ? runtime_fail(g, &f, fault_status(&f)) : result;
	}
	runtime_close(&r);
	if (result == 0)
		result = runtime_open(&r, g, operands.items[0], true, &f);
	if (result == 0 && r.state)
		result = start(&r, &f);
	runtime_close(&r);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}

int verb_state(const struct globals *g, int argc, char **argv)
{
	struct runtime r = RUNTIME_INIT;
	struct opt_list operands = { 0 };
	struct help_config config = { 0 };
	struct fault f = FAULT_INIT;
	int result = runtime_parse(&help_table, argc, argv, &config, &operands, 1, 1,
				   "nacre state ID", &config.help, &f);

	if (result == 0)
		result = runtime_open(&r, g, operands.items[0], false, &f);
	if (result == 0 && r.state) {
		cleanup_free char *text = state_to_json(r.state, runtime_status(&r));

		if (text)
			puts(text);
		else
			result = fault_set(&f, -ENOMEM, "cannot write the state");
	}
	runtime_close(&r);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}

/* A supervised container: it ends with us, and nothing of it is left. */
static int run_bundle(const struct globals *g, const struct create_config *config,
		      const char *id, struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct signals signals = { .fd = -1 };
	struct plan *plan = NULL;
	struct container c;
	int status = 0;
	int r = make_plan(g, config, id, &text, &plan, f);

	if (r >= 0)
		r = signals_open(&signals);
	if (r < 0) {
		plan_free(plan);
		return r;
	}
	container_init(&c, plan, &signals);
	c.state_root = g->root;
	c.supervised = true;
	c.console_socket = config->console_socket;
	c.child.preserve_fds = config->preserve_fds;
	r = container_create(&c, f);
	if (r >= 0) {
		r = publish(&c, config, &text, f);
		if (r >= 0)
			r = container_start(&c, f);
		if (r >= 0)
			r = hooks_run(plan, HOOK_POSTSTART, "running", c.state->pid, f);
		if (r >= 0)
			status = supervise(&c);
		container_destroy(&c);
		hooks_run_poststop(plan);
	}
	signals_close(&signals);
	plan_free(plan);
	return r < 0 ? r : status;
}

/* Return: the pid, or negative errno with @f. */
static int start_by_id(const struct globals *g, const char *id, struct fault *f)
{
	struct runtime r = RUNTIME_INIT;
	int result = runtime_open(&r, g, id, true, f);
	int pid = result < 0 ? 0 : r.state->pid;

	if (result >= 0)
		result = start(&r, f);
	runtime_close(&r);
	return result < 0 ? result : pid;
}

/* One that "delete" removes, as after create and start. */
static int run_kept(const struct globals *g, const struct create_config *config,
		    char *id, struct fault *f)
{
	char force[] = "--force", *delete_words[] = { force, id };
	struct signals signals = { .fd = -1 };
	int r = create(g, config, id, f);
	pid_t pid;

	if (r < 0)
		return r;
	pid = r = start_by_id(g, id, f);
	if (r < 0) {
		(void)verb_delete(g, 2, delete_words);	/* it says itself what it could not */
		return r;
	}
	if (config->detach)
		return 0;
	r = signals_open(&signals);
	if (r < 0)
		return fault_set(f, r, "cannot wait for container '%s'", id);
	r = wait_for_command(pid, &signals, -1);
	signals_close(&signals);
	return r;
}

int verb_run_bundle(const struct globals *g, int argc, char **argv)
{
	struct create_config config = { 0 };
	struct opt_list operands = { 0 };
	struct fault f = FAULT_INIT;
	int r = runtime_parse(&run_table, argc, argv, &config, &operands, 1, 1,
			      "nacre run --bundle DIR [OPTION]... ID", &config.help, &f);

	if (r == 0)
		r = config.detach || config.keep ? run_kept(g, &config, operands.items[0], &f)
						 : run_bundle(g, &config, operands.items[0], &f);
	else if (r == 1)
		r = 0;
	opt_config_done(&run_table, &config);
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, fault_status(&f)) : r;
}
