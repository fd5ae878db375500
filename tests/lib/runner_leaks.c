/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/lib/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define MAX_MOUNTS 4096
#define MAX_DEPTH  16	/* file descriptors that nftw() may use */

struct mount_set {
	size_t count;
	unsigned ids[MAX_MOUNTS];
};

struct mount_row {
	unsigned id;
	unsigned minor;		/* of a FUSE mount: its connection's number */
	char target[4096];
	char type[64];
};

/* mountinfo writes blanks in names as \040 and the like. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++, out++) {
		unsigned code;

		*out = *text;
		if (*text == '\\' && sscanf(text + 1, "%3o", &code) == 1) {
			*out = (char)code;
			text += 3;
		}
	}
	*out = '\0';
}

static bool next_mount(FILE *file, struct mount_row *row)
{
	cleanup_free char *line = NULL;
	const char *dash;
	size_t size = 0;

	if (getline(&line, &size, file) < 0)
		return false;
	row->type[0] = '\0';
	if (sscanf(line, "%u %*u %*u:%u %*s %4095s", &row->id, &row->minor,
		   row->target) != 3)
		return false;
	dash = strstr(line, " - ");
	if (dash)
		(void)sscanf(dash + 3, "%63s", row->type);
	unescape(row->target);
	return true;
}

static FILE *open_mountinfo(void)
{
	return fopen("/proc/self/mountinfo", "re");
}

int mount_own_run(void)
{
	cleanup_file FILE *file = open_mountinfo();
	struct mount_row row;

	while (file && next_mount(file, &row))
		if (strncmp(row.target, "/run/", 5) == 0)
			(void)umount2(row.target, MNT_DETACH);	/* it may be gone */
	return neg_errno(mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"));
}

struct mount_set *mount_set_now(void)
{
	cleanup_file FILE *file = open_mountinfo();
	struct mount_set *set = calloc(1, sizeof(*set));
	struct mount_row row;

	while (file && set && set->count < MAX_MOUNTS && next_mount(file, &row))
		set->ids[set->count++] = row.id;
	return set;
}

struct mount_set *mount_set_free(struct mount_set *set)
{
	free(set);
	return NULL;
}

static bool mount_set_has(const struct mount_set *set, unsigned id)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		if (set->ids[i] == id)
			return true;
	return false;
}

/* The latest mount that is not in @before; the last row is the topmost. */
static bool find_new(const struct mount_set *before, struct mount_row *ret_row)
{
	cleanup_file FILE *file = open_mountinfo();
	struct mount_row row;
	bool found = false;

	while (file && next_mount(file, &row)) {
		if (mount_set_has(before, row.id))
			continue;
		*ret_row = row;
		found = true;
	}
	return found;
}

static void abort_connection(unsigned number)
{
	char path[64];
	cleanup_fd int fd = -1;

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", number);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) < 0)
		fprintf(stderr, "runner: cannot abort FUSE connection %u: %m\n",
			number);
}

void leaks_abort_fuse(const struct mount_set *before)
{
	cleanup_file FILE *file = open_mountinfo();
	struct mount_row row;

	while (file && next_mount(file, &row))
		if (!mount_set_has(before, row.id) && !strncmp(row.type, "fuse", 4) &&
		    strcmp(row.type, "fusectl") != 0)
			abort_connection(row.minor);
}

unsigned leaks_mounts(const struct mount_set *before, bool report)
{
	struct mount_row row;
	unsigned n = 0;

	if (!find_new(before, &row))
		return 0;
	leaks_abort_fuse(before);
	for (; n < MAX_MOUNTS && find_new(before, &row); n++) {
		if (report)
			fprintf(stderr, "runner: left mounted: %s (%s)\n",
				row.target, row.type);
		if (umount2(row.target, MNT_DETACH) < 0) {
			fprintf(stderr, "runner: cannot unmount '%s': %m\n",
				row.target);
			return n + 1;
		}
	}
	return n;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[512];
	cleanup_file FILE *file = NULL;
	const char *paren;
	pid_t parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	paren = strrchr(line, ')');	/* the name may hold anything */
	if (!paren || sscanf(paren + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static bool is_descendant(pid_t pid)
{
	pid_t self = getpid();
	int depth;

	for (depth = 0; pid > 1 && depth < 1000; depth++) {
		pid = parent_of(pid);
		if (pid == self)
			return true;
	}
	return false;
}

static void read_line(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	cleanup_fd int fd = -1;
	ssize_t n = 0, i;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, buf, size - 1);
	if (n < 0)
		n = 0;
	for (i = 0; i < n; i++)		/* cmdline separates by NUL */
		if (buf[i] == '\0' || buf[i] == '\n')
			buf[i] = ' ';
	buf[n] = '\0';
}

/* Calls @visit for each live descendant; returns how many there were. */
static unsigned for_descendants(void (*visit)(pid_t pid))
{
	cleanup_dir DIR *dir = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir))) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		if (pid <= 1 || !is_descendant(pid))
			continue;
		visit(pid);
		n++;
	}
	return n;
}

static void show(pid_t pid)
{
	char command[200], wchan[64];

	read_line(pid, "cmdline", command, sizeof(command));
	read_line(pid, "wchan", wchan, sizeof(wchan));
	fprintf(stderr, "runner:   process %d: %s (in %s)\n", (int)pid, command, wchan);
}

static void kill_it(pid_t pid)
{
	kill(pid, SIGKILL);
}

void leaks_show_processes(void)
{
	(void)for_descendants(show);
}

unsigned leaks_processes(bool report)
{
	unsigned n = 0;

	if (report && waitpid(-1, NULL, WNOHANG) == 0)
		fprintf(stderr, "runner: left running:\n");
	if (report)
		n = for_descendants(show);
	/* Grandchildren become our children when their parents die. */
	while (for_descendants(kill_it))
		if (waitpid(-1, NULL, 0) < 0 && errno != EINTR)
			break;
	return n;
}

static struct {
	const char *id;
	bool report;
	unsigned count;
} cgroup_search;	/* nftw() passes no context */

static int visit_cgroup(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	if (type != FTW_DP || !strstr(path + ftw->base, cgroup_search.id))
		return 0;
	cgroup_search.count++;
	if (cgroup_search.report)
		fprintf(stderr, "runner: left a cgroup: %s\n", path);
	if (rmdir(path) < 0)
		fprintf(stderr, "runner: cannot remove cgroup '%s': %m\n", path);
	return 0;
}

unsigned leaks_cgroups(const char *id, bool report)
{
	cgroup_search.id = id;
	cgroup_search.report = report;
	cgroup_search.count = 0;
	(void)nftw("/sys/fs/cgroup", visit_cgroup, MAX_DEPTH, FTW_DEPTH | FTW_PHYS);
	return cgroup_search.count;
}

#define REPORT_MAX 65536	/* of a longer report the beginning says enough */

static void read_report(int dir_fd, const char *name, char *text)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n;

	while (fd >= 0 && length < REPORT_MAX - 1 &&
	       (n = read(fd, text + length, REPORT_MAX - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
}

/*
 * A daemon that has locked itself in cannot be looked into for leaks when it ends.
 * That is what it wants, and the only report that is none.
 */
static bool is_finding(const char *report)
{
	return report[0] && (strstr(report, "ERROR") || strstr(report, "WARNING") ||
			     strstr(report, "runtime error") ||
			     !strstr(report, "LeakSanitizer does not work under ptrace"));
}

unsigned leaks_sanitizer(const char *path)
{
	cleanup_dir DIR *dir = opendir(path);
	static char report[REPORT_MAX];
	struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "san.", 4) != 0)
			continue;
		read_report(dirfd(dir), entry->d_name, report);
		if (!is_finding(report))
			continue;
		fputs(report, stderr);
		n++;
	}
	return n;
}
