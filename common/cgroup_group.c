/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/cgroup_group.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cgroup_tree.h"
#include "common/cleanup.h"
#include "common/errors.h"

/* The path in one hierarchy. Co-mounted controllers share one. */
struct place {
	int root_fd;		/* lent by the layout */
	dev_t root_dev;		/* what it is: co-mounted controllers share one */
	ino_t root_ino;
	int dir_fd;		/* owned */
	int join_fd;		/* owned; -1 until prepared */
	bool v2;
	unsigned controllers;	/* bit (1 << controller) */
	unsigned levels_made;	/* how many components, counted from the end */
};

struct cgroup_group {
	char *path;
	struct place places[CGROUP_CONTROLLER_COUNT + 1];
	size_t place_count;
};

static void add_place(struct cgroup_group *g, int root_fd, bool v2, unsigned controllers)
{
	struct stat st = { 0 };

	(void)fstat(root_fd, &st);	/* a descriptor of ours: it does not fail */
	for (size_t i = 0; i < g->place_count; i++) {
		if (g->places[i].root_dev == st.st_dev && g->places[i].root_ino == st.st_ino) {
			g->places[i].controllers |= controllers;
			return;
		}
	}

	g->places[g->place_count++] = (struct place){
		.root_fd = root_fd,
		.root_dev = st.st_dev,
		.root_ino = st.st_ino,
		.dir_fd = -1,
		.join_fd = -1,
		.v2 = v2,
		.controllers = controllers,
	};
}

static int group_new(const struct cgroup_layout *layout, const char *path,
		     struct cgroup_group **ret_group)
{
	struct cgroup_group *g;
	int v2_fd = cgroup_layout_v2_fd(layout);

	if (!cgroup_tree_path_is_valid(path))
		return -EINVAL;

	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->path = strdup(path);
	if (!g->path) {
		free(g);
		return -ENOMEM;
	}

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		int fd = cgroup_layout_root_fd(layout, i);

		if (fd >= 0)
			add_place(g, fd, cgroup_layout_version(layout, i) == CGROUP_V2,
				  1u << i);
	}
	if (v2_fd >= 0)
		add_place(g, v2_fd, true, 0);

	*ret_group = g;
	return 0;
}

struct cgroup_group *cgroup_group_close(struct cgroup_group *g)
{
	if (!g)
		return NULL;

	for (size_t i = 0; i < g->place_count; i++) {
		cleanup_fd_(&g->places[i].dir_fd);
		cleanup_fd_(&g->places[i].join_fd);
	}
	free(g->path);
	free(g);
	return NULL;
}

static void drop_place(struct cgroup_group *g, size_t i)
{
	cleanup_fd_(&g->places[i].dir_fd);
	cleanup_fd_(&g->places[i].join_fd);
	g->places[i] = g->places[--g->place_count];
}

static bool is_denied(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

static int create_place(const struct cgroup_group *g, struct place *p, unsigned wanted)
{
	struct cgroup_tree_rules rules = {
		.v2_enable = p->v2 ? p->controllers & wanted : 0,
		.copy_cpuset = !p->v2 && (p->controllers & (1u << CGROUP_CPUSET)),
	};

	return cgroup_tree_make(p->root_fd, g->path, &rules, &p->dir_fd,
				&p->levels_made);
}

int cgroup_group_create(const struct cgroup_layout *layout, const char *path,
			unsigned wanted, struct cgroup_group **ret_group)
{
	struct cgroup_group *g;
	unsigned served = 0;
	int r = group_new(layout, path, &g);

	if (r < 0)
		return r;

	for (size_t i = 0; i < g->place_count;) {
		struct place *p = &g->places[i];

		r = create_place(g, p, wanted);
		if (is_denied(r) && !(p->controllers & wanted)) {
			drop_place(g, i);
			continue;
		}
		if (r < 0)
			goto fail;
		served |= p->controllers;
		i++;
	}

	r = -ENODEV;
	if ((served & wanted) != wanted)
		goto fail;

	*ret_group = g;
	return 0;
fail:
	(void)cgroup_group_remove(g, 0);	/* report r, not this */
	cgroup_group_close(g);
	return r;
}

int cgroup_group_open(const struct cgroup_layout *layout, const char *path,
		      struct cgroup_group **ret_group)
{
	struct cgroup_group *g;
	int r = group_new(layout, path, &g);

	if (r < 0)
		return r;

	for (size_t i = 0; i < g->place_count;) {
		struct place *p = &g->places[i];

		p->dir_fd = cgroup_tree_open(p->root_fd, path);
		if (p->dir_fd < 0) {
			drop_place(g, i);
			continue;
		}
		p->levels_made = 1;
		i++;
	}

	if (!g->place_count) {
		cgroup_group_close(g);
		return -ENOENT;
	}
	*ret_group = g;
	return 0;
}

const char *cgroup_group_path(const struct cgroup_group *g)
{
	return g->path;
}

unsigned cgroup_group_levels(const struct cgroup_group *g)
{
	unsigned levels = 0;

	for (size_t i = 0; i < g->place_count; i++)
		if (g->places[i].levels_made > levels)
			levels = g->places[i].levels_made;
	return levels;
}

int cgroup_group_fd(const struct cgroup_group *g, enum cgroup_controller controller)
{
	for (size_t i = 0; i < g->place_count; i++)
		if (g->places[i].controllers & (1u << controller))
			return g->places[i].dir_fd;
	return -1;
}

int cgroup_group_v2_fd(const struct cgroup_group *g)
{
	for (size_t i = 0; i < g->place_count; i++)
		if (g->places[i].v2)
			return g->places[i].dir_fd;
	return -1;
}

int cgroup_group_write(const struct cgroup_group *g, enum cgroup_controller controller,
		       const char *file, const char *value)
{
	int dir_fd = cgroup_group_fd(g, controller);

	return dir_fd < 0 ? -ENODEV : cgroup_tree_write(dir_fd, file, value);
}

int cgroup_group_read(const struct cgroup_group *g, enum cgroup_controller controller,
		      const char *file, struct buf *text)
{
	int dir_fd = cgroup_group_fd(g, controller);

	return dir_fd < 0 ? -ENODEV : buf_read_file(text, dir_fd, file);
}

int cgroup_group_read_key(const struct cgroup_group *g,
			  enum cgroup_controller controller, const char *file,
			  const char *key, uint64_t *ret_value)
{
	cleanup_buf struct buf text = BUF_INIT;
	size_t length = strlen(key);
	const char *line;
	int r = cgroup_group_read(g, controller, file, &text);

	if (r < 0)
		return r;

	for (line = buf_text(&text); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ') {
			*ret_value = strtoull(line + length + 1, NULL, 10);
			return 0;
		}
	}
	return -ENODATA;
}

int cgroup_group_prepare_join(struct cgroup_group *g)
{
	for (size_t i = 0; i < g->place_count; i++) {
		struct place *p = &g->places[i];

		if (p->join_fd >= 0)
			continue;
		p->join_fd = neg_errno(openat(p->dir_fd, p->v2 ? "cgroup.procs" : "tasks",
					      O_WRONLY | O_CLOEXEC));
		if (p->join_fd < 0)
			return p->join_fd;
	}
	return 0;
}

int cgroup_group_join_self(const struct cgroup_group *g, bool skip_v2)
{
	for (size_t i = 0; i < g->place_count; i++) {
		const struct place *p = &g->places[i];

		if (p->v2 && skip_v2)
			continue;
		if (write(p->join_fd, "0", 1) < 0)
			return -errno;
	}
	return 0;
}

int cgroup_group_join(const struct cgroup_group *g, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < g->place_count; i++) {
		int r = cgroup_tree_write(g->places[i].dir_fd, "cgroup.procs", text);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Any hierarchy lists the same processes; the v2 tree needs no controller. */
static const struct place *listing_place(const struct cgroup_group *g)
{
	const struct place *found = g->place_count ? &g->places[0] : NULL;

	for (size_t i = 0; i < g->place_count; i++)
		if (g->places[i].v2)
			found = &g->places[i];
	return found;
}

int cgroup_group_pids(const struct cgroup_group *g, pid_t **ret_pids)
{
	const struct place *p = listing_place(g);

	*ret_pids = NULL;
	return p ? cgroup_tree_pids(p->dir_fd, ret_pids) : 0;
}

int cgroup_group_freeze(const struct cgroup_group *g, bool freeze)
{
	int v1_fd = cgroup_group_fd(g, CGROUP_FREEZER);
	int v2_fd = cgroup_group_v2_fd(g);

	if (v1_fd >= 0 && v1_fd != v2_fd)
		return cgroup_tree_freeze_v1(v1_fd, freeze);
	return v2_fd >= 0 ? cgroup_tree_freeze_v2(v2_fd, freeze) : -ENODEV;
}

int cgroup_group_is_frozen(const struct cgroup_group *g)
{
	int v1_fd = cgroup_group_fd(g, CGROUP_FREEZER);
	int v2_fd = cgroup_group_v2_fd(g);
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (v1_fd >= 0 && v1_fd != v2_fd) {
		r = buf_read_file(&text, v1_fd, "freezer.state");
		return r < 0 ? r : strncmp(buf_text(&text), "THAWED", 6) != 0;
	}
	r = v2_fd >= 0 ? buf_read_file(&text, v2_fd, "cgroup.freeze") : -ENODEV;
	return r < 0 ? r : buf_text(&text)[0] == '1';
}

static int signal_each(const struct cgroup_group *g, int signal)
{
	cleanup_free pid_t *pids = NULL;
	int count = cgroup_group_pids(g, &pids);

	for (int i = 0; i < count; i++)
		(void)kill(pids[i], signal);	/* ESRCH: it went by itself */
	return count;
}

int cgroup_group_signal(const struct cgroup_group *g, int signal)
{
	int v2_fd = cgroup_group_v2_fd(g);
	int frozen = cgroup_group_is_frozen(g);
	int count;

	if (signal == SIGKILL && v2_fd >= 0 &&
	    cgroup_tree_write(v2_fd, "cgroup.kill", "1") == 0) {
		/* A process that a v1 freezer holds dies only once thawed. */
		if (frozen > 0)
			(void)cgroup_group_freeze(g, false);
		return 1;
	}

	if (frozen == 0 && cgroup_group_freeze(g, true) < 0)
		frozen = -ENODEV;	/* without a freezer: do what can be done */
	count = signal_each(g, signal);
	if (frozen == 0 || (frozen > 0 && signal == SIGKILL))
		(void)cgroup_group_freeze(g, false);
	return count;
}

int cgroup_group_remove(struct cgroup_group *g, unsigned levels)
{
	int result = 0;

	(void)cgroup_group_signal(g, SIGKILL);	/* what counts is rmdir */

	for (size_t i = 0; i < g->place_count; i++) {
		struct place *p = &g->places[i];
		int r;

		if (p->levels_made < levels)
			p->levels_made = levels;
		if (!p->levels_made)
			continue;
		r = cgroup_tree_remove(p->root_fd, g->path, p->levels_made);
		if (r < 0 && !result)
			result = r;
		p->levels_made = 0;
	}
	return result;
}
