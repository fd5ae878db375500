/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/group.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "procfs/text.h"

#define FILES_MAX 48	/* kept open per container; more are opened for each read */
#define LEVELS_MAX 64

struct place {
	int dir_fd;		/* owned unless shared; -1: nowhere */
	bool shared;		/* the descriptor is an earlier place's */
	enum cgroup_version version;
	unsigned depth;
	uint64_t inode;
};

struct file {
	const char *name;	/* compared as a pointer */
	int dir_fd;		/* of its place: one of several for the same directory */
	unsigned level;
	int fd;			/* owned */
};

struct group {
	struct place places[GROUP_PLACES];
	struct file files[FILES_MAX];
	unsigned file_count;
	int highest_fd;
	void (*trace)(void *context, const struct group_reading *reading);
	void *trace_context;
};

static unsigned path_depth(const char *path)
{
	unsigned depth = 0;

	for (; *path; path++)
		if (path[0] == '/' && path[1] && path[1] != '/')
			depth++;
	return depth < LEVELS_MAX ? depth : LEVELS_MAX;
}

static int place_root_fd(const struct cgroup_layout *layout, int i)
{
	return i == GROUP_V2 ? cgroup_layout_v2_fd(layout)
			     : cgroup_layout_root_fd(layout, i);
}

/* An earlier place with the same directory: pure v2 has one for all. */
static const struct place *find_shared(const struct cgroup_layout *layout,
				       const struct group_spec *spec,
				       const struct group *group, int i)
{
	for (int k = 0; k < i; k++)
		if (group->places[k].dir_fd >= 0 && spec->path[k] &&
		    place_root_fd(layout, k) == place_root_fd(layout, i) &&
		    strcmp(spec->path[k], spec->path[i]) == 0)
			return &group->places[k];
	return NULL;
}

static int place_open(const struct cgroup_layout *layout, const struct group_spec *spec,
		      struct group *group, int i)
{
	struct place *place = &group->places[i];
	int root_fd = place_root_fd(layout, i);
	const struct place *same;
	cleanup_fd int fd = -1;
	struct stat st;

	if (!spec->path[i] || root_fd < 0)
		return 0;

	same = find_shared(layout, spec, group, i);
	if (same) {
		*place = *same;
		place->shared = true;
		return 0;
	}

	fd = cgroup_open_at(root_fd, spec->path[i]);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (spec->inode[i] && spec->inode[i] != st.st_ino)
		return 0;	/* another one took the path */

	if (fd > group->highest_fd)
		group->highest_fd = fd;
	place->inode = st.st_ino;
	place->depth = path_depth(spec->path[i]);
	place->version = i == GROUP_V2 ? CGROUP_V2 : cgroup_layout_version(layout, i);
	place->dir_fd = take_fd(&fd);
	return 1;
}

int group_open(const struct cgroup_layout *layout, const struct group_spec *spec,
	       struct group **ret_group)
{
	struct group *group = calloc(1, sizeof(*group));
	int found = 0;
	int r = 0;

	if (!group)
		return -ENOMEM;

	for (int i = 0; i < GROUP_PLACES; i++)
		group->places[i].dir_fd = -1;
	for (int i = 0; r >= 0 && i < GROUP_PLACES; i++) {
		r = place_open(layout, spec, group, i);
		if (r > 0)
			found++;
	}
	if (r >= 0 && !found)
		r = -ENOENT;
	if (r < 0) {
		group_close(group);
		return r;
	}

	*ret_group = group;
	return 0;
}

void group_trim(struct group *group)
{
	while (group->file_count)
		close(group->files[--group->file_count].fd);
}

struct group *group_close(struct group *group)
{
	if (!group)
		return NULL;

	group_trim(group);
	for (int i = 0; i < GROUP_PLACES; i++)
		if (!group->places[i].shared)
			cleanup_fd_(&group->places[i].dir_fd);
	free(group);
	return NULL;
}

bool group_has(const struct group *group, int place)
{
	return group->places[place].dir_fd >= 0;
}

enum cgroup_version group_version(const struct group *group, int place)
{
	return group_has(group, place) ? group->places[place].version : CGROUP_ABSENT;
}

unsigned group_depth(const struct group *group, int place)
{
	return group->places[place].depth;
}

uint64_t group_inode(const struct group *group, int place)
{
	return group->places[place].inode;
}

int group_dir(const struct group *group, int place)
{
	return group->places[place].dir_fd;
}

static struct file *find_file(struct group *group, int dir_fd, unsigned level,
			      const char *name)
{
	for (unsigned i = 0; i < group->file_count; i++) {
		struct file *f = &group->files[i];

		if (f->name == name && f->dir_fd == dir_fd && f->level == level)
			return f;
	}
	return NULL;
}

/* "../../NAME" from the container's own directory: a level above can be
 * neither removed nor replaced while this one is there. */
static int open_file(int dir_fd, unsigned level, const char *name)
{
	char path[LEVELS_MAX * 3 + 128];
	size_t n = 0;

	for (unsigned i = 0; i < level && i < LEVELS_MAX; i++, n += 3)
		memcpy(path + n, "../", 3);
	snprintf(path + n, sizeof(path) - n, "%s", name);
	return neg_errno(openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
}

static int read_file(struct group *group, int place, unsigned level, const char *name,
		     struct buf *out)
{
	int dir_fd = group->places[place].dir_fd;
	struct file *f = find_file(group, dir_fd, level, name);
	cleanup_fd int fd = -1;

	if (dir_fd < 0)
		return -ENOENT;
	if (f)
		return text_pread(f->fd, out);

	fd = open_file(dir_fd, level, name);
	if (fd < 0)
		return fd;
	if (fd > group->highest_fd)
		group->highest_fd = fd;
	if (group->file_count < FILES_MAX) {
		group->files[group->file_count++] = (struct file){
			.name = name, .dir_fd = dir_fd, .level = level, .fd = fd,
		};
		return text_pread(take_fd(&fd), out);
	}
	return text_pread(fd, out);
}

int group_read(struct group *group, int place, unsigned level, const char *name,
	       struct buf *out)
{
	size_t before = out->length;
	int r = read_file(group, place, level, name, out);

	if (group->trace)
		group->trace(group->trace_context, &(struct group_reading){
			place, level, name, r, buf_text(out) + before });
	return r;
}

void group_trace(struct group *group,
		 void (*trace)(void *context, const struct group_reading *reading),
		 void *context)
{
	group->trace = trace;
	group->trace_context = context;
}

int group_read_limit(struct group *group, int place, unsigned level, const char *name,
		     uint64_t *ret_value)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = group_read(group, place, level, name, &text);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret_value = text_limit(buf_text(&text));
	return 0;
}

int group_highest_fd(const struct group *group)
{
	return group->highest_fd;
}

/* A hierarchy's root is never removed, so it says nothing about the container. */
bool group_is_gone(struct group *group)
{
	bool gone = false;

	for (int i = 0; i < GROUP_PLACES; i++) {
		const struct place *place = &group->places[i];

		if (place->dir_fd < 0 || place->shared || place->depth == 0)
			continue;
		if (faccessat(place->dir_fd, "cgroup.procs", F_OK, 0) == 0)
			return false;
		gone = true;
	}
	return gone;
}
