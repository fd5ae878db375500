/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "procfs/clock.h"
#include "procfs/text.h"

#define OLDEST_LOOKED_AT 256	/* processes; the oldest are listed first mostly */

static void process_path(char path[64], pid_t pid, const char *name)
{
	snprintf(path, 64, "proc/%d/%s", (int)pid, name);
}

int process_read(const struct host *host, pid_t pid, const char *name, struct buf *out)
{
	cleanup_fd int fd = -1;
	char path[64];

	process_path(path, pid, name);
	fd = neg_errno(openat(host_root_fd(host), path, O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	return text_pread(fd, out);	/* these are written in one piece */
}

const char *process_stat_field(const char *text, unsigned field)
{
	const char *p = strrchr(text, ')');

	for (unsigned i = 2; p && i < field; i++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p;
}

int process_start_ns(const struct host *host, pid_t pid, uint64_t *ret_ns)
{
	cleanup_buf struct buf text = BUF_INIT;
	const char *field;
	int r = process_read(host, pid, "stat", &text);

	if (r < 0)
		return r;
	field = process_stat_field(buf_text(&text), 22);
	if (!field)
		return -EINVAL;
	*ret_ns = strtoull(field, NULL, 10) * NS_PER_TICK;
	return 0;
}

int process_oldest(const struct host *host, int cgroup_dir_fd, pid_t *ret_pid,
		   uint64_t *ret_start_ns)
{
	cleanup_buf struct buf text = BUF_INIT;
	uint64_t oldest = UINT64_MAX;
	char *save = NULL;
	int looked_at = 0;
	int r = buf_read_file(&text, cgroup_dir_fd, "cgroup.procs");

	if (r < 0)
		return r;
	if (!text.length)
		return -ESRCH;

	for (char *line = strtok_r(text.data, "\n", &save);
	     line && looked_at < OLDEST_LOOKED_AT;
	     line = strtok_r(NULL, "\n", &save), looked_at++) {
		pid_t pid = atoi(line);
		uint64_t start;

		if (process_start_ns(host, pid, &start) == 0 && start < oldest) {
			oldest = start;
			*ret_pid = pid;
		}
	}
	if (oldest == UINT64_MAX)
		return -ESRCH;
	*ret_start_ns = oldest;
	return 0;
}

int process_namespace(const struct host *host, pid_t pid, const char *name,
		      uint64_t *ret_inode)
{
	char path[64], ns[32];
	struct stat st;

	snprintf(ns, sizeof(ns), "ns/%s", name);
	process_path(path, pid, ns);
	if (fstatat(host_root_fd(host), path, &st, 0) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	*ret_inode = st.st_ino;
	return 0;
}

int process_clock_offset_ns(const struct host *host, pid_t pid, int64_t *ret_ns)
{
	cleanup_buf struct buf text = BUF_INIT;
	uint64_t ours, theirs;
	const char *line;
	long long seconds, ns;

	*ret_ns = 0;
	if (process_namespace(host, getpid(), "time", &ours) < 0 ||
	    process_namespace(host, pid, "time", &theirs) < 0 || ours == theirs)
		return 0;
	if (process_read(host, pid, "timens_offsets", &text) < 0)
		return 0;
	line = strstr(buf_text(&text), "boottime");
	if (!line || sscanf(line, "boottime %lld %lld", &seconds, &ns) != 2)
		return -EINVAL;
	*ret_ns = seconds * (int64_t)NS_PER_S + ns;
	return 0;
}

/* The last of NSpid. */
uint64_t process_own_number(const struct host *host, pid_t tid)
{
	cleanup_buf struct buf text = BUF_INIT;
	const char *line;
	char *end;

	if (tid <= 0 || process_read(host, tid, "status", &text) < 0)
		return 0;
	line = strstr(buf_text(&text), "\nNSpid:");
	if (!line)
		return 0;
	line += 7;
	for (uint64_t number = 0;; line = end) {
		uint64_t next = strtoull(line, &end, 10);

		if (end == line || *line == '\n')
			return number;
		number = next;
		if (*end == '\n' || *end == '\0')
			return number;
	}
}
