/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/state.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/json.h"

#define STATE_FILE    "state.json"
#define STATE_VERSION 1

struct state *state_new(void)
{
	return calloc(1, sizeof(struct state));
}

/* One row per field that is a string or a number: saved and loaded alike. */
static const struct state_field {
	const char *name;
	enum { FIELD_STRING, FIELD_UINT, FIELD_INT, FIELD_U64, FIELD_BOOL } kind;
	size_t offset;
} fields[] = {
	{ "id", FIELD_STRING, offsetof(struct state, id) },
	{ "bundle", FIELD_STRING, offsetof(struct state, bundle) },
	{ "rootfs", FIELD_STRING, offsetof(struct state, rootfs) },
	{ "created", FIELD_STRING, offsetof(struct state, created) },
	{ "cgroupPath", FIELD_STRING, offsetof(struct state, cgroup_path) },
	{ "cgroupLevels", FIELD_UINT, offsetof(struct state, cgroup_levels) },
	{ "scratch", FIELD_STRING, offsetof(struct state, scratch) },
	{ "work", FIELD_STRING, offsetof(struct state, work) },
	{ "command", FIELD_STRING, offsetof(struct state, command) },
	{ "pid", FIELD_INT, offsetof(struct state, pid) },
	{ "pidStart", FIELD_U64, offsetof(struct state, pid_start) },
	{ "view", FIELD_BOOL, offsetof(struct state, view) },
	{ "supervised", FIELD_BOOL, offsetof(struct state, supervised) },
	{ "started", FIELD_BOOL, offsetof(struct state, started) },
	{ "owner", FIELD_UINT, offsetof(struct state, owner) },
	{ "monitor", FIELD_INT, offsetof(struct state, monitor) },
	{ "monitorStart", FIELD_U64, offsetof(struct state, monitor_start) },
	{ "keep", FIELD_BOOL, offsetof(struct state, keep) },
	{ "ended", FIELD_BOOL, offsetof(struct state, ended) },
	{ "begun", FIELD_STRING, offsetof(struct state, begun) },
	{ "finished", FIELD_STRING, offsetof(struct state, finished) },
	{ "exitStatus", FIELD_UINT, offsetof(struct state, exit_status) },
	{ "reason", FIELD_STRING, offsetof(struct state, reason) },
	{ "detached", FIELD_BOOL, offsetof(struct state, detached) },
	{ "restart", FIELD_STRING, offsetof(struct state, restart) },
	{ "restarts", FIELD_UINT, offsetof(struct state, restarts) },
	{ "image", FIELD_STRING, offsetof(struct state, image) },
	{ "driver", FIELD_STRING, offsetof(struct state, driver) },
	{ "upper", FIELD_STRING, offsetof(struct state, upper) },
	{ "lease", FIELD_STRING, offsetof(struct state, lease) },
	{ "address", FIELD_STRING, offsetof(struct state, address) },
	{ "rootDaemon", FIELD_INT, offsetof(struct state, root_daemon) },
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

struct state *state_free(struct state *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].kind == FIELD_STRING)
			free(*(char **)((char *)s + fields[i].offset));
	opt_list_done(&s->annotations);
	opt_list_done(&s->words);
	free(s);
	return NULL;
}

static struct json_object *field_to_json(const struct state_field *field, const void *p)
{
	switch (field->kind) {
	case FIELD_STRING:
		return *(char *const *)p ? json_object_new_string(*(char *const *)p) : NULL;
	case FIELD_UINT:
		return json_object_new_int64(*(const unsigned *)p);
	case FIELD_INT:
		return json_object_new_int64(*(const int *)p);
	case FIELD_U64:
		return json_object_new_uint64(*(const uint64_t *)p);
	case FIELD_BOOL:
		return json_object_new_boolean(*(const bool *)p);
	}
	return NULL;
}

static int field_from_json(const struct state_field *field, struct json_object *o, void *p)
{
	switch (field->kind) {
	case FIELD_STRING:
		if (!json_object_is_type(o, json_type_string))
			return -EBADMSG;
		*(char **)p = strdup(json_object_get_string(o));
		return *(char **)p ? 0 : -ENOMEM;
	case FIELD_UINT:
		*(unsigned *)p = (unsigned)json_object_get_int64(o);
		return 0;
	case FIELD_INT:
		*(int *)p = json_object_get_int(o);
		return 0;
	case FIELD_U64:
		*(uint64_t *)p = json_object_get_uint64(o);
		return 0;
	case FIELD_BOOL:
		*(bool *)p = json_object_get_boolean(o);
		return 0;
	}
	return -EBADMSG;
}

static int write_whole(int dir_fd, const char *name, const char *text)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, ".new", O_WRONLY | O_CREAT | O_TRUNC |
					     O_CLOEXEC | O_NOFOLLOW, 0600));
	size_t length = strlen(text);

	if (fd < 0)
		return fd;
	if (write(fd, text, length) != (ssize_t)length)
		return errno ? -errno : -ENOSPC;
	return neg_errno(renameat(dir_fd, ".new", dir_fd, name));
}

static struct json_object *words_to_json(const struct opt_list *words)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < words->count; i++)
		json_object_array_add(array, json_object_new_string(words->items[i]));
	return array;
}

static int words_from_json(struct json_object *array, struct opt_list *words)
{
	int r = json_object_is_type(array, json_type_array) ? 0 : -EBADMSG;

	for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++)
		r = opt_list_add(words, json_object_get_string(json_object_array_get_idx(array, i)));
	/* As an execve(2) list, which ends with NULL. */
	if (r >= 0)
		r = opt_list_add(words, "");
	if (r >= 0) {
		free(words->items[--words->count]);
		words->items[words->count] = NULL;
	}
	return r;
}

int state_save(const struct state_dir *dir, const struct state *s, struct fault *f)
{
	cleanup_json struct json_object *o = json_object_new_object();
	struct json_object *annotations = json_object_new_object();
	int r;

	if (!o || !annotations)
		return fault_set(f, -ENOMEM, "cannot write the state");
	json_object_object_add(o, "version", json_object_new_int(STATE_VERSION));
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		struct json_object *value = field_to_json(&fields[i],
							  (const char *)s + fields[i].offset);

		if (value)
			json_object_object_add(o, fields[i].name, value);
	}
	json_add_pairs(annotations, &s->annotations);
	json_object_object_add(o, "annotations", annotations);
	if (s->words.count)
		json_object_object_add(o, "words", words_to_json(&s->words));

	r = write_whole(dir->fd, STATE_FILE, json_object_to_json_string(o));
	return r < 0 ? fault_set(f, r, "cannot write the state into '%s'", dir->path) : 0;
}

static int fill(struct state *s, struct json_object *o)
{
	struct json_object *value;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		int r;

		if (!json_object_object_get_ex(o, fields[i].name, &value))
			continue;
		r = field_from_json(&fields[i], value, (char *)s + fields[i].offset);
		if (r < 0)
			return r;
	}
	if (json_object_object_get_ex(o, "words", &value) &&
	    words_from_json(value, &s->words) < 0)
		return -EBADMSG;
	if (json_object_object_get_ex(o, "annotations", &value)) {
		int r = json_get_pairs(value, &s->annotations);

		if (r < 0)
			return r;
	}
	return s->id ? 0 : -EBADMSG;
}

int state_load(const struct state_dir *dir, struct state **ret_state, struct fault *f)
{
	cleanup_json struct json_object *o = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	struct state *s;
	int r = buf_read_file(&text, dir->fd, STATE_FILE);

	if (r < 0)
		return fault_set(f, r, "cannot read the state in '%s'", dir->path);
	o = json_parse(buf_text(&text), NULL);
	s = state_new();
	r = !s ? -ENOMEM : !o ? -EBADMSG : fill(s, o);
	if (r < 0) {
		state_free(s);
		return fault_set(f, r, "the state in '%s' is damaged\n"
				 "Remove the directory once nothing of the container runs.",
				 dir->path);
	}
	*ret_state = s;
	return 0;
}

uint64_t state_pid_start(pid_t pid)
{
	cleanup_buf struct buf text = BUF_INIT;
	unsigned long long start = 0;
	char path[32], state;
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (pid <= 0 || buf_read_file(&text, AT_FDCWD, path) < 0)
		return 0;
	/* The name in the second field may hold anything, ")" too. */
	p = strrchr(buf_text(&text), ')');
	if (!p || sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
			 "%*d %*d %*d %*d %llu", &state, &start) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : start;
}

bool state_pid_is_alive(const struct state *s)
{
	return s->pid > 0 && state_pid_start(s->pid) == s->pid_start;
}

bool state_monitor_is_alive(const struct state *s)
{
	return s->monitor > 0 && state_pid_start(s->monitor) == s->monitor_start;
}

const char *state_status_name(enum state_status status)
{
	static const char *const names[] = {
		[STATE_CREATING] = "creating", [STATE_CREATED] = "created",
		[STATE_RUNNING] = "running",   [STATE_PAUSED] = "paused",
		[STATE_STOPPED] = "stopped",
	};

	return names[status];
}

static char *print(struct json_object *o)
{
	return strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						     JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void add_string(struct json_object *o, const char *key, const char *value)
{
	if (value)
		json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *oci_state(const char *id, const char *status, pid_t pid,
				     const char *bundle, const struct opt_list *annotations)
{
	struct json_object *o = json_object_new_object();
	struct json_object *pairs;

	if (!o)
		return NULL;
	add_string(o, "ociVersion", OCI_VERSION);
	add_string(o, "id", id);
	add_string(o, "status", status);
	json_object_object_add(o, "pid", json_object_new_int(pid));
	add_string(o, "bundle", bundle ? bundle : "");
	pairs = json_object_new_object();
	if (pairs) {
		json_add_pairs(pairs, annotations);
		json_object_object_add(o, "annotations", pairs);
	}
	return o;
}

char *state_to_json(const struct state *s, enum state_status status)
{
	cleanup_json struct json_object *o =
		oci_state(s->id, state_status_name(status),
			  status == STATE_STOPPED ? 0 : s->pid, s->bundle, &s->annotations);

	if (!o)
		return NULL;
	add_string(o, "rootfs", s->rootfs);
	add_string(o, "created", s->created);
	add_string(o, "owner", s->owner ? NULL : "root");
	return print(o);
}

char *state_for_hooks(const struct plan *plan, const char *status, pid_t pid)
{
	cleanup_json struct json_object *o =
		oci_state(plan->id, status, pid, plan->bundle, &plan->annotations);

	return o ? strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE))
		 : NULL;
}
