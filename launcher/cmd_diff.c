/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_overlay.h"
#include "launcher/image_stack.h"
#include "launcher/json.h"
#include "launcher/rootless.h"
#include "launcher/run_config.h"
#include "launcher/runtime.h"

struct diff_config {
	bool json, help;
};

#define FIELD(name) offsetof(struct diff_config, name)

static const struct opt rows[] = {
	{ "json", 0, OPT_FLAG, FIELD(json), NULL, "print JSON" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

struct difference {
	struct image_stack lowers;
	struct json_object *array;	/* NULL: print lines */
	int upper_fd;
};

static void tell(struct difference *d, char kind, const char *path)
{
	struct json_object *o;
	char text[2] = { kind, '\0' };

	if (!d->array) {
		printf("%c /%s\n", kind, path);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "kind", json_object_new_string(text));
	json_object_object_add(o, "path", json_object_new_string(path));
	json_object_array_add(d->array, o);
}

/* The lower object at a path, or negative errno. */
static int find_below(struct difference *d, const char *path, struct stat *st)
{
	int fd = -1;
	int r = stack_find(&d->lowers, 0, path, &fd, st);

	cleanup_fd_(&fd);
	return r;
}

static bool is_whiteout(struct difference *d, int fd, const struct stat *st)
{
	char value[8];

	return overlay_is_whiteout(st) ||
	       (S_ISREG(st->st_mode) && st->st_size == 0 && d->lowers.prefix &&
		overlay_get(fd, d->lowers.prefix, "whiteout", value, sizeof(value)) >= 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Of one layer's directory @fd: the names that it shows and the upper has not. */
static int list_hidden_in(struct difference *d, int layer, int fd, int dir_fd, const char *path)
{
	struct dirent **entries;
	int count = scandirat(fd, ".", &entries, NULL, by_name);
	int r = count < 0 ? -errno : 0;

	for (int i = 0; i < count; i++) {
		cleanup_free struct dirent *entry = entries[i];
		cleanup_free char *below = NULL;
		struct stat st;

		if (r < 0 || is_dots(entry->d_name) ||
		    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (asprintf(&below, "%s/%s", path, entry->d_name) < 0)
			r = -ENOMEM;
		else if (find_below(d, below, &st) == layer)
			tell(d, 'D', below);
	}
	if (count >= 0)
		free(entries);
	return r;
}

/* What an opaque directory hides was deleted, unless it is there again. */
static int list_hidden(struct difference *d, int dir_fd, const char *path)
{
	int layer = -1, r = 0;

	while (r >= 0) {
		struct stat st;
		int fd = -1;

		layer = stack_find(&d->lowers, (size_t)(layer + 1), path, &fd, &st);
		if (layer < 0 || !S_ISDIR(st.st_mode)) {
			cleanup_fd_(&fd);
			break;
		}
		r = list_hidden_in(d, layer, fd, dir_fd, path);
		cleanup_fd_(&fd);
	}
	return r;
}

static int walk(struct difference *d, int take_dir_fd, const char *path, bool hidden);

static int show(struct difference *d, int dir_fd, const char *name, const char *path,
		bool hidden)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
	struct stat st, lower;
	bool was_there = !hidden && find_below(d, path, &lower) >= 0;
	int sub;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fd == -ENOENT ? 0 : fd < 0 ? fd : -errno;
	if (is_whiteout(d, fd, &st)) {
		if (was_there)
			tell(d, 'D', path);
		return 0;
	}
	tell(d, was_there ? 'C' : 'A', path);
	if (!S_ISDIR(st.st_mode))
		return 0;
	sub = neg_errno(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	if (sub < 0)
		return sub;
	return walk(d, sub, path, hidden || !was_there || !S_ISDIR(lower.st_mode));
}

/* @hidden: nothing of the lower layers shows here. */
static int walk(struct difference *d, int take_dir_fd, const char *path, bool hidden)
{
	cleanup_fd int dir_fd = take_dir_fd;
	struct dirent **entries;
	int count = scandirat(dir_fd, ".", &entries, NULL, by_name);
	bool opaque = !hidden && *path && d->lowers.prefix &&
		      overlay_is_opaque(dir_fd, d->lowers.prefix);
	int r = count < 0 ? -errno : 0;

	for (int i = 0; i < count; i++) {
		cleanup_free struct dirent *entry = entries[i];
		cleanup_free char *below = NULL;

		if (r < 0 || is_dots(entry->d_name))
			continue;
		r = asprintf(&below, "%s%s%s", path, *path ? "/" : "", entry->d_name) < 0
			    ? -ENOMEM : show(d, dir_fd, entry->d_name, below, hidden);
	}
	if (count >= 0)
		free(entries);
	return r >= 0 && opaque ? list_hidden(d, dir_fd, path) : r;
}

static int open_lowers(struct difference *d, const struct opt_list *paths, struct fault *f)
{
	d->lowers.fds = calloc(paths->count + 1, sizeof(*d->lowers.fds));
	if (!d->lowers.fds)
		return fault_set(f, -ENOMEM, "cannot compare");
	for (size_t i = 0; i < paths->count; i++) {
		int fd = neg_errno(open(paths->items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC));

		if (fd < 0)
			return fault_set(f, fd, "cannot open the layer '%s'", paths->items[i]);
		d->lowers.fds[d->lowers.count++] = fd;
	}
	return 0;
}

static int compare(struct difference *d, const struct state *s, struct fault *f)
{
	struct run_config config = { 0 };
	int command, fd, r;

	if (s->driver && (strcmp(s->driver, "btrfs") == 0 || strcmp(s->driver, "vfs") == 0))
		return fault_set(f, 0, "with --rootfs-driver %s the changes of '%s' are not apart from "
				 "the rest\nCompare '%s' with its layers.", s->driver, s->id, s->upper);
	if (!s->upper || !s->words.count)
		return fault_set(f, 0, "what container '%s' changed is not in a layer of nacre's\n"
				 "Ask the engine that made its root.", s->id);
	r = run_config_parse((int)s->words.count, s->words.items, &config, &command, f);
	if (r >= 0)
		r = open_lowers(d, &config.lowers, f);
	run_config_done(&config);
	if (r < 0)
		return r;
	d->upper_fd = neg_errno(open(s->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (d->upper_fd < 0)
		return fault_set(f, d->upper_fd, "cannot open the changes in '%s'", s->upper);
	/* Not tried out: somebody may be at work in there. */
	d->lowers.prefix = rootless_is_root() ? "trusted.overlay." : "user.overlay.";
	fd = neg_errno(openat(d->upper_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	r = fd < 0 ? fd : walk(d, fd, "", false);
	return r < 0 ? fault_set(f, r, "cannot read the changes in '%s'", s->upper) : 0;
}

int verb_diff(const struct globals *g, int argc, char **argv)
{
	struct diff_config config = { 0 };
	struct difference d = { .upper_fd = -1 };
	struct opt_list operands = { 0 };
	struct runtime r = RUNTIME_INIT;
	struct fault f = FAULT_INIT;
	int result = runtime_parse(&table, argc, argv, &config, &operands, 1, 1,
				   "nacre diff [OPTION]... ID", &config.help, &f);

	if (result == 0) {
		d.array = config.json ? json_object_new_array() : NULL;
		result = runtime_open(&r, g, operands.items[0], false, &f);
		if (result >= 0)
			result = compare(&d, r.state, &f);
		if (result >= 0 && d.array)
			puts(json_object_to_json_string_ext(d.array, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	for (size_t i = 0; i < d.lowers.count; i++)
		close(d.lowers.fds[i]);
	free(d.lowers.fds);
	cleanup_fd_(&d.upper_fd);
	json_object_put(d.array);
	runtime_close(&r);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}
