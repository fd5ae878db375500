/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/run_job.h - one "nacre run": in the foreground, in the background, again */
#pragma once

#include "launcher/container.h"
#include "launcher/fault.h"
#include "launcher/image_store.h"
#include "launcher/run_config.h"
#include "launcher/signals.h"
#include "launcher/verbs.h"

struct run_job {
	const struct globals *globals;	/* lent */
	struct run_config config;
	struct opt_list command;
	struct plan *plan;
	struct image *image;		/* holds its layers; or NULL */
	struct signals signals;
	struct state *state;		/* what the new one shall begin with; or NULL */
	struct state_dir dir;		/* of a container that is made anew; or closed */
};

#define RUN_JOB_INIT { .signals = { .fd = -1 }, .dir = STATE_DIR_INIT }

/** run_job_done() - free what the struct owns */
void run_job_done(struct run_job *job);

/**
 * run_job_plan() - from options and command to a plan
 * @id:		the container's name
 *
 * Return: 0 or negative errno with @fault.
 */
int run_job_plan(struct run_job *job, const char *id, struct fault *fault);

/** run_job_container() - prepare @c for the plan; it takes state and directory over */
void run_job_container(struct run_job *job, struct container *c);

/**
 * run_job_again() - the job of a container that was kept
 * @state:	its state; taken over
 * @dir:	its directory, locked; taken over
 *
 * Return: 0 or negative errno with @fault; run_job_done() frees both.
 */
int run_job_again(struct run_job *job, struct state *state, struct state_dir *dir,
		  struct fault *fault);

/**
 * run_start_again() - "start" of a container of "run" that has ended and was kept
 *
 * Return: 0 when it runs in the background; the command's status; negative errno
 * with @fault.
 */
int run_start_again(const struct globals *globals, const char *id, struct fault *fault);

/**
 * detach_run() - start the job's container with a monitor of its own
 * @job:	planned
 *
 * Return: 0 when it runs; an exit status, or negative errno with @fault.
 */
int detach_run(struct run_job *job, struct fault *fault);

/**
 * detach_stay() - start the job's container, and become its monitor
 * @report:	a channel: CHANNEL_READY when it runs, or CHANNEL_FAULT; -1: nobody listens
 *
 * Return: only on failure, with all undone: negative errno with @fault.
 */
int detach_stay(struct run_job *job, int report, struct fault *fault);
