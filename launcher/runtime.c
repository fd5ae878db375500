/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/runtime.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/json.h"
#include "launcher/oci_config.h"

int runtime_open(struct runtime *r, const struct globals *g, const char *id, bool lock,
		 struct fault *f)
{
	int result = state_root_open(g->root, &r->dir, f);

	if (result >= 0)
		result = lock ? state_dir_open(&r->dir, id, true, f)
			      : state_dir_open_unlocked(&r->dir, id, f);
	return result < 0 ? result : state_load(&r->dir, &r->state, f);
}

int runtime_open_cgroups(struct runtime *r, struct fault *f)
{
	int result;

	if (r->group)
		return 0;
	if (!r->state->cgroup_path)
		return fault_set(f, 0, "container '%s' has no cgroup: it can be neither limited, nor "
				 "paused, nor measured\nAn ordinary user's have one where it was "
				 "delegated: see nacre check.", r->state->id);
	result = cgroup_layout_open(NULL, &r->layout);
	if (result >= 0)
		result = cgroup_group_open(r->layout, r->state->cgroup_path, &r->group);
	return result < 0 ? fault_set(f, 0, "cannot open the cgroup '%s' (%s)",
				      r->state->cgroup_path, strerror(-result)) : 0;
}

void runtime_close(struct runtime *r)
{
	r->group = cgroup_group_close(r->group);
	r->layout = cgroup_layout_close(r->layout);
	r->state = state_free(r->state);
	state_dir_done(&r->dir);
}

enum state_status runtime_status(struct runtime *r)
{
	struct fault ignored = FAULT_INIT;

	if (!r->state->pid)
		return STATE_CREATING;
	if (!state_pid_is_alive(r->state))
		return STATE_STOPPED;
	if (r->state->cgroup_path && runtime_open_cgroups(r, &ignored) >= 0 &&
	    cgroup_group_is_frozen(r->group) > 0)
		return STATE_PAUSED;
	return r->state->started ? STATE_RUNNING : STATE_CREATED;
}

int runtime_plan(struct runtime *r, struct plan **ret_plan, struct fault *f)
{
	const struct oci_context context = {
		.id = r->state->id,
		.bundle = r->state->bundle ? r->state->bundle : "/",
	};
	cleanup_buf struct buf text = BUF_INIT;
	int result = buf_read_file(&text, r->dir.fd, "config.json");

	if (result < 0)
		return fault_set(f, 0, "container '%s' was not made from a bundle", r->state->id);
	return oci_config_plan(buf_text(&text), &context, ret_plan, f);
}

static void format_time(char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = '\0';
}

static char *log_line(const struct globals *g, const char *message)
{
	cleanup_json struct json_object *o = NULL;
	char now[32], *line;

	format_time(now, sizeof(now));
	if (!g->log_format || strcmp(g->log_format, "json") != 0)
		return asprintf(&line, "time=\"%s\" level=error msg=\"%s\"\n", now, message) < 0
			       ? NULL : line;
	o = json_object_new_object();
	if (!o)
		return NULL;
	json_object_object_add(o, "msg", json_object_new_string(message));
	json_object_object_add(o, "level", json_object_new_string("error"));
	json_object_object_add(o, "time", json_object_new_string(now));
	return asprintf(&line, "%s\n", json_object_to_json_string_ext(
					       o, JSON_C_TO_STRING_PLAIN |
					       JSON_C_TO_STRING_NOSLASHESCAPE)) < 0 ? NULL : line;
}

int runtime_fail(const struct globals *g, const struct fault *f, int status)
{
	cleanup_free char *line = g->log ? log_line(g, f->text) : NULL;
	cleanup_fd int fd = -1;

	fault_print(f);
	if (!line)
		return status;
	fd = open(g->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		log_warn("cannot write the log '%s': %s", g->log, strerror(errno));
	return status;
}

int runtime_parse(const struct opt_table *table, int argc, char **argv, void *config,
		  struct opt_list *operands, size_t min, size_t max, const char *usage,
		  const bool *help, struct fault *f)
{
	struct opt_error error = { "" };
	int r = opt_parse_args(table, argc, argv, config, operands, &error);

	if (r == -EINVAL)
		return fault_set(f, 0, "%s\nUsage: %s", error.text, usage);
	if (r < 0)
		return fault_set(f, r, "cannot read the options");
	if (*help) {
		printf("Usage: %s\n\n", usage);
		opt_print_help(table, "--", stdout);
		return 1;
	}
	if (operands->count < min)
		return fault_set(f, 0, "something is missing\nUsage: %s", usage);
	if (operands->count > max)
		return fault_set(f, 0, "'%s' is too much\nUsage: %s", operands->items[max], usage);
	return 0;
}

int runtime_signal(const char *text)
{
	if (isdigit((unsigned char)*text)) {
		char *end;
		long n = strtol(text, &end, 10);

		return *end || n < 0 || n >= NSIG ? -1 : (int)n;
	}
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i < NSIG; i++) {
		const char *name = sigabbrev_np(i);

		if (name && strcasecmp(name, text) == 0)
			return i;
	}
	return -1;
}

int runtime_write_pid_file(const char *path, pid_t pid, struct fault *f)
{
	cleanup_free char *temp = NULL;
	cleanup_fd int fd = -1;
	char text[16];
	int n;

	if (asprintf(&temp, "%s.new", path) < 0)
		return fault_set(f, -ENOMEM, "cannot write the pid file");
	n = snprintf(text, sizeof(text), "%d", pid);
	fd = neg_errno(open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
	if (fd < 0 || write(fd, text, (size_t)n) != n || rename(temp, path) < 0)
		return fault_set(f, 0, "cannot write the pid file '%s' (%s)", path,
				 strerror(fd < 0 ? -fd : errno));
	return 0;
}
