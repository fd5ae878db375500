/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/cmd_inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/usage.h"

static void add_text(struct json_object *o, const char *key, const char *value)
{
	if (value)
		json_object_object_add(o, key, json_object_new_string(value));
}

static void add_number(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

static void add_limit(struct json_object *o, const char *key, int64_t value)
{
	if (value == USAGE_NO_LIMIT)
		json_object_object_add(o, key, NULL);
	else if (value != USAGE_UNKNOWN)
		add_number(o, key, value);
}

/* Only while there are cgroups to ask. */
static void add_limits(struct json_object *o, struct runtime *r)
{
	struct fault ignored = FAULT_INIT;
	struct usage usage;

	if (runtime_open_cgroups(r, &ignored) < 0)
		return;
	usage_read(r->group, &usage);
	add_limit(o, "memoryLimit", usage.memory_limit_bytes);
	add_limit(o, "pidsLimit", usage.pids_limit);
}

static void add_end(struct json_object *o, const struct state *s)
{
	if (!s->finished)
		return;
	add_text(o, "finished", s->finished);
	add_number(o, "exitStatus", s->exit_status);
	add_text(o, "reason", s->reason);
}

struct json_object *inspect_to_json(struct runtime *r)
{
	const struct state *s = r->state;
	enum state_status status = runtime_status(r);
	struct json_object *o = json_object_new_object();
	struct json_object *annotations = json_object_new_object();

	add_text(o, "id", s->id);
	add_text(o, "status", state_status_name(status));
	add_number(o, "pid", status == STATE_STOPPED ? 0 : s->pid);
	add_text(o, "created", s->created);
	add_text(o, "begun", s->begun);
	if (status == STATE_STOPPED)
		add_end(o, s);
	add_text(o, "command", s->command);
	add_text(o, "image", s->image);
	add_text(o, "bundle", s->bundle);
	add_text(o, "rootfs", s->rootfs);
	add_text(o, "driver", s->driver);
	add_text(o, "upper", s->upper);
	if (s->detached)
		add_text(o, "logs", s->scratch);
	add_text(o, "cgroup", s->cgroup_path);
	add_text(o, "address", s->address);
	json_object_object_add(o, "detached", json_object_new_boolean(s->detached));
	json_object_object_add(o, "keep", json_object_new_boolean(s->keep));
	add_text(o, "restart", s->restart);
	add_number(o, "restarts", s->restarts);
	if (state_monitor_is_alive(s))
		add_number(o, "monitor", s->monitor);
	if (status != STATE_STOPPED)
		add_limits(o, r);
	json_add_pairs(annotations, &s->annotations);
	json_object_object_add(o, "annotations", annotations);
	return o;
}

int inspect_each(const struct globals *g, int (*found)(struct runtime *r, void *arg),
		 void *arg, struct fault *f)
{
	struct state_dir root = STATE_DIR_INIT;
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int fd, r = state_root_open(g->root, &root, f);

	if (r >= 0) {
		fd = openat(root.root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		dir = fd < 0 ? NULL : fdopendir(fd);
	}
	while (r >= 0 && dir && (entry = readdir(dir))) {
		struct runtime one = RUNTIME_INIT;
		struct fault ignored = FAULT_INIT;

		/* One that vanishes meanwhile is not there. */
		if (plan_id_is_valid(entry->d_name) &&
		    runtime_open(&one, g, entry->d_name, false, &ignored) >= 0)
			r = found(&one, arg);
		runtime_close(&one);
	}
	state_dir_done(&root);
	return r;
}

struct inspect_config {
	bool help, json;
};

static const struct opt rows[] = {
	{ "json", 0, OPT_FLAG, offsetof(struct inspect_config, json), NULL,
	  "as it always does" },
	{ "help", 'h', OPT_FLAG, offsetof(struct inspect_config, help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

int verb_inspect(const struct globals *g, int argc, char **argv)
{
	cleanup_json struct json_object *array = json_object_new_array();
	struct inspect_config config = { 0 };
	struct opt_list operands = { 0 };
	struct fault f = FAULT_INIT;
	int r = runtime_parse(&table, argc, argv, &config, &operands, 1, 4096,
			      "nacre inspect ID...", &config.help, &f);

	for (size_t i = 0; r == 0 && i < operands.count; i++) {
		struct runtime one = RUNTIME_INIT;

		r = runtime_open(&one, g, operands.items[i], false, &f);
		if (r >= 0)
			json_object_array_add(array, inspect_to_json(&one));
		runtime_close(&one);
	}
	if (r == 0)
		puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_NOSLASHESCAPE));
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, 1) : 0;
}
