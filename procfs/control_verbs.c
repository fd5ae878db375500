/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/control_verbs.c - what can be asked over the control socket */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "procfs/control.h"
#include "procfs/explain.h"
#include "procfs/process.h"
#include "procfs/service.h"

#define KEYS_MAX 32

/* A request cut into its lines; lent by its text. */
struct request {
	pid_t peer;		/* who asks */
	const char *verb;
	struct { const char *key, *value; } pairs[KEYS_MAX];
	unsigned count;
};

static int fail(struct buf *answer, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct buf *answer, int error, const char *format, ...)
{
	va_list args;

	buf_reset(answer);
	buf_addf(answer, "error %d ", error);
	va_start(args, format);
	buf_addv(answer, format, args);
	va_end(args);
	buf_adds(answer, "\n");
	return -error;
}

static int parse_request(char *text, struct request *q)
{
	char *save = NULL;

	*q = (struct request){ .verb = text ? strtok_r(text, "\n", &save) : NULL };
	if (!q->verb)
		return -EINVAL;
	for (char *line; (line = strtok_r(NULL, "\n", &save)); q->count++) {
		char *blank = strchr(line, ' ');

		if (q->count == KEYS_MAX)
			return -E2BIG;
		if (blank)
			*blank = '\0';
		q->pairs[q->count].key = line;
		q->pairs[q->count].value = blank ? blank + 1 : "";
	}
	return 0;
}

static const char *value_of(const struct request *q, const char *key)
{
	for (unsigned i = 0; i < q->count; i++)
		if (strcmp(q->pairs[i].key, key) == 0)
			return q->pairs[i].value;
	return NULL;
}

/* A name in a directory of the mount, and nothing else. */
static bool is_valid_id(const char *id)
{
	if (!id || !isalnum((unsigned char)*id) || strlen(id) >= CONTAINER_ID_SIZE)
		return false;
	for (; *id; id++)
		if (!isalnum((unsigned char)*id) && !strchr("_.+-:", *id))
			return false;
	return true;
}

static bool is_valid_path(const char *path)
{
	return *path == '/' && !strstr(path, "/../") &&
	       (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

/* The place that a key names: "cgroup.memory", "cgroup.v2"; -1 if none. */
static int place_of_key(const char *key)
{
	if (strncmp(key, "cgroup.", 7) != 0)
		return -1;
	if (strcmp(key + 7, "v2") == 0)
		return GROUP_V2;
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (strcmp(key + 7, cgroup_controller_name(i, CGROUP_V1)) == 0 ||
		    strcmp(key + 7, cgroup_controller_name(i, CGROUP_V2)) == 0)
			return i;
	return -1;
}

static bool exists_at(const struct service *s, int place, const char *path)
{
	int root = place == GROUP_V2 ? cgroup_layout_v2_fd(s->layout)
				     : cgroup_layout_root_fd(s->layout, place);
	cleanup_fd int fd = root < 0 ? -1 : cgroup_open_at(root, path);

	return fd >= 0;
}

/* One path for all hierarchies that have it, or one for a named one. */
static int take_cgroup(struct service *s, const char *key, const char *path,
		       struct group_spec *group, struct buf *answer)
{
	int place = place_of_key(key);
	bool found = false;

	if (!is_valid_path(path))
		return fail(answer, EINVAL, "cgroup '%s' is no absolute path without '..'", path);
	if (strcmp(key, "cgroup") != 0 && place < 0)
		return fail(answer, EINVAL, "there is no cgroup controller '%s'", key + 7);

	for (int i = 0; i < GROUP_PLACES; i++) {
		if ((place >= 0 && i != place) || !exists_at(s, i, path))
			continue;
		group->path[i] = path;
		found = true;
	}
	return found ? 0 : fail(answer, ENOENT, "there is no cgroup '%s'\n"
				"Make it before its container is registered.", path);
}

/* The container of one process: its cgroups, and its init if that is known. */
static int take_process(struct service *s, pid_t pid, struct container_spec *spec,
			struct cgroup_paths *paths, struct buf *answer)
{
	cleanup_buf struct buf cgroups = BUF_INIT;
	int r = process_read(s->world.host, pid, "cgroup", &cgroups);

	if (r >= 0)
		r = process_start_ns(s->world.host, spec->pid, &spec->start_ns);
	if (r < 0)
		return fail(answer, -r, "there is no process %d", (int)pid);
	r = cgroup_paths_parse(s->layout, cgroups.data, paths);
	if (r < 0)
		return fail(answer, -r, "out of memory");

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		spec->group.path[i] = paths->of[i];
	spec->group.path[GROUP_V2] = paths->v2;
	return 0;
}

static int take_pid(struct service *s, const char *text, struct container_spec *spec,
		    struct cgroup_paths *paths, struct buf *answer)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (*end || pid <= 0 || pid > INT32_MAX)
		return fail(answer, EINVAL, "'%s' is no process id", text);
	spec->pid = (pid_t)pid;
	return take_process(s, spec->pid, spec, paths, answer);
}

/* Who asks is in the container: in its cgroups and its pid namespace. */
static int take_self(struct service *s, pid_t peer, struct container_spec *spec,
		     struct cgroup_paths *paths, struct buf *answer)
{
	pid_t init = identity_init(s->identity, peer);

	spec->pid = init > 0 ? init : peer;
	return take_process(s, peer, spec, paths, answer);
}

static int register_spec(struct service *s, const struct container_spec *spec,
			 struct buf *answer)
{
	cleanup_container struct container *c = NULL;
	int r = containers_add(s->containers, spec, &c);

	if (r == -EEXIST)
		return fail(answer, EEXIST, "container '%s' is registered already\n"
			    "nacre-procfs unregister %s", spec->id, spec->id);
	if (r == -ENOSPC)
		return fail(answer, ENOSPC, "all %d places are taken", CONTAINER_SLOTS - 1);
	if (r == -ENAMETOOLONG)
		return fail(answer, ENAMETOOLONG, "the cgroup paths of '%s' are too long",
			    spec->id);
	if (r < 0)
		return fail(answer, -r, "cannot register '%s': %s", spec->id, strerror(-r));

	buf_addf(answer, "ok\n%s/containers/%s\n", s->state->mounted_at, spec->id);
	return 0;
}

static int verb_register(struct service *s, const struct request *q, struct buf *answer)
{
	struct container_spec spec = { .kind = CONTAINER_REGISTERED, .id = value_of(q, "id") };
	struct cgroup_paths paths = { 0 };
	int r = 0;

	if (!is_valid_id(spec.id))
		return fail(answer, EINVAL, "'%s' cannot be a container's id\n"
			    "Use letters, digits and _.+-: (at most %d)",
			    spec.id ? spec.id : "", CONTAINER_ID_SIZE - 1);
	if (value_of(q, "pid"))
		r = take_pid(s, value_of(q, "pid"), &spec, &paths, answer);
	else if (value_of(q, "self"))
		r = take_self(s, q->peer, &spec, &paths, answer);
	for (unsigned i = 0; r >= 0 && i < q->count; i++)
		if (strncmp(q->pairs[i].key, "cgroup", 6) == 0)
			r = take_cgroup(s, q->pairs[i].key, q->pairs[i].value, &spec.group,
					answer);
	if (r >= 0)
		r = register_spec(s, &spec, answer);
	cgroup_paths_done(&paths);
	return r;
}

static int verb_unregister(struct service *s, const struct request *q,
			   struct buf *answer)
{
	const char *id = value_of(q, "id");

	if (!id || containers_remove(s->containers, id) < 0)
		return fail(answer, ENOENT, "container '%s' is not registered", id ? id : "");
	buf_adds(answer, "ok\n");
	return 0;
}

/* The deepest of its paths says most to people. */
static const char *telling_path(const struct container *c)
{
	const char *best = "/";

	for (int i = 0; i < GROUP_PLACES; i++) {
		const char *path = container_path(c, i);

		if (path && strlen(path) > strlen(best))
			best = path;
	}
	return best;
}

static int verb_list(struct service *s, const struct request *q, struct buf *answer)
{
	struct container *c = containers_next(s->containers, 0);
	bool all = value_of(q, "all");

	buf_adds(answer, "ok\n");
	while (c) {
		unsigned slot = container_slot(c);
		bool registered = container_kind(c) == CONTAINER_REGISTERED;

		if (registered || all)
			buf_addf(answer, "%s\t%d\t%s\n", registered ? container_id(c) : "-",
				 (int)container_pid(c), telling_path(c));
		container_put(c);
		c = containers_next(s->containers, slot);
	}
	return 0;
}

static unsigned count_containers(struct service *s)
{
	struct container *c = containers_next(s->containers, 0);
	unsigned count = 0;

	while (c) {
		unsigned slot = container_slot(c);

		count++;
		container_put(c);
		c = containers_next(s->containers, slot);
	}
	return count;
}

static int verb_stats(struct service *s, const struct request *q, struct buf *answer)
{
	const char *format = value_of(q, "format");
	enum stats_format f = STATS_TEXT;

	if (format && strcmp(format, "json") == 0)
		f = STATS_JSON;
	else if (format && strcmp(format, "prometheus") == 0)
		f = STATS_PROMETHEUS;
	else if (format && strcmp(format, "text") != 0)
		return fail(answer, EINVAL, "there is no format '%s': text, json or prometheus",
			    format);

	memcpy(s->state->stats.missing, s->world.missing, sizeof(s->world.missing));
	buf_adds(answer, "ok\n");
	stats_write(&s->state->stats, count_containers(s), session_generation(s->session), f,
		    answer);
	return 0;
}

static int verb_explain(struct service *s, const struct request *q, struct buf *answer)
{
	const char *id = value_of(q, "id"), *file = value_of(q, "file");
	cleanup_container struct container *c = id ? containers_find(s->containers, id) : NULL;
	int r;

	if (!c)
		return fail(answer, ENOENT, "container '%s' is not registered", id ? id : "");
	if (!file)
		return fail(answer, EINVAL, "explain needs a file");
	while (*file == '/')
		file++;
	buf_adds(answer, "ok\n");
	r = explain(s->world.host, c, file, value_of(q, "field"), answer);
	if (r == -ENOENT)
		return fail(answer, ENOENT, "no file '/%s' is served to '%s'", file, id);
	if (r == -ENODATA)
		return fail(answer, ENODATA, "'/%s' has no field '%s'", file,
			    value_of(q, "field"));
	if (r < 0)
		return fail(answer, -r, "cannot render '/%s': %s", file, strerror(-r));
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct service *s, const struct request *q, struct buf *answer);
} verbs[] = {
	{ "register", verb_register },
	{ "unregister", verb_unregister },
	{ "list", verb_list },
	{ "stats", verb_stats },
	{ "explain", verb_explain },
};

void control_answer(struct service *s, pid_t peer, char *request, struct buf *answer)
{
	struct request q;

	if (parse_request(request, &q) < 0) {
		(void)fail(answer, EPROTO, "the request makes no sense");
		return;
	}
	q.peer = peer;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, q.verb) == 0) {
			(void)verbs[i].run(s, &q, answer);
			return;
		}
	}
	(void)fail(answer, ENOSYS, "this nacre-procfs knows no verb '%s'", q.verb);
}
