/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/container.h"
#include "launcher/fault.h"
#include "launcher/rootless.h"
#include "launcher/run_job.h"
#include "launcher/supervise.h"

static char *random_name(void)
{
	unsigned char bytes[6];
	char *name;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return NULL;
	if (asprintf(&name, "%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3],
		     bytes[4], bytes[5]) < 0)
		return NULL;
	return name;
}

/* Return: the command's status, or negative errno with @f. */
static int run_here(struct run_job *job, struct fault *f)
{
	struct container c;
	int status = 0;
	int r = signals_open(&job->signals);

	if (r < 0)
		return fault_set(f, r, "cannot listen to signals");
	container_sweep(job->globals->root);
	run_job_container(job, &c);
	r = container_create(&c, f);
	if (r < 0)
		return r;
	r = container_start(&c, f);
	if (r >= 0) {
		c.keep = c.state->keep;
		status = supervise(&c);
		c.state->exit_status = (unsigned)status;
		container_note_exit(&c.dir, status);
	}
	container_destroy(&c);
	return r < 0 ? r : status;
}

static int run(struct run_job *job, char *const *command, struct fault *f)
{
	cleanup_free char *name = job->config.name ? strdup(job->config.name) : random_name();
	int r = name ? 0 : -ENOMEM;

	for (; r >= 0 && *command; command++)
		r = opt_list_add(&job->command, *command);
	if (r < 0)
		return fault_set(f, r, "cannot name the container");
	r = run_job_plan(job, name, f);
	if (r < 0)
		return r;
	if (!job->config.detach)
		return run_here(job, f);
	r = detach_run(job, f);
	if (r >= 0)
		puts(name);
	return r;
}

static int open_ended(struct state_dir *dir, const struct globals *g, const char *id,
		      struct state **ret_state, struct fault *f)
{
	int r = state_root_open(g->root, dir, f);

	if (r >= 0)
		r = state_dir_open(dir, id, false, f);
	if (r == -EWOULDBLOCK)
		return fault_set(f, 0, "container '%s' is started already", id);
	if (r >= 0)
		r = state_load(dir, ret_state, f);
	/* Its monitor was killed: undo what that left. */
	if (r >= 0 && !(*ret_state)->ended)
		r = container_end(dir, *ret_state, f);
	if (r >= 0 && unlinkat(dir->fd, STOP_FILE, 0) < 0 && errno != ENOENT)
		r = fault_set(f, -errno, "cannot start container '%s'", id);
	return r;
}

int run_start_again(const struct globals *g, const char *id, struct fault *f)
{
	struct run_job job = RUN_JOB_INIT;
	struct state_dir dir = STATE_DIR_INIT;
	struct state *state = NULL;
	int r;

	if (rootless_is_needed())
		return rootless_reenter(f);
	job.globals = g;
	r = open_ended(&dir, g, id, &state, f);
	if (r >= 0) {
		state->restarts = 0;
		r = run_job_again(&job, take_ptr(state), &dir, f);
	}
	if (r >= 0)
		r = job.config.detach ? detach_run(&job, f) : run_here(&job, f);
	state_free(state);
	state_dir_done(&dir);
	run_job_done(&job);
	return r;
}

/* An engine's "run" has a bundle; ours has none, and its command may say anything. */
static bool has_bundle(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--bundle") == 0 || strncmp(argv[i], "--bundle=", 9) == 0)
			return true;
	return false;
}

int verb_run(const struct globals *g, int argc, char **argv)
{
	struct run_job job = RUN_JOB_INIT;
	struct fault f = FAULT_INIT;
	int command = 0, interrupted, r;

	if (has_bundle(argc, argv))
		return verb_run_bundle(g, argc, argv);
	job.globals = g;
	r = run_config_parse(argc, argv, &job.config, &command, &f);
	if (r >= 0 && job.config.help) {
		run_config_help(stdout);
		r = 0;
	} else if (r >= 0 && rootless_is_needed()) {
		/* As an ordinary user all of this happens again in a user namespace. */
		r = rootless_reenter(&f);
	} else if (r >= 0) {
		r = run(&job, argv + command, &f);
	}
	interrupted = job.signals.interrupted;
	run_job_done(&job);
	if (r >= 0)
		return r;
	if (interrupted)
		return 128 + interrupted;
	fault_print(&f);
	return fault_status(&f);
}
