/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/memory_limit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cgroup.h"
#include "common/cleanup.h"

/* v1 says no limit as the largest number of pages. */
#define LARGEST (UINT64_C(1) << 60)

/* "max", and what is no number, is no limit. */
static uint64_t parse(const char *text)
{
	char *end;
	uint64_t bytes = strtoull(text, &end, 10);

	return end == text || bytes > LARGEST ? MEMORY_LIMIT_NONE : bytes;
}

/* After @key; NULL: at the beginning. */
static uint64_t read_limit(int root_fd, const char *path, const char *file,
			   const char *key)
{
	cleanup_fd int dir_fd = cgroup_open_at(root_fd, path);
	cleanup_buf struct buf text = BUF_INIT;
	const char *at;

	if (dir_fd < 0 || buf_read_file(&text, dir_fd, file) < 0)
		return MEMORY_LIMIT_NONE;
	at = buf_text(&text);
	if (key)
		at = strstr(at, key);
	return at ? parse(at + (key ? strlen(key) : 0)) : MEMORY_LIMIT_NONE;
}

/* Cuts @path up. Each level has its own, and the lowest counts. */
static uint64_t lowest(int root_fd, char *path)
{
	uint64_t least = MEMORY_LIMIT_NONE;

	while (path[0] && path[1]) {
		uint64_t limit = read_limit(root_fd, path, "memory.max", NULL);

		if (limit < least)
			least = limit;
		*strrchr(path, '/') = '\0';
	}
	return least;
}

static uint64_t limit_in(const struct cgroup_layout *layout)
{
	int root_fd = cgroup_layout_root_fd(layout, CGROUP_MEMORY);
	cleanup_free char *path = NULL;

	if (root_fd < 0 || cgroup_path_of(layout, CGROUP_MEMORY, getpid(), &path) < 0)
		return MEMORY_LIMIT_NONE;
	if (cgroup_layout_version(layout, CGROUP_MEMORY) == CGROUP_V2)
		return lowest(root_fd, path);
	/* There it is said of all levels. */
	return read_limit(root_fd, path, "memory.stat", "hierarchical_memory_limit ");
}

uint64_t memory_limit(void)
{
	struct cgroup_layout *layout;
	uint64_t limit;

	if (cgroup_layout_open(NULL, &layout) < 0)
		return MEMORY_LIMIT_NONE;
	limit = limit_in(layout);
	cgroup_layout_close(layout);
	return limit;
}
