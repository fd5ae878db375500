/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/cgroup_discover.h"
#include "common/log.h"
#include "procfs/calls.h"
#include "procfs/confine.h"
#include "procfs/control.h"
#include "procfs/ops.h"
#include "procfs/trigger.h"

#define STATE_MAGIC	0x6e707266u
#define STATE_VERSION 4

static size_t align(size_t size)
{
	return (size + 4095) / 4096 * 4096;
}

size_t service_state_size(unsigned cpu_count)
{
	return align(sizeof(struct service_state)) + align(paths_state_size()) +
	       align(calls_state_size()) + align(triggers_state_size()) +
	       containers_state_size(cpu_count);
}

static int open_state(struct service *s)
{
	size_t bytes;
	char *state = session_state(s->session, &bytes);
	int r;

	if (!state || bytes < service_state_size(host_cpu_count(s->world.host)))
		return -EPROTO;
	s->state = (void *)state;
	if (s->state->magic == 0) {
		s->state->version = STATE_VERSION;
		s->state->began_s = (uint64_t)time(NULL);
		snprintf(s->state->mounted_at, sizeof(s->state->mounted_at), "%s",
			 s->config->mounted_at);
		s->state->magic = STATE_MAGIC;
	}
	if (s->state->magic != STATE_MAGIC || s->state->version != STATE_VERSION)
		return -EPROTO;

	state += align(sizeof(struct service_state));
	r = paths_open(state, &s->paths);
	state += align(paths_state_size());
	s->calls_state = (void *)state;
	state += align(calls_state_size());
	s->triggers_state = state;
	if (r >= 0)
		r = containers_open(&s->world, state + align(triggers_state_size()),
				    &s->containers);
	return r;
}

static int open_world(struct service *s)
{
	int r = cgroup_layout_open(s->config->root, &s->layout);

	if (r >= 0 && !s->config->root)
		r = cgroup_discover(s->layout);
	if (r < 0)
		return r;
	s->world.layout = s->layout;
	s->world.policy = s->config->policy;
	return host_open(s->config->root, &s->world.host);
}

static void service_close(struct service *s)
{
	control_stop(s->control);
	calls_stop(s->calls);
	triggers_stop(s->triggers);
	sizes_free(s->sizes);
	snapshots_free(s->snapshots);
	identity_close(s->identity);
	containers_close(s->containers);
	paths_close(s->paths);
	host_close(s->world.host);
	cgroup_layout_close(s->layout);
	free(s);
}

/* The soft limit is for programs that use select(). */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);	/* then fewer are kept open */
	}
}

/* Without it only the end of the daemon does harm. */
static void start_keeper(struct service *s)
{
	int r = calls_keeper_start(s->session, s->calls_state, &s->keeper_fd);

	if (r < 0)
		log_warn("system calls of containers with a listener will fail when this "
			 "daemon ends: %s", strerror(-r));
	s->new_keeper = r > 0;
}

static int service_open(struct service *s)
{
	int r;

	raise_file_limit();
	r = open_world(s);

	if (r >= 0)
		r = open_state(s);
	if (r >= 0)
		memcpy(s->world.missing, s->state->stats.missing, sizeof(s->world.missing));
	if (r >= 0)
		r = identity_open(s->containers, &s->world, &s->config->identity,
				  &s->identity);
	if (r >= 0) {
		s->snapshots = snapshots_new();
		s->sizes = sizes_new();
		r = s->snapshots && s->sizes ? 0 : -ENOMEM;
	}
	if (r >= 0)
		start_keeper(s);
	if (r >= 0)
		r = confine_service();	/* before there are other threads */
	if (r >= 0)
		r = calls_start(s, s->calls_state, &s->calls);
	if (r >= 0 && s->config->pressure_triggers)
		r = triggers_start(s->session, s->triggers_state, &s->triggers);
	if (r >= 0)
		r = confine_others();
	if (r >= 0)
		r = control_start(s, &s->control);
	return r;
}

static int start(struct session *session, void *context, void **ret_userdata)
{
	struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->session = session;
	s->config = context;
	s->keeper_fd = -1;
	r = service_open(s);
	if (r < 0) {
		log_error("cannot start a worker: %s\n%s", strerror(-r),
			  r == -ENOENT ? "No cgroup filesystem is mounted." :
			  r == -EPROTO ? "Its state is from another version: unmount, and start again." :
					 "The system is short of memory, threads or open files.");
		service_close(s);
		return r;
	}
	*ret_userdata = s;
	return 0;
}

static void init(void *userdata, struct fuse_conn_info *conn)
{
	struct service *s = userdata;

	/* Containers in user namespaces can then bind the files idmapped. */
	(void)session_want(s->session, SESSION_ALLOW_IDMAP);
	(void)session_want(s->session, SESSION_CACHE_SYMLINKS);
}

static void stop(void *userdata)
{
	service_close(userdata);
}

/* Another version takes over. */
static void pause_service(void *userdata)
{
	struct service *s = userdata;

	s->control = control_stop(s->control);
	s->calls = calls_stop(s->calls);
	s->triggers = triggers_stop(s->triggers);
}

/* The rest of the state is checked by its size, which the session compares. */
static int check(struct session *session, void *context)
{
	size_t bytes;
	const struct service_state *state = session_state(session, &bytes);

	if (!state || bytes < sizeof(*state) || state->magic != STATE_MAGIC ||
	    state->version != STATE_VERSION) {
		log_error("this version cannot go on from the state of the running one\n"
			  "Unmount, and start this version.");
		return -EPROTO;
	}
	return 0;
}

/* In the holder: the mount is gone, and with it all workers. So are the sockets. */
static void leave(struct session *session, void *context)
{
	size_t bytes;
	const char *state = session_state(session, &bytes);
	const struct config *config = context;

	(void)unlink(config_socket(config));
	(void)unlink(config->seccomp_path);
	if (check(session, context) == 0)
		calls_leave(session, (const void *)(state + align(sizeof(struct service_state)) +
						    align(paths_state_size())));
}

const struct session_service service_session = {
	.ops = &procfs_ops,
	.ops_size = sizeof(procfs_ops),
	.start = start,
	.init = init,
	.stop = stop,
	.pause = pause_service,
	.check = check,
	.leave = leave,
};
