/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/tree.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "procfs/load.h"

#define CPU_DIR	 "sys/devices/system/cpu/"
#define NODE_DIR "sys/devices/system/node/"
#define FREQ_DIR CPU_DIR "cpufreq/"

/* @text after @prefix if decimal digits follow it up to a "/" or the end, else NULL. */
static const char *numbered(const char *text, const char *prefix, unsigned *ret_number)
{
	size_t length = strlen(prefix);
	char *end;

	if (strncmp(text, prefix, length) != 0 || !isdigit((unsigned char)text[length]))
		return NULL;
	*ret_number = (unsigned)strtoul(text + length, &end, 10);
	return *end == '/' || *end == '\0' ? end : NULL;
}

/* The physical CPU that is shown as @shown, or -ENOENT. */
static int physical_cpu(const struct view *v, unsigned shown)
{
	unsigned rank = 0;

	if (!v->renumber)
		return cpus_has(&v->visible, shown) ? (int)shown : -ENOENT;
	cpus_for_each(cpu, &v->visible)
		if (rank++ == shown)
			return (int)cpu;
	return -ENOENT;
}

/* "cpu3/..." with a number the host understands; -ENOENT if it is hidden. */
static int map_cpu(const struct view *v, const char *directory, const char *name,
		   char *host_path, size_t size)
{
	unsigned number;
	const char *rest = numbered(name, "cpu", &number);
	int cpu = rest ? physical_cpu(v, number) : 0;

	if (cpu < 0)
		return cpu;
	if (rest)
		snprintf(host_path, size, "%scpu%d%s", directory, cpu, rest);
	return 0;
}

static int map_node(const struct view *v, const char *name, char *host_path, size_t size)
{
	unsigned node;
	const char *rest = numbered(name, "node", &node);
	char directory[64];

	if (!rest)
		return 0;
	if (!cpus_has(&v->nodes, node))
		return -ENOENT;
	if (*rest != '/')
		return 0;
	snprintf(directory, sizeof(directory), NODE_DIR "node%u/", node);
	return map_cpu(v, directory, rest + 1, host_path, size);
}

/* CPUs that change their speed together have one directory, named after one of them
 * that may be hidden: it is shown with any that is not. */
static int check_policy(const struct view *v, struct host *host, unsigned policy)
{
	cleanup_buf struct buf text = BUF_INIT;
	char path[PATH_MAX];
	struct cpus related;
	int r;

	snprintf(path, sizeof(path), FREQ_DIR "policy%u/related_cpus", policy);
	r = host_read(host, path, &text);
	if (r >= 0)
		r = cpus_parse_words(buf_text(&text), &related);
	if (r < 0)
		return r;
	cpus_and(&related, &v->visible);
	return cpus_count(&related) ? 0 : -ENOENT;
}

/* Which parts of a view decide whether @path exists; 0: it always does. */
static unsigned path_needs(const char *path)
{
	unsigned number;

	if (strncmp(path, FREQ_DIR, strlen(FREQ_DIR)) == 0)
		return numbered(path + strlen(FREQ_DIR), "policy", &number) ? VIEW_CPUS : 0;
	if (strncmp(path, CPU_DIR, strlen(CPU_DIR)) == 0)
		return numbered(path + strlen(CPU_DIR), "cpu", &number) ? VIEW_CPUS : 0;
	if (strncmp(path, NODE_DIR, strlen(NODE_DIR)) == 0)
		return numbered(path + strlen(NODE_DIR), "node", &number)
			       ? VIEW_CPUS | VIEW_NODES : 0;
	return 0;
}

/* Where the host has what is shown at @path. */
static int map_path(struct host *host, struct container *c, const char *path,
		    char host_path[PATH_MAX])
{
	unsigned needs = path_needs(path), policy;
	cleanup_view struct view v = { 0 };
	int r;

	snprintf(host_path, PATH_MAX, "%s", path);
	if (!needs)
		return 0;
	r = container_view(c, needs, NULL, &v);
	if (r < 0)
		return r;
	if (needs & VIEW_NODES)
		return map_node(&v, path + strlen(NODE_DIR), host_path, PATH_MAX);
	if (strncmp(path, FREQ_DIR, strlen(FREQ_DIR)) == 0)
		return numbered(path + strlen(FREQ_DIR), "policy", &policy)
			       ? check_policy(&v, host, policy) : 0;
	return map_cpu(&v, CPU_DIR, path + strlen(CPU_DIR), host_path, PATH_MAX);
}

static int stat_host(struct host *host, const char *host_path, struct stat *st)
{
	if (fstatat(host_root_fd(host), host_path, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode)
		       ? 0 : -ENOENT;
}

/* A pressure file shows the container's own directory, or is not there. */
static bool has_source(struct container *c, const struct proc_file *f)
{
	return !(f->needs & VIEW_PRESSURE) || container_has_v2(c);
}

bool tree_depends(const char *path)
{
	const struct proc_file *f = table_find(path);

	return path_needs(path) || (f && f->needs & VIEW_PRESSURE);
}

int tree_stat(struct host *host, struct container *c, const char *path,
	      struct stat *st, bool *ret_changes)
{
	const struct proc_file *f;
	char host_path[PATH_MAX];
	int r;

	*ret_changes = path_needs(path) != 0;
	if (!table_is_mirrored(path) && table_is_dir(path)) {
		*st = (struct stat){ .st_mode = S_IFDIR | 0555, .st_nlink = 2 };
		return 0;
	}

	f = table_find(path);
	if (!f)
		return -ENOENT;
	*ret_changes |= (f->needs & VIEW_PRESSURE) != 0;
	if (!has_source(c, f))
		return -ENOENT;
	r = map_path(host, c, path, host_path);
	if (r >= 0)
		r = stat_host(host, host_path, st);
	if (r < 0)
		return r;

	if (f->mode)
		st->st_mode = S_IFREG | f->mode;
	else if (!S_ISLNK(st->st_mode))
		st->st_mode &= ~0222u;
	return 0;
}

static mode_t entry_mode(const struct dirent *entry)
{
	return DTTOIF(entry->d_type);
}

struct listing {
	struct host *host;
	struct container *c;
	const char *path;
	int (*add)(void *context, const char *name, mode_t mode);
	void *context;
};

/* What an entry of the host's directory is called in the view; false: it is hidden. */
static bool shown_name(const struct listing *l, const struct view *v, const char *name,
		       char shown[NAME_MAX + 1])
{
	unsigned number;

	snprintf(shown, NAME_MAX + 1, "%s", name);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	if (numbered(name, "cpu", &number)) {
		snprintf(shown, NAME_MAX + 1, "cpu%u", view_cpu_id(v, number));
		return cpus_has(&v->visible, number);
	}
	if (numbered(name, "node", &number))
		return cpus_has(&v->nodes, number);
	if (numbered(name, "policy", &number))
		return check_policy(v, l->host, number) == 0;
	return true;
}

/* A directory of the host, without what is hidden. One view serves all names. */
static int list_mirror(const struct listing *l, const char *host_path)
{
	cleanup_view struct view v = { 0 };
	cleanup_fd int fd = -1;
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	int r = container_view(l->c, VIEW_CPUS | VIEW_NODES, NULL, &v);

	if (r < 0)
		return r;
	fd = neg_errno(openat(host_root_fd(l->host), host_path,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)take_fd(&fd);

	while ((entry = readdir(dir))) {
		char shown[NAME_MAX + 1];

		if (!shown_name(l, &v, entry->d_name, shown))
			continue;
		if (l->add(l->context, shown, entry_mode(entry)))
			break;
	}
	return 0;
}

static int list_table(const struct listing *l)
{
	char name[NAME_MAX + 1];
	unsigned i = 0;

	while (table_child(l->path, &i, name, sizeof(name))) {
		char child[PATH_MAX];
		struct stat st;
		bool changes;

		snprintf(child, sizeof(child), "%s%s%s", l->path, *l->path ? "/" : "", name);
		if (tree_stat(l->host, l->c, child, &st, &changes) < 0)
			continue;
		if (l->add(l->context, name, st.st_mode & S_IFMT))
			break;
	}
	return 0;
}

int tree_list(struct host *host, struct container *c, const char *path,
	      int (*add)(void *context, const char *name, mode_t mode), void *context)
{
	const struct listing l = { host, c, path, add, context };
	char host_path[PATH_MAX];
	int r;

	if (!table_is_mirrored(path))
		return table_is_dir(path) ? list_table(&l) : -ENOENT;
	r = map_path(host, c, path, host_path);
	return r < 0 ? r : list_mirror(&l, host_path);
}

ssize_t tree_readlink(struct host *host, struct container *c, const char *path,
		      char *target, size_t size)
{
	char host_path[PATH_MAX];
	int r;

	if (!table_is_mirrored(path))
		return -EINVAL;
	r = map_path(host, c, path, host_path);
	if (r < 0)
		return r;
	return neg_errno64(readlinkat(host_root_fd(host), host_path, target, size));
}

int tree_render(struct host *host, struct container *c, const char *path,
		struct buf *out)
{
	const struct proc_file *f = table_find(path);
	cleanup_view struct view v = { 0 };
	char host_path[PATH_MAX];
	int r;

	if (!f)
		return -ENOENT;
	r = map_path(host, c, path, host_path);
	if (r >= 0)
		r = container_view(c, f->needs, host_path, &v);
	if (r >= 0 && f->needs & VIEW_LOAD)
		r = load_view(c, host, &v);
	return r < 0 ? r : f->render(&v, out);
}
