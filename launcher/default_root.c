/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/default_root.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/opt.h"
#include "launcher/elf.h"
#include "launcher/paths.h"
#include "launcher/resolve.h"
#include "launcher/tree.h"

/* Raised when the layout below changes, so that old ones are not used. */
#define ROOT_VERSION 4

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const directories[] = {
	"bin", "dev", "etc", "proc", "root", "run", "sbin", "sys", "tmp", "usr/bin",
	"usr/sbin", "var",
};

static const struct { const char *path, *text; } files[] = {
	{ "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
			"nobody:x:65534:65534:nobody:/:/bin/false\n" },
	{ "etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n" },
	{ "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" },
};

/*
 * What reads /proc where busybox's own asks sysinfo(2); nproc asks for the
 * cpuset. The shell comes with them, for busybox's runs its own commands first,
 * wherever PATH leads.
 */
static const char *const host_tools[] = {
	"bash", "free", "nproc", "ps", "sh", "top", "uptime", "vmstat",
};

/* Those tools ask here what the terminal can do, even if there is none. */
static const char *const terminfo_dirs[] = { "/lib/terminfo", "/usr/share/terminfo" };
static const char *const terminals[] = {
	"d/dumb", "l/linux", "s/screen", "s/screen-256color", "t/tmux",
	"t/tmux-256color", "v/vt100", "v/vt220", "x/xterm", "x/xterm-256color",
};

static char *find_in_path(const char *name)
{
	const char *path = getenv("PATH");

	for (path = path ? path : "/usr/bin:/bin"; path; path = strchr(path, ':')) {
		char *found;

		path += *path == ':';
		if (asprintf(&found, "%.*s/%s", (int)strcspn(path, ":"), path, name) < 0)
			return NULL;
		if (found[0] == '/' && access(found, X_OK) == 0)
			return found;
		free(found);
	}
	return NULL;
}

static char *find_busybox(struct fault *f)
{
	static const char *const usual[] = { "/bin/busybox", "/usr/lib/busybox/busybox" };
	char *path = find_in_path("busybox");

	if (path && elf_is_static(path) == 1)
		return path;
	free(path);
	for (size_t i = 0; i < COUNT(usual); i++)
		if (elf_is_static(usual[i]) == 1)
			return strdup(usual[i]);
	fault_set(f, 0, "there is no static busybox to make a root from\n"
		  "Install busybox-static, or name a root with --lower.");
	return NULL;
}

static int copy_file(const char *from, int root_fd, const char *to)
{
	cleanup_fd int in = neg_errno(open(from, O_RDONLY | O_CLOEXEC));
	cleanup_free char *name = NULL;
	cleanup_fd int parent = -1, out = -1;
	ssize_t n;

	if (in < 0)
		return in;
	parent = resolve_make_parent(root_fd, to, &name);
	if (parent < 0)
		return parent;
	out = neg_errno(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));
	if (out < 0)
		return out == -EEXIST ? 0 : out;
	do {
		n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0);
	} while (n > 0);
	return neg_errno((int)n);
}

/* A library goes where its loader looks, under the name that was asked for. */
static int copy_tool(const char *path, int root_fd)
{
	struct opt_list closure = { 0 };
	cleanup_free char *target = NULL;
	int r = elf_closure(path, &closure);

	if (r >= 0 && asprintf(&target, "bin%s", strrchr(path, '/')) < 0)
		r = -ENOMEM;
	for (size_t i = 0; r >= 0 && i < closure.count; i++)
		r = copy_file(closure.items[i], root_fd, i ? closure.items[i] : target);
	opt_list_done(&closure);
	return r;
}

static int copy_host_tools(int root_fd)
{
	cleanup_fd int bin = resolve_open(root_fd, "bin", false);

	for (size_t i = 0; i < COUNT(host_tools); i++) {
		cleanup_free char *path = find_in_path(host_tools[i]);
		cleanup_free char *real = path ? realpath(path, NULL) : NULL;
		int r;

		/* Where it is busybox's again there is nothing to gain. */
		if (!real || elf_is_static(real) != 0)
			continue;
		r = copy_tool(path, root_fd);
		/* A tool whose libraries cannot be found is left to busybox. */
		if (r == -ENOENT)
			(void)unlinkat(bin, host_tools[i], 0);
		else if (r < 0)
			return r;
	}
	return 0;
}

/* Terminals that this machine does not describe are left out. */
static int copy_terminals(int root_fd)
{
	for (size_t i = 0; i < COUNT(terminfo_dirs) * COUNT(terminals); i++) {
		cleanup_free char *path = NULL;
		int r;

		if (asprintf(&path, "%s/%s", terminfo_dirs[i / COUNT(terminals)],
			     terminals[i % COUNT(terminals)]) < 0)
			return -ENOMEM;
		r = copy_file(path, root_fd, path);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

/* "busybox --list" names the commands that this one has. */
static int list_commands(const char *busybox, struct buf *list)
{
	int pipe_fds[2], status, r;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		dup2(pipe_fds[1], STDOUT_FILENO);
		execl(busybox, "busybox", "--list", (char *)NULL);
		_exit(127);
	}
	close(pipe_fds[1]);
	r = pid < 0 ? -EAGAIN : buf_read_fd(list, pipe_fds[0]);
	close(pipe_fds[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status && r >= 0)
		r = -ENOEXEC;
	return r;
}

static int link_commands(const char *busybox, int root_fd)
{
	cleanup_fd int bin = resolve_open(root_fd, "bin", false);
	cleanup_buf struct buf list = BUF_INIT;
	char *line, *rest;
	int r = list_commands(busybox, &list);

	if (r < 0 || !list.data)
		return r < 0 ? r : -ENOEXEC;
	for (line = strtok_r(list.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strchr(line, '/') && linkat(bin, "busybox", bin, line, 0) < 0 &&
		    errno != EEXIST)
			return -errno;
	return 0;
}

static int write_files(int root_fd)
{
	for (size_t i = 0; i < COUNT(directories); i++) {
		int fd = resolve_make_dir(root_fd, directories[i], 0755);

		if (fd < 0)
			return fd;
		close(fd);
	}
	if (fchmodat(root_fd, "tmp", 01777, 0) < 0)
		return -errno;
	for (size_t i = 0; i < COUNT(files); i++) {
		cleanup_fd int fd = neg_errno(openat(root_fd, files[i].path,
						     O_WRONLY | O_CREAT | O_CLOEXEC, 0644));

		if (fd < 0)
			return fd;
		if (write(fd, files[i].text, strlen(files[i].text)) < 0)
			return -errno;
	}
	return 0;
}

static int fill_root(const char *busybox, int root_fd)
{
	int r = write_files(root_fd);

	if (r >= 0)
		r = copy_file(busybox, root_fd, "bin/busybox");
	if (r >= 0)
		r = copy_host_tools(root_fd);
	if (r >= 0)
		r = copy_terminals(root_fd);
	/* Last: what is there already is not replaced by busybox's. */
	return r < 0 ? r : link_commands(busybox, root_fd);
}

/* A name that changes with what the root is made from. */
static void add_to_key(const char *path, uint64_t *key)
{
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return;
	*key = *key * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)st.st_mtim.tv_sec;
	*key = *key * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)st.st_mtim.tv_nsec;
	*key = *key * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)st.st_size + st.st_ino;
}

static char *root_name(const char *busybox)
{
	uint64_t key = ROOT_VERSION;
	char *name;

	add_to_key(busybox, &key);
	for (size_t i = 0; i < COUNT(host_tools); i++) {
		cleanup_free char *path = find_in_path(host_tools[i]);

		add_to_key(path, &key);
	}
	return asprintf(&name, "default-root-%016" PRIx64, key) < 0 ? NULL : name;
}

/* Made under another name and renamed: nobody ever sees half a root. */
static int build(const char *cache, const char *name, const char *busybox)
{
	cleanup_fd int cache_fd = neg_errno(open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	cleanup_free char *temp = NULL;
	cleanup_fd int root_fd = -1;
	int r;

	if (cache_fd < 0)
		return cache_fd;
	if (asprintf(&temp, ".%s.%d", name, getpid()) < 0)
		return -ENOMEM;
	if (mkdirat(cache_fd, temp, 0755) < 0)
		return -errno;
	root_fd = neg_errno(openat(cache_fd, temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	r = root_fd < 0 ? root_fd : fill_root(busybox, root_fd);
	if (r >= 0)
		r = neg_errno(renameat2(cache_fd, temp, cache_fd, name, RENAME_NOREPLACE));
	if (r == -EEXIST)	/* another nacre was faster */
		r = 0;
	(void)tree_remove(cache_fd, temp);
	return r;
}

int default_root_get(char **ret_path, struct fault *f)
{
	cleanup_free char *busybox = find_busybox(f);
	cleanup_free char *cache = paths_cache();
	cleanup_free char *name = busybox ? root_name(busybox) : NULL;
	cleanup_free char *path = NULL;
	mode_t mask;
	int r;

	if (!busybox)
		return -ENOENT;
	if (!cache || !name || asprintf(&path, "%s/%s", cache, name) < 0)
		return fault_set(f, -ENOMEM, "cannot name the default root");

	if (access(path, F_OK) < 0) {
		mask = umask(022);
		r = paths_make(cache, 0755);
		if (r >= 0)
			r = build(cache, name, busybox);
		umask(mask);
		if (r < 0)
			return fault_set(f, r, "cannot make the default root in '%s'", cache);
	}
	*ret_path = take_ptr(path);
	return 0;
}
