/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/run_end.c - what becomes of a container in the background that ended
 *
 * nacre-monitor executes "nacre _ended" in its place, so the daemon that serves
 * the root is our child, and the mounts are in our namespace. All is undone but
 * what is kept; then the container is started again, or its directory let go.
 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "launcher/daemon.h"
#include "launcher/limits_apply.h"
#include "launcher/log_file.h"
#include "launcher/run_job.h"

#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS   60000
#define RAN_WELL_S     10	/* after so long the next delay is the first again */

struct ending {
	struct state_dir dir;
	struct state *state;
	int host_mounts;
	int status;
};

static bool adopt(struct ending *e, const struct globals *g, char **argv, struct fault *f)
{
	e->host_mounts = atoi(argv[2]);
	e->status = atoi(argv[3]);
	(void)fcntl(e->host_mounts, F_SETFD, FD_CLOEXEC);
	return state_root_open(g->root, &e->dir, f) >= 0 &&
	       state_dir_adopt(&e->dir, argv[0], atoi(argv[1]), f) >= 0 &&
	       state_load(&e->dir, &e->state, f) >= 0;
}

static void unmount_root(struct ending *e)
{
	cleanup_free char *path = NULL;

	if (e->state->root_daemon <= 0 || asprintf(&path, "%s/rootfs", e->dir.path) < 0)
		return;
	(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	daemon_stop(e->state->root_daemon);
	e->state->root_daemon = 0;
}

/* Into the log, too: that is where people look first. */
static void say(struct ending *e, const char *text)
{
	cleanup_free char *path = NULL, *line = NULL, *now = container_now();
	cleanup_fd int fd = -1;

	if (!e->state->scratch || asprintf(&path, "%s/" LOG_FILE, e->state->scratch) < 0)
		return;
	if (asprintf(&line, "%s nacre F %s\n", now, text) < 0)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		log_warn("cannot write the log '%s'", path);
}

static void note_reason(struct ending *e)
{
	struct cgroup_layout *layout = NULL;
	struct cgroup_group *group = NULL;
	uint64_t kills = 0;

	if (e->state->cgroup_path && cgroup_layout_open(NULL, &layout) >= 0 &&
	    cgroup_group_open(layout, e->state->cgroup_path, &group) >= 0)
		(void)limits_oom_kills(group, &kills);
	cgroup_group_close(group);
	cgroup_layout_close(layout);
	if (kills && asprintf(&e->state->reason, "out of memory: the kernel killed %" PRIu64
			      " process%s at the limit", kills, kills == 1 ? "" : "es") < 0)
		e->state->reason = NULL;
	if (e->state->reason)
		say(e, e->state->reason);
}

/* Return: 0 or negative errno with @f. */
static int undo(struct ending *e, struct fault *f)
{
	int r;

	e->state->exit_status = (unsigned)e->status;
	free(e->state->finished);
	e->state->finished = container_now();
	free(take_ptr(e->state->reason));
	note_reason(e);
	unmount_root(e);
	/* Back to the host's mounts: nacre-procfs may have to be ended there. */
	if (e->host_mounts >= 0)
		(void)setns(e->host_mounts, CLONE_NEWNS);
	close(e->host_mounts);
	r = container_end(&e->dir, e->state, f);
	container_note_exit(&e->dir, e->status);
	return r;
}

static bool is_told_to_stop(struct ending *e)
{
	return faccessat(e->dir.fd, STOP_FILE, F_OK, 0) == 0;
}

static bool shall_run_again(struct ending *e, const struct run_restart *restart)
{
	bool killed = faccessat(e->dir.fd, KILLED_FILE, F_OK, 0) == 0;

	if (is_told_to_stop(e))
		return false;
	switch (restart->policy) {
	case RESTART_ALWAYS:
		return true;
	case RESTART_UNLESS_STOPPED:
		return !killed;
	case RESTART_ON_FAILURE:
		return !killed && e->status != 0 &&
		       (!restart->max || e->state->restarts < restart->max);
	default:
		return false;
	}
}

static time_t seconds_of(const char *text)
{
	struct tm tm = { 0 };

	return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : 0;
}

static int delay_ms(struct ending *e)
{
	int delay = DELAY_FIRST_MS;

	if (seconds_of(e->state->finished) - seconds_of(e->state->begun) >= RAN_WELL_S)
		return delay;
	for (unsigned i = 0; i < e->state->restarts && delay < DELAY_MAX_MS; i++)
		delay *= 2;
	return delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS;
}

static void wait_before(struct ending *e, struct signals *s)
{
	/* Whoever stops the container makes the file, and sends a signal then. */
	if (!is_told_to_stop(e))
		(void)signals_wait_fd(s, s->fd, delay_ms(e));
}

static int start_again(struct ending *e, const struct globals *g, struct run_job *job,
		       struct fault *f)
{
	int r = signals_open(&job->signals);

	if (r < 0)
		return fault_set(f, r, "cannot listen to signals");
	wait_before(e, &job->signals);
	if (job->signals.interrupted || is_told_to_stop(e))
		return 0;
	e->state->restarts++;
	job->globals = g;
	r = run_job_again(job, take_ptr(e->state), &e->dir, f);
	if (r >= 0)
		r = detach_stay(job, -1, f);
	return r;
}

static bool parse_policy(const struct state *s, struct run_restart *restart)
{
	struct opt_error error;

	*restart = (struct run_restart){ 0 };
	return s->restart && run_config_parse_restart(s->restart, restart, &error) >= 0;
}

static int end(struct ending *e, const struct globals *g, struct fault *f)
{
	struct run_job job = RUN_JOB_INIT;
	struct run_restart restart;
	int r = undo(e, f);

	if (r < 0)
		return r;
	if (parse_policy(e->state, &restart) && shall_run_again(e, &restart))
		return start_again(e, g, &job, f);
	if (!e->state->keep)
		r = container_cleanup(&e->dir, e->state, f);
	return r;
}

int verb_ended(const struct globals *g, int argc, char **argv)
{
	struct ending e = { .dir = STATE_DIR_INIT, .host_mounts = -1 };
	struct fault f = FAULT_INIT;
	int r = -EINVAL;

	if (argc != 4)
		fault_set(&f, 0, "_ended is what nacre-monitor executes");
	else if (adopt(&e, g, argv, &f))
		r = end(&e, g, &f);
	if (r < 0 && e.state)
		say(&e, f.text);
	state_free(e.state);
	state_dir_done(&e.dir);
	return r < 0 ? STATUS_FAILED : 0;
}
