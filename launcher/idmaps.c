/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"

static int write_proc(pid_t pid, const char *file, const char *text)
{
	cleanup_fd int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = neg_errno(open(path, O_WRONLY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_map(pid_t pid, const char *file, const struct idmap *map)
{
	cleanup_buf struct buf text = BUF_INIT;

	for (size_t i = 0; i < map->count; i++)
		buf_addf(&text, "%u %u %u\n", map->ranges[i].inside, map->ranges[i].outside,
			 map->ranges[i].count);
	return buf_error(&text) ? buf_error(&text) : write_proc(pid, file, buf_text(&text));
}

/* newuidmap PID INSIDE OUTSIDE COUNT ...: setuid programs that read /etc/subuid. */
static int run_map_helper(const char *program, pid_t pid, const struct idmap *map)
{
	cleanup_free char **argv = calloc(map->count * 3 + 3, sizeof(*argv));
	cleanup_free char (*words)[16] = calloc(map->count * 3 + 1, sizeof(*words));
	size_t n = 0;
	int status;
	pid_t child;

	if (!argv || !words)
		return -ENOMEM;
	argv[0] = (char *)program;
	argv[1] = words[n];
	snprintf(words[n++], sizeof(*words), "%d", pid);
	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_range *r = &map->ranges[i];
		const uint32_t numbers[] = { r->inside, r->outside, r->count };

		for (int k = 0; k < 3; k++) {
			argv[n + 1] = words[n];
			snprintf(words[n++], sizeof(*words), "%u", numbers[k]);
		}
	}

	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		execvp(program, argv);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static bool is_own_id_only(const struct idmap *map, uint32_t id)
{
	return map->count == 1 && map->ranges[0].count == 1 && map->ranges[0].outside == id;
}

static int write_maps_as_user(pid_t pid, const struct idmap *uids,
			      const struct idmap *gids, struct fault *f)
{
	int r;

	if (is_own_id_only(uids, geteuid()) && is_own_id_only(gids, getegid())) {
		r = write_map(pid, "uid_map", uids);
		/* Without this an ordinary user may not map its group. */
		if (r >= 0)
			r = write_proc(pid, "setgroups", "deny");
		if (r >= 0)
			r = write_map(pid, "gid_map", gids);
		return r < 0 ? fault_set(f, r, "cannot map your own id into a user namespace") : 0;
	}

	r = run_map_helper("newuidmap", pid, uids);
	if (r >= 0)
		r = run_map_helper("newgidmap", pid, gids);
	if (r == -ENOENT)
		return fault_set(f, 0, "newuidmap or newgidmap is not installed\n"
				 "Install uidmap, or run without more than your own id.");
	return r < 0 ? fault_set(f, 0, "newuidmap or newgidmap refused the ids\n"
				 "Look at /etc/subuid and /etc/subgid.") : 0;
}

int spawn_write_maps(pid_t pid, const struct idmap *uids, const struct idmap *gids,
		     struct fault *f)
{
	int r;

	if (geteuid() != 0)
		return write_maps_as_user(pid, uids, gids, f);

	r = write_map(pid, "uid_map", uids);
	if (r < 0)
		return fault_set(f, r, "cannot write the user id map");
	r = write_map(pid, "gid_map", gids);
	if (r < 0)
		return fault_set(f, r, "cannot write the group id map");
	return 0;
}

static int open_userns(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	return neg_errno(open(path, O_RDONLY | O_CLOEXEC));
}

int spawn_userns(const struct idmap *uids, const struct idmap *gids, struct fault *f)
{
	pid_t pid = spawn_raw_clone(CLONE_NEWUSER, -1, SIGCHLD);
	int fd = -1, r;

	if (pid < 0)
		return fault_set(f, pid, "cannot make a user namespace");
	if (pid == 0)
		for (;;)
			pause();	/* until it is killed */

	r = spawn_write_maps(pid, uids, gids, f);
	if (r >= 0) {
		r = fd = open_userns(pid);
		if (r < 0)
			fault_set(f, r, "cannot open a user namespace");
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}
