/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/run_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/default_root.h"
#include "launcher/paths.h"
#include "launcher/rootfs.h"
#include "launcher/rootless.h"
#include "launcher/run_image.h"

void run_job_done(struct run_job *job)
{
	plan_free(job->plan);
	opt_list_done(&job->command);
	run_config_done(&job->config);
	image_release(job->image);	/* its layers may go now */
	state_free(job->state);
	state_dir_done(&job->dir);
	signals_close(&job->signals);
	*job = (struct run_job)RUN_JOB_INIT;
}

static int ensure_lower(struct run_config *config, struct fault *f)
{
	cleanup_free char *path = NULL;
	int r;

	if (config->lowers.count)
		return 0;
	r = default_root_get(&path, f);
	if (r < 0)
		return r;
	return opt_list_add(&config->lowers, path) < 0
		       ? fault_set(f, -ENOMEM, "cannot make the plan") : 0;
}

static int use_image(struct run_job *job, struct fault *f)
{
	struct opt_list words = { 0 };
	struct image_store *store = NULL;
	int r = image_store_open(NULL, &store, f);

	if (r >= 0)
		r = image_store_obtain(store, job->config.image, &job->image, f);
	image_store_close(store);
	/* An execve(2) argument list ends with NULL. */
	if (r >= 0 && !job->command.items)
		job->command.items = calloc(1, sizeof(*job->command.items));
	if (r >= 0)
		r = job->command.items ? run_image_apply(&job->config, job->image,
							 job->command.items, &words, f) : -ENOMEM;
	if (r < 0) {
		opt_list_done(&words);
		return r;
	}
	opt_list_done(&job->command);
	job->command = words;
	return 0;
}

/* An execve(2) argument list ends with NULL. */
static int end_list(struct opt_list *list)
{
	int r = opt_list_add(list, "");

	if (r < 0)
		return r;
	free(list->items[--list->count]);
	list->items[list->count] = NULL;
	return 0;
}

static int copy(char **to, const char *from)
{
	free(*to);
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

/* What is to be known about the container later. */
static int note(struct run_job *job, struct fault *f)
{
	struct state *s = job->state = job->state ? job->state : state_new();
	int r = s ? 0 : -ENOMEM;

	if (r < 0)
		return fault_set(f, r, "cannot note the state");
	s->keep = run_config_keeps(&job->config);
	s->detached = job->config.detach;
	if (job->image)
		r = copy(&s->image, job->image->record.name);
	if (r >= 0)
		r = copy(&s->driver, rootfs_driver_name(job->plan->rootfs.driver));
	free(s->restart);
	s->restart = run_config_restart(&job->config);
	opt_list_done(&s->words);
	if (r >= 0)
		r = run_config_words(&job->config, job->command.items, &s->words);
	return r < 0 ? fault_set(f, r, "cannot note the state") : 0;
}

static int choose_driver(struct run_config *config)
{
	cleanup_free char *data = config->driver ? NULL : paths_data();

	if (config->driver)
		return 0;
	config->driver = strdup(rootfs_driver_name(rootfs_driver_probe(data)));
	return config->driver ? 0 : -ENOMEM;
}

int run_job_plan(struct run_job *job, const char *id, struct fault *f)
{
	int r = job->command.count ? end_list(&job->command) : 0;

	if (r >= 0)
		r = choose_driver(&job->config);
	if (r >= 0 && job->config.image)
		r = use_image(job, f);
	if (r >= 0)
		r = end_list(&job->command);
	if (r < 0)
		return fault_set(f, r, "cannot make the plan");
	r = run_config_plan(&job->config, id, job->command.items, &job->plan, f);
	if (r >= 0)
		r = rootless_adapt(job->plan, job->config.userns, f);
	/* After the options were found right: making the default root takes long. */
	if (r >= 0)
		r = ensure_lower(&job->config, f);
	if (r >= 0 && !job->plan->rootfs.lowers.count)
		r = opt_list_add(&job->plan->rootfs.lowers, job->config.lowers.items[0]);
	return r < 0 ? r : note(job, f);
}

void run_job_container(struct run_job *job, struct container *c)
{
	const struct globals *g = job->globals;

	container_init(c, job->plan, &job->signals);
	c->state_root = g->root;
	c->supervised = true;
	c->timing = job->config.timing;
	c->title = g->title;
	c->title_size = g->title_size;
	c->state = take_ptr(job->state);
	/* One that is made anew stays, whatever happens. */
	c->keep = job->dir.fd >= 0;
	c->dir = job->dir;
	job->dir = (struct state_dir)STATE_DIR_INIT;
}

int run_job_again(struct run_job *job, struct state *state, struct state_dir *dir,
		  struct fault *f)
{
	int command = 0, r;

	job->state = state;
	job->dir = *dir;
	*dir = (struct state_dir)STATE_DIR_INIT;
	if (!state->words.count)
		return fault_set(f, 0, "container '%s' was not made by nacre run", state->id);
	r = run_config_parse((int)state->words.count, state->words.items, &job->config, &command, f);
	for (size_t i = (size_t)command; r >= 0 && i < state->words.count; i++)
		r = opt_list_add(&job->command, state->words.items[i]);
	return r < 0 ? fault_set(f, r, "cannot read how container '%s' was made", state->id)
		     : run_job_plan(job, state->id, f);
}
