/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/rootless.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cgroup.h"
#include "common/cgroup_tree.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/channel.h"
#include "launcher/init.h"
#include "launcher/signals.h"
#include "launcher/spawn.h"

#define MARK "NACRE_ROOTLESS_UID"

/* The ids a whole distribution uses; below /etc/subuid's usual 65536. */
#define SUBORDINATE_DEFAULT_START 100000u

static bool is_rootless(void)
{
	return getenv(MARK) != NULL;
}

bool rootless_is_root(void)
{
	return geteuid() == 0 && !is_rootless();
}

bool rootless_is_needed(void)
{
	return geteuid() != 0;
}

/*
 * By hand and from the file: getpwuid(3) may load libraries, which a static program
 * should not. Who is listed elsewhere has his name from his login.
 */
bool rootless_user_name(char *ret_name, size_t size)
{
	FILE *file = fopen("/etc/passwd", "re");
	const char *name = getenv("USER");
	struct passwd *user = NULL;

	while (file && (user = fgetpwent(file)) && user->pw_uid != geteuid())
		;
	if (user)
		name = user->pw_name;
	snprintf(ret_name, size, "%s", name ? name : "");
	if (file)
		fclose(file);
	return *ret_name;
}

/* Lines are "name:start:count" or "uid:start:count". */
bool rootless_find_ids(const char *file, uint32_t *ret_start, uint32_t *ret_count)
{
	cleanup_buf struct buf text = BUF_INIT;
	char number[16], name[256];
	char *line, *rest;
	bool named = rootless_user_name(name, sizeof(name));

	snprintf(number, sizeof(number), "%u", geteuid());
	if (buf_read_file(&text, AT_FDCWD, file) < 0 || !text.data)
		return false;
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		if (strcmp(line, number) != 0 && (!named || strcmp(line, name) != 0))
			continue;
		if (sscanf(colon + 1, "%u:%u", ret_start, ret_count) == 2 && *ret_count)
			return true;
	}
	return false;
}

static int make_maps(struct idmap *uids, struct idmap *gids)
{
	uint32_t uid_start, uid_count, gid_start, gid_count;
	int r = idmap_add(uids, 0, geteuid(), 1);

	if (r >= 0)
		r = idmap_add(gids, 0, getegid(), 1);
	if (r < 0 || !rootless_find_ids("/etc/subuid", &uid_start, &uid_count) ||
	    !rootless_find_ids("/etc/subgid", &gid_start, &gid_count))
		return r;
	r = idmap_add(uids, 1, uid_start, uid_count);
	return r < 0 ? r : idmap_add(gids, 1, gid_start, gid_count);
}

static void __attribute__((noreturn)) start_again(int channel)
{
	cleanup_buf struct buf words = BUF_INIT;
	char *argv[4096];
	size_t count = 0;

	if (channel_wait_go(channel) < 0)
		_exit(STATUS_FAILED);
	close(channel);
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(STATUS_FAILED);
	if (buf_read_file(&words, AT_FDCWD, "/proc/self/cmdline") < 0)
		_exit(STATUS_FAILED);
	for (size_t at = 0; at < words.length && count < 4095; at += strlen(words.data + at) + 1)
		argv[count++] = words.data + at;
	argv[count] = NULL;

	init_reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	execv("/proc/self/exe", argv);
	_exit(STATUS_FAILED);
}

static int wait_and_forward(pid_t pid, struct signals *s)
{
	int status;

	for (;;) {
		int signal;

		if (signals_wait_fd(s, s->fd, -1) == -EINTR) {
			/* The whole foreground group gets a Ctrl-C; others come to us alone. */
			kill(pid, s->interrupted);
			s->interrupted = 0;
		}
		while ((signal = signals_read(s, NULL)))
			if (signal != SIGCHLD)
				kill(pid, signal);
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

static int enter(struct idmap *uids, struct idmap *gids, struct fault *f)
{
	struct signals s = { .fd = -1 };
	char uid[16];
	int ends[2];
	pid_t pid;
	int r;

	snprintf(uid, sizeof(uid), "%u", geteuid());
	if (setenv(MARK, uid, 1) < 0 || channel_open(ends) < 0 || signals_open(&s) < 0)
		return fault_set(f, -errno, "cannot prepare a user namespace");

	pid = spawn_raw_clone(CLONE_NEWUSER, -1, SIGCHLD);
	if (pid < 0)
		return fault_set(f, pid, "this host lets no ordinary user make a user namespace\n"
				 "Run nacre as root, or look at kernel.unprivileged_userns_clone, "
				 "user.max_user_namespaces and AppArmor's restriction.");
	if (pid == 0) {
		close(ends[0]);
		start_again(ends[1]);
	}
	close(ends[1]);
	r = spawn_write_maps(pid, uids, gids, f);
	if (r >= 0)
		r = channel_say(ends[0], CHANNEL_GO, 0);
	if (r < 0)
		kill(pid, SIGKILL);
	close(ends[0]);
	if (r < 0) {
		waitpid(pid, NULL, 0);
		return r;
	}
	return wait_and_forward(pid, &s);
}

int rootless_reenter(struct fault *f)
{
	struct idmap uids = { 0 }, gids = { 0 };
	int r = make_maps(&uids, &gids);

	if (r >= 0)
		r = enter(&uids, &gids, f);
	else
		fault_set(f, r, "cannot make the id maps");
	free(uids.ranges);
	free(gids.ranges);
	return r;
}

#define TTY_GROUP 5

/* Whether our own user namespace has the group that terminals usually get. */
static bool has_tty_group(void)
{
	cleanup_buf struct buf text = BUF_INIT;
	unsigned inside, outside, count;
	const char *p;

	if (buf_read_file(&text, AT_FDCWD, "/proc/self/gid_map") < 0)
		return true;
	for (p = buf_text(&text); sscanf(p, "%u %u %u", &inside, &outside, &count) == 3;
	     p = strchr(p, '\n') + 1)
		if (TTY_GROUP >= inside && TTY_GROUP - inside < count)
			return true;
	return false;
}

/* A map of one id has no such group, and devpts takes none that is not mapped. */
static void drop_tty_group(struct plan *p)
{
	for (size_t i = 0; i < p->mount_count; i++) {
		struct plan_mount *m = &p->mounts[i];
		char *gid = m->type && strcmp(m->type, "devpts") == 0 && m->data
				    ? strstr(m->data, ",gid=5") : NULL;

		if (gid)
			memmove(gid, gid + 6, strlen(gid + 6) + 1);
	}
}

static int map_subordinate(struct plan *p)
{
	uint32_t start = SUBORDINATE_DEFAULT_START;
	int r = idmap_add(&p->uids, 0, start, 65536);

	return r < 0 ? r : idmap_add(&p->gids, 0, start, 65536);
}

/*
 * v2 enables controllers only for the groups of a group without processes: those
 * there are go one down. The one that waits for us is our parent.
 */
static int make_room(int own_fd)
{
	cleanup_fd int fd = -1;
	char parent[16];
	int r = mkdirat(own_fd, "nacre-supervisor", 0755) < 0 && errno != EEXIST ? -errno : 0;

	if (r >= 0)
		r = fd = neg_errno(openat(own_fd, "nacre-supervisor", O_RDONLY | O_DIRECTORY |
					  O_CLOEXEC));
	snprintf(parent, sizeof(parent), "%d", getppid());
	if (r >= 0)
		r = cgroup_tree_write(fd, "cgroup.procs", "0");
	return r < 0 ? r : cgroup_tree_write(fd, "cgroup.procs", parent);
}

/* Below the group that we are in, if that was delegated to us. */
static int use_own_group(struct plan *p, struct fault *f)
{
	struct cgroup_layout *layout = NULL;
	cleanup_free char *own = NULL;
	cleanup_fd int fd = -1;
	int r = 0;

	if (cgroup_layout_open(NULL, &layout) < 0)
		return 0;
	if (cgroup_path_of(layout, CGROUP_MEMORY, getpid(), &own) >= 0)
		fd = cgroup_open_at(cgroup_layout_root_fd(layout, CGROUP_MEMORY), own);
	else if (cgroup_v2_path_of(layout, getpid(), &own) >= 0)
		fd = cgroup_open_at(cgroup_layout_v2_fd(layout), own);
	if (fd >= 0 && own[1] && faccessat(fd, ".", W_OK, AT_EACCESS) == 0) {
		free(take_ptr(p->cgroup_path));
		if (asprintf(&p->cgroup_path, "%s/nacre-%s", own, p->id) < 0) {
			p->cgroup_path = NULL;
			r = fault_set(f, -ENOMEM, "cannot make the plan");
		}
		if (r >= 0 && !limits_are_unset(&p->limits) &&
		    cgroup_layout_version(layout, CGROUP_MEMORY) == CGROUP_V2)
			r = make_room(fd);
		if (r < 0)
			fault_set(f, r, "cannot have limits in your cgroup '%s'\nStart from one of "
				  "your own: systemd-run --user --scope -p Delegate=yes nacre run",
				  own);
	}
	cgroup_layout_close(layout);
	return r;
}

int rootless_adapt(struct plan *p, bool userns, struct fault *f)
{
	if (is_rootless() && p->bridge)
		return fault_set(f, 0, "option '--net': a bridge takes root\n"
				 "An ordinary user has none and host.");
	if (is_rootless()) {
		/* One daemon of root's serves all views, and takes no orders from others. */
		p->views = false;
		/* Nodes are bound from the host, and no one limits devices for us. */
		p->limits.device_count = 0;
		if (!has_tty_group())
			drop_tty_group(p);
		return p->cgroup_path ? use_own_group(p, f) : 0;
	}
	if (!userns)
		return 0;
	p->ns[NS_USER].how = NS_NEW;
	return map_subordinate(p) < 0 ? fault_set(f, -ENOMEM, "cannot make the id maps") : 0;
}
