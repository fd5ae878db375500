/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/cgroup_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/errors.h"

#define WAIT_MS 10000

bool cgroup_tree_path_is_valid(const char *path)
{
	bool some = false;

	if (path[0] != '/')
		return false;
	while (*path) {
		size_t length;

		path += strspn(path, "/");
		length = strcspn(path, "/");
		if (!length)
			break;
		if (length > 255 || (path[0] == '.' && length <= 2 &&
				     path[length - 1] == '.'))
			return false;
		some = true;
		path += length;
	}
	return some;
}

int cgroup_tree_write(int dir_fd, const char *file, const char *value)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, file, O_WRONLY | O_CLOEXEC));
	size_t length = strlen(value);

	if (fd < 0)
		return fd;
	/* One write: a control file takes the whole value or nothing. */
	return write(fd, value, length) < 0 ? -errno : 0;
}

int cgroup_tree_open(int root_fd, const char *path)
{
	path += strspn(path, "/");
	return neg_errno(openat(root_fd, *path ? path : ".",
				O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

static int copy_file_of_parent(int parent_fd, int dir_fd, const char *file)
{
	cleanup_buf struct buf own = BUF_INIT, inherited = BUF_INIT;
	int r = buf_read_file(&own, dir_fd, file);

	if (r < 0 || (own.length && own.data[0] != '\n'))
		return r;
	r = buf_read_file(&inherited, parent_fd, file);
	return r < 0 ? r : cgroup_tree_write(dir_fd, file, buf_text(&inherited));
}

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += length)
		if ((at == text || isspace((unsigned char)at[-1])) &&
		    (!at[length] || isspace((unsigned char)at[length])))
			return true;
	return false;
}

/*
 * Enables one by one: a single refusal would take the others with it. What is
 * enabled already is not asked for: above a delegated group nobody may write.
 */
static int enable_controllers(int parent_fd, unsigned controllers)
{
	cleanup_buf struct buf enabled = BUF_INIT;

	(void)buf_read_file(&enabled, parent_fd, "cgroup.subtree_control");
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		char text[32] = "+";
		int r;

		/* These are parts of every v2 group, not controllers. */
		if (!(controllers & (1u << i)) || i == CGROUP_CPUACCT ||
		    i == CGROUP_DEVICES || i == CGROUP_FREEZER)
			continue;
		strncat(text, cgroup_controller_name(i, CGROUP_V2), sizeof(text) - 2);
		if (has_word(buf_text(&enabled), text + 1))
			continue;
		r = cgroup_tree_write(parent_fd, "cgroup.subtree_control", text);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Makes one level below @parent_fd; 1 if it was not there before. */
static int make_level(int parent_fd, const char *name,
		      const struct cgroup_tree_rules *rules, int *ret_fd)
{
	cleanup_fd int fd = -1;
	int made, r = 0;

	made = neg_errno(mkdirat(parent_fd, name, 0755));
	if (made < 0 && made != -EEXIST) {
		struct stat st;

		/* A parent may be there without the right to make it. */
		if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return made;
	}

	if (rules->v2_enable)
		r = enable_controllers(parent_fd, rules->v2_enable);
	if (r >= 0)
		r = fd = cgroup_tree_open(parent_fd, name);
	if (r >= 0 && rules->copy_cpuset) {
		r = copy_file_of_parent(parent_fd, fd, "cpuset.cpus");
		if (r >= 0)
			r = copy_file_of_parent(parent_fd, fd, "cpuset.mems");
	}
	if (r < 0) {
		if (made == 0)
			(void)unlinkat(parent_fd, name, AT_REMOVEDIR);
		return r;
	}

	*ret_fd = take_fd(&fd);
	return made == 0;
}

static int make_path(int root_fd, const char *path,
		     const struct cgroup_tree_rules *rules, int *ret_dir_fd,
		     unsigned *ret_made)
{
	cleanup_fd int dir_fd = cgroup_tree_open(root_fd, "/");
	char name[256];
	int next = -1;

	*ret_made = 0;
	if (dir_fd < 0)
		return dir_fd;

	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t length = strcspn(path, "/");
		int r;

		memcpy(name, path, length);
		name[length] = '\0';
		path += length;

		r = make_level(dir_fd, name, rules, &next);
		if (r < 0)
			return r;
		/* Levels made are the last ones: below a new one all is new. */
		*ret_made += r;
		close(dir_fd);
		dir_fd = next;
	}

	*ret_dir_fd = take_fd(&dir_fd);
	return 0;
}

int cgroup_tree_make(int root_fd, const char *path,
		     const struct cgroup_tree_rules *rules, int *ret_dir_fd,
		     unsigned *ret_made)
{
	int r = -ENOENT;

	/* Another container that ends may take away the parent just found: then there
	 * is nothing in it, or what is in it says "no such device". */
	for (int attempt = 0; attempt < 16 && (r == -ENOENT || r == -ENODEV); attempt++)
		r = make_path(root_fd, path, rules, ret_dir_fd, ret_made);
	return r;
}

static int add_pids(const char *text, pid_t **pids, int count)
{
	while (isdigit((unsigned char)*text)) {
		char *end;
		pid_t pid = (pid_t)strtol(text, &end, 10);

		if ((count & (count - 1)) == 0) {
			pid_t *more = reallocarray(*pids, count ? 2 * (size_t)count : 1,
						   sizeof(**pids));

			if (!more)
				return -ENOMEM;
			*pids = more;
		}
		(*pids)[count++] = pid;
		text = end + (*end == '\n');
	}
	return count;
}

static int collect_pids(int dir_fd, pid_t **pids, int count)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int again;
	int r = buf_read_file(&text, dir_fd, "cgroup.procs");

	if (r == -ENODEV || r == -ENOENT)
		return count;	/* removed meanwhile */
	if (r < 0)
		return r;
	count = add_pids(buf_text(&text), pids, count);

	again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = again < 0 ? NULL : fdopendir(again);
	while (count >= 0 && dir && (entry = readdir(dir))) {
		cleanup_fd int child = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child = cgroup_tree_open(dir_fd, entry->d_name);
		if (child >= 0)
			count = collect_pids(child, pids, count);
	}
	return count;
}

int cgroup_tree_pids(int dir_fd, pid_t **ret_pids)
{
	cleanup_free pid_t *pids = NULL;
	int count = collect_pids(dir_fd, &pids, 0);

	*ret_pids = count > 0 ? take_ptr(pids) : NULL;
	return count;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int cgroup_tree_freeze_v1(int dir_fd, bool freeze)
{
	const char *wanted = freeze ? "FROZEN" : "THAWED";
	int64_t end = now_ms() + WAIT_MS;
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	/* v1 has no event for this, and wants the write repeated while FREEZING. */
	do {
		r = cgroup_tree_write(dir_fd, "freezer.state", wanted);
		if (r < 0)
			return r;
		buf_reset(&text);
		r = buf_read_file(&text, dir_fd, "freezer.state");
		if (r < 0)
			return r;
		if (strncmp(buf_text(&text), wanted, 6) == 0)
			return 0;
		(void)poll(NULL, 0, 1);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

/*
 * Waits until cgroup.events holds @line. The file notifies by POLLPRI, once per
 * change after a read, so it must be read before the first wait.
 */
static int wait_for_event(int dir_fd, const char *line)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC));
	int64_t end = now_ms() + WAIT_MS;

	if (fd < 0)
		return fd;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		cleanup_buf struct buf text = BUF_INIT;
		int64_t left = end - now_ms();
		int r;

		if (lseek(fd, 0, SEEK_SET) < 0)
			return -errno;
		r = buf_read_fd(&text, fd);
		if (r < 0)
			return r;
		if (strstr(buf_text(&text), line))
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

int cgroup_tree_freeze_v2(int dir_fd, bool freeze)
{
	int r = cgroup_tree_write(dir_fd, "cgroup.freeze", freeze ? "1" : "0");

	return r < 0 ? r : wait_for_event(dir_fd, freeze ? "frozen 1" : "frozen 0");
}

static int remove_below(int dir_fd)
{
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int again = neg_errno(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	if (again < 0)
		return again;
	dir = fdopendir(again);
	if (!dir) {
		close(again);
		return -ENOMEM;
	}

	while ((entry = readdir(dir))) {
		cleanup_fd int child = -1;
		int r;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child = cgroup_tree_open(dir_fd, entry->d_name);
		if (child < 0)
			continue;
		r = remove_below(child);
		if (r >= 0)
			r = neg_errno(unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR));
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

/* EBUSY for a moment is usual: a killed process leaves when it is reaped. */
static int remove_group(int root_fd, const char *path)
{
	int64_t end = now_ms() + WAIT_MS;
	int pause_ms = 1;
	int r;

	for (;;) {
		r = neg_errno(unlinkat(root_fd, path, AT_REMOVEDIR));
		if (r == -EBUSY || r == -ENOTEMPTY) {
			cleanup_fd int dir_fd = cgroup_tree_open(root_fd, path);

			if (dir_fd >= 0)
				(void)remove_below(dir_fd);
		}
		if (r != -EBUSY || now_ms() >= end)
			return r == -ENOENT ? 0 : r;
		(void)poll(NULL, 0, pause_ms);
		if (pause_ms < 50)
			pause_ms *= 2;
	}
}

int cgroup_tree_remove(int root_fd, const char *path, unsigned levels)
{
	cleanup_free char *copy = strdup(path + strspn(path, "/"));
	int r;

	if (!copy)
		return -ENOMEM;
	r = remove_group(root_fd, copy);

	while (r == 0 && --levels) {
		char *slash = strrchr(copy, '/');

		if (!slash)
			break;
		*slash = '\0';
		if (unlinkat(root_fd, copy, AT_REMOVEDIR) < 0)
			break;	/* another container is below it */
	}
	return r;
}
