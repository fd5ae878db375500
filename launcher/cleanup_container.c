/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <poll.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/net.h"
#include "launcher/tree.h"
#include "launcher/views.h"

#define KILL_TIMEOUT_MS 10000

/* On v1 a frozen process ends when it is let go on. */
static void thaw(const struct state *s)
{
	struct cgroup_layout *layout = NULL;
	struct cgroup_group *group = NULL;

	if (s->cgroup_path && cgroup_layout_open(NULL, &layout) >= 0 &&
	    cgroup_group_open(layout, s->cgroup_path, &group) >= 0 &&
	    cgroup_group_is_frozen(group) > 0)
		(void)cgroup_group_freeze(group, false);
	cgroup_group_close(group);
	cgroup_layout_close(layout);
}

/* Kills the first process and with it its pid namespace; waits until it is gone. */
static int kill_first_process(const struct state *s)
{
	cleanup_fd int pidfd = -1;
	struct pollfd p = { .events = POLLIN };

	if (!state_pid_is_alive(s))
		return 0;
	p.fd = pidfd = neg_errno((int)syscall(SYS_pidfd_open, s->pid, 0));
	if (pidfd < 0)
		return pidfd == -ESRCH ? 0 : pidfd;
	/* Between looking and opening it may have been replaced by another. */
	if (!state_pid_is_alive(s))
		return 0;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return -errno;
	thaw(s);
	return poll(&p, 1, KILL_TIMEOUT_MS) == 0 ? -ETIMEDOUT : 0;
}

static int remove_groups(const struct state *s)
{
	struct cgroup_layout *layout = NULL;
	struct cgroup_group *group = NULL;
	int r;

	if (!s->cgroup_path)
		return 0;
	r = cgroup_layout_open(NULL, &layout);
	if (r < 0)
		return r;
	r = cgroup_group_open(layout, s->cgroup_path, &group);
	if (r >= 0)
		r = cgroup_group_remove(group, s->supervised ? 2 : s->cgroup_levels);
	cgroup_group_close(group);
	cgroup_layout_close(layout);
	return r == -ENOENT ? 0 : r;
}

/* All that runs or is mounted, or is noted elsewhere under the container's name. */
static int undo_running(const struct state *s, struct fault *f)
{
	int r = kill_first_process(s);

	if (r < 0)
		return fault_set(f, r, "cannot end the first process of '%s'", s->id);
	r = remove_groups(s);
	if (r < 0)
		return fault_set(f, r, "cannot remove the cgroup '%s'", s->cgroup_path);
	if (s->lease)
		net_release(s->lease);
	if (s->view) {
		views_unregister(s->id);
		views_end_daemon();
	}
	return 0;
}

int container_end(struct state_dir *dir, struct state *s, struct fault *f)
{
	int r = undo_running(s, f);

	if (r < 0)
		return r;
	free(s->lease);
	free(s->address);
	s->lease = s->address = NULL;
	s->ended = true;
	if (!s->finished)
		s->finished = container_now();
	return state_save(dir, s, f);
}

void container_note_exit(const struct state_dir *dir, int status)
{
	cleanup_fd int fd = openat(dir->fd, EXIT_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				   0644);
	char text[8];
	int n = snprintf(text, sizeof(text), "%3d\n", status);

	if (fd < 0 || write(fd, text, (size_t)n) != n)
		log_warn("cannot note the exit status in '%s'", dir->path);
}

int container_cleanup(struct state_dir *dir, const struct state *s, struct fault *f)
{
	int r = s->ended ? 0 : undo_running(s, f);

	if (r < 0)
		return r;
	if (s->scratch) {
		r = tree_remove_path(s->scratch);
		if (r < 0)
			return fault_set(f, r, "cannot remove '%s'", s->scratch);
	}
	r = state_dir_remove(dir);
	return r < 0 ? fault_set(f, r, "cannot remove '%s'", dir->path) : 0;
}

/* Its supervisor was killed, and its processes with it. */
static int end_orphan(struct state_dir *dir, struct state *s, struct fault *f)
{
	if (!s->keep)
		return container_cleanup(dir, s, f);
	if (s->ended)
		return 0;
	if (!s->reason)
		s->reason = strdup("its monitor was killed");
	s->exit_status = 128 + SIGKILL;
	return container_end(dir, s, f);
}

static void sweep_one(struct state_dir *dir, const char *id)
{
	struct fault f = FAULT_INIT;
	struct state *s = NULL;

	if (state_dir_open(dir, id, false, &f) < 0)
		return;
	/* A directory without a state is one whose maker died before it wrote any. */
	if (state_load(dir, &s, &f) < 0) {
		if (faccessat(dir->fd, "state.json", F_OK, 0) < 0)
			(void)state_dir_remove(dir);
	} else if (s->supervised) {
		f = (struct fault)FAULT_INIT;
		if (end_orphan(dir, s, &f) < 0)
			log_warn("left over from a nacre that was killed: %s", f.text);
	}
	state_free(s);
	state_dir_close(dir);
}

void container_sweep(const char *state_root)
{
	struct state_dir dir = STATE_DIR_INIT;
	struct fault f = FAULT_INIT;
	struct dirent *entry;
	cleanup_dir DIR *list = NULL;
	int fd;

	if (state_root_open(state_root, &dir, &f) < 0) {
		state_dir_done(&dir);	/* creating will say why */
		return;
	}
	fd = openat(dir.root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	while (list && (entry = readdir(list))) {
		if (!plan_id_is_valid(entry->d_name))
			continue;
		/* Not while somebody is between making it and locking it. */
		if (state_lock_root(&dir, true) < 0)
			break;
		sweep_one(&dir, entry->d_name);
		(void)state_lock_root(&dir, false);
	}
	state_dir_done(&dir);
}
