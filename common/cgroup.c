/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. /proc/self/mountinfo says which v1 controllers are mounted where,
 * which part of a hierarchy a mount shows (a daemon in a container has to
 * translate paths), and which mounts others hide. cgroup.controllers at the root
 * of the v2 tree says what that tree serves besides. A recorded host, in tests,
 * has only these files. v1 is taken before v2: the kernel never lets both serve a
 * controller. What libcgroup finds can be added (cgroup_discover.h).
 */
#include "config.h"
#include "common/cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

struct hierarchy {
	enum cgroup_version version;
	int fd;			/* owned, O_PATH, where it is mounted */
	char *mountpoint;	/* owned */
	char *shown;		/* owned: the part of the hierarchy that the mount shows */
	char *options;		/* owned, v1: controllers are among these words */
};

struct cgroup_layout {
	char *root;		/* owned: "" or the root of a recorded host */
	struct hierarchy *list;
	size_t count;
	int serves[CGROUP_CONTROLLER_COUNT];	/* index in list, or -1 */
	int v2;			/* index in list, or -1 */
};

static const struct {
	const char *v1, *v2;
	bool always;	/* every v2 directory has it, no controller needed */
} controllers[CGROUP_CONTROLLER_COUNT] = {
	[CGROUP_CPU] = { "cpu", "cpu", false },
	[CGROUP_CPUACCT] = { "cpuacct", "cpu", true },
	[CGROUP_CPUSET] = { "cpuset", "cpuset", false },
	[CGROUP_MEMORY] = { "memory", "memory", false },
	[CGROUP_PIDS] = { "pids", "pids", false },
	[CGROUP_IO] = { "blkio", "io", false },
	[CGROUP_DEVICES] = { "devices", "devices", true },
	[CGROUP_FREEZER] = { "freezer", "freezer", true },
	[CGROUP_HUGETLB] = { "hugetlb", "hugetlb", false },
};

const char *cgroup_controller_name(enum cgroup_controller controller,
				   enum cgroup_version version)
{
	return version == CGROUP_V2 ? controllers[controller].v2
				    : controllers[controller].v1;
}

/* True if @word is one of the words of @text that @separator divides. */
static bool has_word(const char *text, const char *word, char separator)
{
	size_t length = strlen(word);

	for (const char *p = text; p; p = strchr(p, separator)) {
		if (*p == separator)
			p++;
		if (strncmp(p, word, length) == 0 &&
		    (p[length] == separator || p[length] == '\0' || p[length] == '\n'))
			return true;
	}
	return false;
}

/* mountinfo writes blanks and backslashes in paths as \ooo. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] &&
		    text[3]) {
			*out++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 |
				 (text[3] - '0');
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* One row of mountinfo, cut into the fields that matter here. */
struct mount_row {
	char *shown, *mountpoint, *type, *options;
};

/* Cuts @line in place; false for a row that is no cgroup filesystem. */
static bool parse_mount_row(char *line, struct mount_row *row)
{
	char *save = NULL;
	char *field[5];
	char *tail = strstr(line, " - ");

	if (!tail)
		return false;
	*tail = '\0';

	row->type = strtok_r(tail + 3, " ", &save);
	if (!row->type ||
	    (strcmp(row->type, "cgroup") != 0 && strcmp(row->type, "cgroup2") != 0))
		return false;
	(void)strtok_r(NULL, " ", &save);	/* the device */
	row->options = strtok_r(NULL, " ", &save);

	for (size_t i = 0; i < 5; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return false;
	}
	row->shown = field[3];
	row->mountpoint = field[4];
	unescape(row->shown);
	unescape(row->mountpoint);
	return row->options;
}

/*
 * Opens the root of a hierarchy where its mount should be. A mount that lies
 * hidden under another one opens as something else: skipped, -ENOENT.
 */
static int open_mountpoint(const struct cgroup_layout *layout,
			   const struct mount_row *row, enum cgroup_version version)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	struct statfs fs;

	if (asprintf(&path, "%s%s", layout->root, row->mountpoint) < 0)
		return -ENOMEM;

	fd = neg_errno(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	if (*layout->root)
		return take_fd(&fd);

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != (version == CGROUP_V2 ? CGROUP2_SUPER_MAGIC
					       : CGROUP_SUPER_MAGIC))
		return -ENOENT;
	return take_fd(&fd);
}

static void hierarchy_done(struct hierarchy *h)
{
	cleanup_fd_(&h->fd);
	free(h->mountpoint);
	free(h->shown);
	free(h->options);
}

/* Adds the hierarchy of one row; one that cannot be opened is left out. */
static int add_hierarchy(struct cgroup_layout *layout, const struct mount_row *row)
{
	struct hierarchy h = { .version = CGROUP_V1 };
	struct hierarchy *list;

	if (strcmp(row->type, "cgroup2") == 0)
		h.version = CGROUP_V2;

	h.fd = open_mountpoint(layout, row, h.version);
	if (h.fd < 0)
		return h.fd == -ENOMEM ? h.fd : 0;

	list = realloc(layout->list, (layout->count + 1) * sizeof(*list));
	if (list)
		layout->list = list;
	h.mountpoint = strdup(row->mountpoint);
	h.shown = strdup(row->shown);
	h.options = strdup(row->options);
	if (!list || !h.mountpoint || !h.shown || !h.options) {
		hierarchy_done(&h);
		return -ENOMEM;
	}

	list[layout->count++] = h;
	return 0;
}

static int read_mounts(struct cgroup_layout *layout)
{
	cleanup_free char *path = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	char *save = NULL;
	int r;

	if (asprintf(&path, "%s/proc/self/mountinfo", layout->root) < 0)
		return -ENOMEM;
	r = buf_read_file(&text, AT_FDCWD, path);
	if (r < 0)
		return r;

	for (char *line = strtok_r(text.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct mount_row row;

		if (!parse_mount_row(line, &row))
			continue;
		r = add_hierarchy(layout, &row);
		if (r < 0)
			return r;
	}
	return layout->count ? 0 : -ENOENT;
}

/* True if @candidate shows more than @now, which may be none (-1). */
static bool shows_more(const struct cgroup_layout *layout, int now, size_t candidate)
{
	return now < 0 || (strcmp(layout->list[now].shown, "/") != 0 &&
			   strcmp(layout->list[candidate].shown, "/") == 0);
}

static void choose_v1(struct cgroup_layout *layout)
{
	for (size_t i = 0; i < layout->count; i++) {
		const struct hierarchy *h = &layout->list[i];

		if (h->version == CGROUP_V2) {
			if (shows_more(layout, layout->v2, i))
				layout->v2 = (int)i;
			continue;
		}
		for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
			if (has_word(h->options, controllers[c].v1, ',') &&
			    shows_more(layout, layout->serves[c], i))
				layout->serves[c] = (int)i;
	}
}

/* What no v1 hierarchy serves, and the v2 tree does. */
static int choose_v2(struct cgroup_layout *layout)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (layout->v2 < 0)
		return 0;

	r = buf_read_file(&text, layout->list[layout->v2].fd, "cgroup.controllers");
	if (r < 0)
		return r;

	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
		if (layout->serves[c] < 0 &&
		    (controllers[c].always ||
		     has_word(buf_text(&text), controllers[c].v2, ' ')))
			layout->serves[c] = layout->v2;
	return 0;
}

int cgroup_layout_open(const char *proc_root, struct cgroup_layout **ret_layout)
{
	struct cgroup_layout *layout = calloc(1, sizeof(*layout));
	int r;

	if (!layout)
		return -ENOMEM;

	layout->v2 = -1;
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
		layout->serves[c] = -1;

	layout->root = strdup(proc_root ? proc_root : "");
	r = layout->root ? read_mounts(layout) : -ENOMEM;
	if (r >= 0) {
		choose_v1(layout);
		r = choose_v2(layout);
	}
	if (r < 0) {
		cgroup_layout_close(layout);
		return r;
	}

	*ret_layout = layout;
	return 0;
}

void cgroup_layout_add(struct cgroup_layout *layout, const char *controller,
		       const char *mountpoint)
{
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		if (layout->serves[c] >= 0 || (strcmp(controller, controllers[c].v1) != 0 &&
					       strcmp(controller, controllers[c].v2) != 0))
			continue;
		for (size_t i = 0; i < layout->count; i++)
			if (strcmp(layout->list[i].mountpoint, mountpoint) == 0)
				layout->serves[c] = (int)i;
	}
}

bool cgroup_layout_is_complete(const struct cgroup_layout *layout)
{
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
		if (layout->serves[c] < 0)
			return false;
	return true;
}

struct cgroup_layout *cgroup_layout_close(struct cgroup_layout *layout)
{
	if (!layout)
		return NULL;

	for (size_t i = 0; i < layout->count; i++)
		hierarchy_done(&layout->list[i]);
	free(layout->list);
	free(layout->root);
	free(layout);
	return NULL;
}

static const struct hierarchy *serving(const struct cgroup_layout *layout,
				       enum cgroup_controller controller)
{
	int i = layout->serves[controller];

	return i < 0 ? NULL : &layout->list[i];
}

enum cgroup_version cgroup_layout_version(const struct cgroup_layout *layout,
					  enum cgroup_controller controller)
{
	const struct hierarchy *h = serving(layout, controller);

	return h ? h->version : CGROUP_ABSENT;
}

int cgroup_layout_root_fd(const struct cgroup_layout *layout,
			  enum cgroup_controller controller)
{
	const struct hierarchy *h = serving(layout, controller);

	return h ? h->fd : -1;
}

int cgroup_layout_v2_fd(const struct cgroup_layout *layout)
{
	return layout->v2 < 0 ? -1 : layout->list[layout->v2].fd;
}

/*
 * From a path as /proc/PID/cgroup has it, relative to our cgroup namespace, to
 * one relative to what the mount shows.
 */
static int translate_path(const char *path, const char *shown, char **ret_path)
{
	size_t length = strcmp(shown, "/") == 0 ? 0 : strlen(shown);
	char *copy;

	if (strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0'))
		return -EXDEV;
	if (strncmp(path, shown, length) != 0 ||
	    (path[length] != '/' && path[length] != '\0'))
		return -EXDEV;

	path += length;
	copy = strdup(*path ? path : "/");
	if (!copy)
		return -ENOMEM;

	*ret_path = copy;
	return 0;
}

/* True if @line, "ID:CONTROLLERS:PATH", speaks of hierarchy @h; @name is one of
 * its controllers. */
static bool line_is_of(const char *line, const struct hierarchy *h, const char *name)
{
	const char *list = strchr(line, ':');
	char names[256];
	size_t length;

	if (!list)
		return false;
	length = strcspn(++list, ":");
	if (h->version == CGROUP_V2)
		return line[0] == '0' && line[1] == ':' && length == 0;
	if (length >= sizeof(names))
		return false;

	memcpy(names, list, length);
	names[length] = '\0';
	return has_word(names, name, ',');
}

static int path_in(const struct cgroup_layout *layout, const struct hierarchy *h,
		   const char *name, pid_t pid, char **ret_path)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *file = NULL;
	char *save = NULL;
	int r;

	if (asprintf(&file, "%s/proc/%d/cgroup", layout->root, (int)pid) < 0)
		return -ENOMEM;
	r = buf_read_file(&text, AT_FDCWD, file);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	if (text.length == 0)
		return -ESRCH;

	for (char *line = strtok_r(text.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (line_is_of(line, h, name))
			return translate_path(strchr(strchr(line, ':') + 1, ':') + 1,
					      h->shown, ret_path);
	return -ENODEV;
}

int cgroup_path_of(const struct cgroup_layout *layout,
		   enum cgroup_controller controller, pid_t pid, char **ret_path)
{
	const struct hierarchy *h = serving(layout, controller);

	if (!h)
		return -ENODEV;
	return path_in(layout, h, controllers[controller].v1, pid, ret_path);
}

int cgroup_v2_path_of(const struct cgroup_layout *layout, pid_t pid, char **ret_path)
{
	if (layout->v2 < 0)
		return -ENODEV;
	return path_in(layout, &layout->list[layout->v2], "", pid, ret_path);
}

/* -EXDEV leaves the path NULL: it cannot be told in our terms. */
static int paths_add(const struct hierarchy *h, const char *line, char **path)
{
	int r = translate_path(strchr(strchr(line, ':') + 1, ':') + 1, h->shown, path);

	return r == -EXDEV ? 0 : r;
}

static int paths_add_line(const struct cgroup_layout *layout, const char *line,
			  struct cgroup_paths *paths)
{
	int r = 0;

	for (int c = 0; r >= 0 && c < CGROUP_CONTROLLER_COUNT; c++) {
		const struct hierarchy *h = serving(layout, c);

		if (h && !paths->of[c] && line_is_of(line, h, controllers[c].v1))
			r = paths_add(h, line, &paths->of[c]);
	}
	if (r >= 0 && layout->v2 >= 0 && !paths->v2 &&
	    line_is_of(line, &layout->list[layout->v2], ""))
		r = paths_add(&layout->list[layout->v2], line, &paths->v2);
	return r;
}

int cgroup_paths_parse(const struct cgroup_layout *layout, char *text,
		       struct cgroup_paths *ret_paths)
{
	char *save = NULL;
	int r = 0;

	memset(ret_paths, 0, sizeof(*ret_paths));
	for (char *line = strtok_r(text, "\n", &save); line && r >= 0;
	     line = strtok_r(NULL, "\n", &save))
		if (strchr(line, ':') && strchr(strchr(line, ':') + 1, ':'))
			r = paths_add_line(layout, line, ret_paths);
	return r;
}

void cgroup_paths_done(struct cgroup_paths *paths)
{
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
		free(paths->of[c]);
	free(paths->v2);
	memset(paths, 0, sizeof(*paths));
}

int cgroup_open_at(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};

	while (*path == '/')
		path++;
	return neg_errno((int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how,
				      sizeof(how)));
}
