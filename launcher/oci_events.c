/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/json.h"
#include "launcher/limits_apply.h"
#include "launcher/runtime.h"
#include "launcher/stats_json.h"

#define INTERVAL_DEFAULT_MS 5000

struct events_config {
	uint32_t interval_ms;
	bool stats;		/* print them once */
	bool help;
};

#define FIELD(name) offsetof(struct events_config, name)

/* As Go writes a time, for that is what callers of runc say: "5s", "1.5m", "200ms". */
static int parse_interval(const char *value, void *field, struct opt_error *error)
{
	static const struct { const char *unit; double ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	};
	char *end;
	double n = strtod(value, &end);

	for (size_t i = 0; end != value && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (!(n * units[i].ms >= 1 && n * units[i].ms <= INT32_MAX))
			break;
		*(uint32_t *)field = (uint32_t)(n * units[i].ms);
		return 0;
	}
	return opt_error_set(error, "'%s' is no time as 5s, 200ms or 1m", value);
}

static const struct opt rows[] = {
	{ "interval", 0, OPT_PARSE, FIELD(interval_ms), "TIME",
	  "how often to print what it uses; 5s", parse_interval },
	{ "stats", 0, OPT_FLAG, FIELD(stats), NULL, "print that once and end", NULL },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this", NULL },
};
static const struct opt_table table = OPT_TABLE(rows);

/* One line; false where nobody reads it any more. */
static bool print_event(const char *type, const char *id, struct json_object *data)
{
	cleanup_json struct json_object *event = json_object_new_object();

	json_object_object_add(event, "type", json_object_new_string(type));
	json_object_object_add(event, "id", json_object_new_string(id));
	if (data)
		json_object_object_add(event, "data", data);
	puts(json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	return fflush(stdout) == 0;
}

/*
 * Something that becomes readable when the container runs out of memory: v1 has a
 * call for it, v2 a file that changes. -1 where there is nothing to watch.
 */
static int watch_oom(const struct cgroup_group *g)
{
	int dir = cgroup_group_fd(g, CGROUP_MEMORY);
	cleanup_fd int control = -1, watch = -1;
	char text[64];

	if (dir < 0)
		return -1;
	control = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	if (control >= 0) {
		watch = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		snprintf(text, sizeof(text), "%d %d", watch, control);
		if (cgroup_group_write(g, CGROUP_MEMORY, "cgroup.event_control", text) < 0)
			return -1;
		return take_fd(&watch);
	}
	snprintf(text, sizeof(text), "/proc/self/fd/%d/memory.events", dir);
	watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch < 0 || inotify_add_watch(watch, text, IN_MODIFY) < 0)
		return -1;
	return take_fd(&watch);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t oom_kills(const struct cgroup_group *g)
{
	uint64_t count = 0;

	(void)limits_oom_kills(g, &count);
	return count;
}

static void drain(int fd)
{
	char buffer[4096];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
}

/*
 * v1 wakes us when memory runs out, whether something is killed or not, and when the
 * cgroup is removed. v2 wakes us for many reasons; the count of kills tells them apart.
 */
static bool report_oom(struct runtime *r, bool woken, uint64_t *known)
{
	uint64_t now = oom_kills(r->group), ignored;
	bool v1 = cgroup_group_read_key(r->group, CGROUP_MEMORY, "memory.oom_control", "under_oom",
					&ignored) >= 0;
	bool news = v1 ? woken : now > *known;

	*known = now;
	return !news || print_event("oom", r->state->id, NULL);
}

/* Until the container has ended. */
static int follow(struct runtime *r, uint32_t interval_ms, struct fault *f)
{
	cleanup_fd int pidfd = neg_errno((int)syscall(SYS_pidfd_open, r->state->pid, 0));
	cleanup_fd int oom = watch_oom(r->group);
	uint64_t known = oom_kills(r->group);
	int64_t next = now_ms() + interval_ms;
	bool going = true;

	if (pidfd < 0 && pidfd != -ESRCH)
		return fault_set(f, pidfd, "cannot watch container '%s'", r->state->id);
	going = pidfd >= 0 && state_pid_is_alive(r->state);
	while (going) {
		struct pollfd fds[] = { { pidfd, POLLIN, 0 }, { oom, POLLIN, 0 } };
		int64_t left = next - now_ms();

		if (poll(fds, 2, left > 0 ? (int)left : 0) < 0 && errno != EINTR)
			return fault_set(f, -errno, "cannot watch container '%s'", r->state->id);
		if (fds[1].revents)
			drain(oom);
		going = report_oom(r, fds[1].revents, &known) && !fds[0].revents;
		if (going && now_ms() >= next) {
			going = print_event("stats", r->state->id, stats_json(r->group));
			next += interval_ms;
		}
	}
	return 0;
}

int verb_events(const struct globals *g, int argc, char **argv)
{
	struct events_config config = { .interval_ms = INTERVAL_DEFAULT_MS };
	struct opt_list operands = { 0 };
	struct runtime r = RUNTIME_INIT;
	struct fault f = FAULT_INIT;
	int result = runtime_parse(&table, argc, argv, &config, &operands, 1, 1,
				   "nacre events [OPTION]... ID", &config.help, &f);

	if (result == 0) {
		result = runtime_open(&r, g, operands.items[0], false, &f);
		if (result >= 0 && !state_pid_is_alive(r.state))
			result = fault_set(&f, 0, "container not running: '%s' has no process",
					   r.state->id);
		if (result >= 0)
			result = runtime_open_cgroups(&r, &f);
		if (result >= 0 && config.stats)
			(void)print_event("stats", r.state->id, stats_json(r.group));
		else if (result >= 0)
			result = follow(&r, config.interval_ms, &f);
	}
	runtime_close(&r);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}
