/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. A container that is removed when it ends takes its state along. So
 * who waits opens the file that will hold the exit status first; whoever removes
 * the container writes there before.
 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/json.h"
#include "launcher/runtime.h"

#define STOP_TIMEOUT_S 10

struct wait_config {
	bool json, help;
	unsigned timeout_s;
};

#define FIELD(name) offsetof(struct wait_config, name)

static const struct opt wait_rows[] = {
	{ "json", 0, OPT_FLAG, FIELD(json), NULL, "print one JSON object a container" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table wait_table = OPT_TABLE(wait_rows);

static const struct opt stop_rows[] = {
	{ "time", 't', OPT_UINT, FIELD(timeout_s), "SECONDS",
	  "how long to wait between TERM and KILL; 10 without this" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table stop_table = OPT_TABLE(stop_rows);

static int open_process(pid_t pid)
{
	return neg_errno((int)syscall(SYS_pidfd_open, pid, 0));
}

/* 1 when it has ended, 0 when the time is up. */
static int await_end(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r;

	if (pidfd < 0)
		return 1;
	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	return r != 0;
}

/* --- wait ------------------------------------------------------------------------ */

/* Linux 6.15; headers may be older. */
struct info {
	uint64_t mask, cgroupid;
	uint32_t pids[3], ids[8];
	int32_t exit_code;
	uint32_t padding[2];
};
#define INFO_EXIT   (UINT64_C(1) << 3)
#define GET_INFO    _IOWR(0xFF, 11, struct info)

/* What a process ended with that is not our child; known once it is reaped. */
static int status_of_stranger(int pidfd, int *ret_status)
{
	struct info info = { .mask = INFO_EXIT };
	struct pollfd reaped = { .fd = pidfd };

	if (poll(&reaped, 1, 5000) <= 0 || ioctl(pidfd, GET_INFO, &info) < 0 ||
	    !(info.mask & INFO_EXIT))
		return -ENODATA;
	*ret_status = WIFSIGNALED(info.exit_code) ? 128 + WTERMSIG(info.exit_code)
						  : WEXITSTATUS(info.exit_code);
	return 0;
}

static int wait_for_stranger(struct runtime *r, int *ret_status, struct fault *f)
{
	cleanup_fd int pidfd = open_process(r->state->pid);

	if (runtime_status(r) != STATE_STOPPED) {
		(void)await_end(pidfd, -1);
		if (status_of_stranger(pidfd, ret_status) >= 0)
			return 0;
	}
	return fault_set(f, 0, "container '%s' has ended, but with which status only its engine knows",
			 r->state->id);
}

static int wait_one(const struct globals *g, const char *id, int *ret_status, struct fault *f)
{
	struct runtime r = RUNTIME_INIT;
	cleanup_fd int file = -1, monitor = -1;
	char text[8] = "";
	int result = runtime_open(&r, g, id, false, f);

	if (result < 0)
		goto out;
	if (r.state->ended) {
		*ret_status = (int)r.state->exit_status;
		goto out;
	}
	if (!r.state->monitor) {
		result = wait_for_stranger(&r, ret_status, f);
		goto out;
	}
	file = openat(r.dir.fd, EXIT_FILE, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	monitor = open_process(r.state->monitor);
	if (state_monitor_is_alive(r.state))
		(void)await_end(monitor, -1);
	/* Killed monitors write nothing, and take their containers along. */
	*ret_status = file >= 0 && read(file, text, sizeof(text) - 1) > 0 ? atoi(text)
									  : 128 + SIGKILL;
out:
	runtime_close(&r);
	return result;
}

static void print_status(const char *id, int status, bool json)
{
	cleanup_json struct json_object *o = NULL;

	if (!json) {
		printf("%d\n", status);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "id", json_object_new_string(id));
	json_object_object_add(o, "exitStatus", json_object_new_int(status));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

int verb_wait(const struct globals *g, int argc, char **argv)
{
	struct wait_config config = { 0 };
	struct opt_list operands = { 0 };
	struct fault f = FAULT_INIT;
	int r = runtime_parse(&wait_table, argc, argv, &config, &operands, 1, 4096,
			      "nacre wait [OPTION]... ID...", &config.help, &f);

	for (size_t i = 0; r == 0 && i < operands.count; i++) {
		int status = 0;

		r = wait_one(g, operands.items[i], &status, &f);
		if (r == 0)
			print_status(operands.items[i], status, config.json);
		fflush(stdout);
	}
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, 1) : 0;
}

/* --- stop ------------------------------------------------------------------------ */

/* A frozen process takes no signal on v1. */
static void thaw(struct runtime *r)
{
	struct fault ignored = FAULT_INIT;

	if (r->state->cgroup_path && runtime_open_cgroups(r, &ignored) >= 0 &&
	    cgroup_group_is_frozen(r->group) > 0)
		(void)cgroup_group_freeze(r->group, false);
}

/* Whoever stays beside it hears it too: it may be about to start it again. */
static int ask_to_end(struct runtime *r)
{
	cleanup_fd int mark = openat(r->dir.fd, STOP_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	cleanup_fd int target = -1;
	pid_t pid = r->state->pid;

	if (mark < 0 && errno != ENOENT)
		return -errno;
	if (state_monitor_is_alive(r->state))
		pid = r->state->monitor;
	target = open_process(pid);
	thaw(r);
	if (target >= 0)
		(void)syscall(SYS_pidfd_send_signal, target, SIGTERM, NULL, 0);
	return 0;
}

static int kill_first(struct runtime *r)
{
	struct fault ignored = FAULT_INIT;
	struct state *now = NULL;
	cleanup_fd int pidfd = -1;

	/* It may have been started again meanwhile. */
	if (state_load(&r->dir, &now, &ignored) < 0)
		return 0;
	pidfd = open_process(now->pid);
	if (pidfd >= 0 && state_pid_is_alive(now))
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	state_free(now);
	return 0;
}

static int stop_one(const struct globals *g, const char *id, unsigned timeout_s,
		    struct fault *f)
{
	struct runtime r = RUNTIME_INIT;
	cleanup_fd int keeper = -1;
	int result = runtime_open(&r, g, id, false, f);

	if (result >= 0 && !state_monitor_is_alive(r.state) &&
	    runtime_status(&r) == STATE_STOPPED) {
		runtime_close(&r);
		return 0;	/* it has ended: that is what was asked for */
	}
	if (result >= 0) {
		keeper = open_process(state_monitor_is_alive(r.state) ? r.state->monitor
								      : r.state->pid);
		result = ask_to_end(&r);
		if (result < 0)
			fault_set(f, result, "cannot stop container '%s'", id);
	}
	if (result >= 0 && !await_end(keeper, (int)timeout_s * 1000)) {
		(void)kill_first(&r);
		(void)await_end(keeper, -1);
	}
	runtime_close(&r);
	return result;
}

int verb_stop(const struct globals *g, int argc, char **argv)
{
	struct wait_config config = { .timeout_s = STOP_TIMEOUT_S };
	struct opt_list operands = { 0 };
	struct fault f = FAULT_INIT;
	int r = runtime_parse(&stop_table, argc, argv, &config, &operands, 1, 4096,
			      "nacre stop [OPTION]... ID...", &config.help, &f);

	if (r == 0 && config.timeout_s > 1000000)
		r = fault_set(&f, 0, "option '--time': %u seconds are too many", config.timeout_s);
	for (size_t i = 0; r == 0 && i < operands.count; i++)
		r = stop_one(g, operands.items[i], config.timeout_s, &f);
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, 1) : 0;
}
