/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/channel.h"
#include "launcher/container_process.h"
#include "launcher/daemon.h"
#include "launcher/elf.h"
#include "launcher/mount.h"
#include "launcher/paths.h"
#include "launcher/prepare.h"
#include "launcher/rootfs_copy.h"
#include "launcher/rootless.h"
#include "launcher/seccomp.h"
#include "launcher/start_socket.h"
#include "launcher/tree.h"
#include "launcher/views.h"

void container_init(struct container *c, struct plan *plan, struct signals *signals)
{
	*c = (struct container){
		.plan = plan,
		.signals = signals,
		.dir = STATE_DIR_INIT,
		.rootfs = ROOTFS_INIT,
		.pidfd = -1,
		.view_lock = -1,
		.host_mounts = -1,
		.terminal_fd = -1,
	};
	child_init(&c->child, plan);
	spawn_init(&c->spawn);
}

char *container_now(void)
{
	struct timespec now;
	struct tm tm;
	char date[32], *text;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!gmtime_r(&now.tv_sec, &tm) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
		return NULL;
	return asprintf(&text, "%s.%09ldZ", date, now.tv_nsec) < 0 ? NULL : text;
}

static char *join_words(const struct opt_list *words)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < words->count; i++)
		buf_addf(&b, "%s%s", i ? " " : "", words->items[i]);
	return b.data;
}

void container_set_text(char **to, char *from)
{
	free(*to);
	*to = from;
}

static int fill_state(struct container *c, struct fault *f)
{
	const struct plan *p = c->plan;
	struct state *s = c->state = c->state ? c->state : state_new();
	int r = 0;

	if (!s)
		return fault_set(f, -ENOMEM, "cannot note the state");
	container_set_text(&s->id, strdup(p->id));
	container_set_text(&s->bundle, p->bundle ? strdup(p->bundle) : NULL);
	container_set_text(&s->rootfs, p->rootfs.directory ? strdup(p->rootfs.directory) : NULL);
	container_set_text(&s->cgroup_path, p->cgroup_path ? strdup(p->cgroup_path) : NULL);
	container_set_text(&s->begun, container_now());
	if (!s->created)
		container_set_text(&s->created, s->begun ? strdup(s->begun) : NULL);
	container_set_text(&s->command, join_words(&p->process.args));
	s->supervised = c->supervised;
	s->owner = geteuid();
	if (c->supervised) {
		s->monitor = getpid();
		s->monitor_start = state_pid_start(s->monitor);
	}
	/* Of the time before, if there was one. */
	container_set_text(&s->finished, NULL);
	container_set_text(&s->reason, NULL);
	(void)unlinkat(c->dir.fd, KILLED_FILE, 0);
	s->pid = 0;
	s->ended = s->started = false;
	opt_list_done(&s->annotations);
	for (size_t i = 0; r >= 0 && i < p->annotations.count; i++)
		r = opt_list_add(&s->annotations, p->annotations.items[i]);
	return !s->id || !s->created || r < 0 ? fault_set(f, -ENOMEM, "cannot note the state") : 0;
}

static int make_state(struct container *c, struct fault *f)
{
	bool again = c->dir.fd >= 0;
	int r = again ? 0 : state_root_open(c->state_root, &c->dir, f);

	if (r >= 0 && !again)
		r = state_dir_create(&c->dir, c->plan->id, f);
	if (r >= 0)
		r = fill_state(c, f);
	if (r >= 0)
		r = state_save(&c->dir, c->state, f);
	if (r < 0 && c->dir.fd >= 0 && !again)
		(void)state_dir_remove(&c->dir);
	return r;
}

/* What is kept is marked as ended: then no sweep looks at it again. */
static void keep_state(struct container *c)
{
	struct fault f = FAULT_INIT;

	c->state->ended = true;
	if (!c->state->finished)
		c->state->finished = container_now();
	if (state_save(&c->dir, c->state, &f) < 0)
		fault_print(&f);
}

static void drop_state(struct container *c)
{
	if (c->keep)
		keep_state(c);
	else
		(void)state_dir_remove(&c->dir);
	state_dir_done(&c->dir);
	c->state = state_free(c->state);
}

static int start_view_daemon(struct container *c, struct fault *f)
{
	return c->plan->views ? views_hold_daemon(&c->view_lock, f) : 0;
}

static void drop_view_lock(struct container *c)
{
	cleanup_fd_(&c->view_lock);
	c->view_lock = -1;
}

static void end_view_daemon(struct container *c)
{
	drop_view_lock(c);
	if (c->plan->views && c->supervised)
		views_end_daemon();
}

/* All others are held by descriptors, and are mounted nowhere but in the container. */
static bool makes_mounts(const struct container *c)
{
	return c->plan->rootfs.driver == ROOTFS_UNIONFS || c->state->detached ||
	       !rootless_is_root();
}

/*
 * Mounts made for one container are nobody else's business, and end with the
 * last process that has them, however we end. That end takes the kernel a grace
 * period, up to 20 ms where it is busy, so there is none without need.
 */
static int hide_mounts(struct container *c, struct fault *f)
{
	if (!c->supervised || !makes_mounts(c))
		return 0;
	c->host_mounts = neg_errno(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
	if (unshare(CLONE_NEWNS) < 0)
		return fault_set(f, -errno, "cannot make a mount namespace\n"
				 "nacre needs root, or user namespaces for ordinary users.");
	/* Slave: what the host unmounts later is let go here, too. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return fault_set(f, -errno, "cannot detach the mounts from the host's");
	return 0;
}

static void leave_mounts(struct container *c)
{
	/* Back to the host's; what is mounted in ours ends with its last process. */
	if (c->host_mounts >= 0)
		(void)setns(c->host_mounts, CLONE_NEWNS);
	cleanup_fd_(&c->host_mounts);
	c->host_mounts = -1;
}

static bool needs_scratch(const struct plan_rootfs *root)
{
	return root->driver != ROOTFS_DIRECTORY;
}

static bool copies_root(const struct plan_rootfs *root)
{
	return root->driver == ROOTFS_BTRFS || root->driver == ROOTFS_VFS;
}

static int make_scratch(struct container *c, struct fault *f)
{
	cleanup_free char *data = paths_data();
	int r;

	if (!needs_scratch(&c->plan->rootfs))
		return 0;
	if (!data)
		return fault_set(f, -ENOMEM, "cannot find the data directory");
	r = scratch_paths(&c->plan->rootfs, data, c->plan->id, &c->scratch, f);
	if (r < 0)
		return r;
	container_set_text(&c->state->scratch, strdup(c->scratch.vanishes));
	container_set_text(&c->state->upper, strdup(c->scratch.upper));
	r = c->state->scratch && c->state->upper ? state_save(&c->dir, c->state, f) : -ENOMEM;
	if (r >= 0)
		r = scratch_make(&c->scratch, !copies_root(&c->plan->rootfs), f);
	/* A copy takes what mounts cover as it comes: the child makes it. */
	if (r >= 0)
		r = copies_root(&c->plan->rootfs)
			    ? rootfs_copy_make(&c->plan->rootfs, c->scratch.upper, f)
			    : scratch_add_mountpoints(c->plan, &c->scratch, f);
	if (r < 0 && !c->keep)
		(void)tree_remove_path(c->scratch.vanishes);
	if (r < 0)
		scratch_done(&c->scratch);
	return r;
}

static void remove_scratch(struct container *c)
{
	if (!c->keep && c->scratch.vanishes && tree_remove_path(c->scratch.vanishes) < 0)
		log_warn("cannot remove '%s': %s", c->scratch.vanishes, strerror(errno));
	scratch_done(&c->scratch);
}

/* A bundle's root belongs to the mapped ids already; layers belong to ours. */
static bool maps_root(const struct plan *p)
{
	return p->ns[NS_USER].how == NS_NEW && p->rootfs.driver != ROOTFS_DIRECTORY;
}

/* The union takes as long to start as the stages do that follow. */
static int begin_root(struct container *c, struct fault *f)
{
	cleanup_free char *mountpoint = NULL;
	int r;

	if (asprintf(&mountpoint, "%s/rootfs", c->dir.path) < 0)
		return -ENOMEM;
	if (c->plan->rootfs.driver == ROOTFS_UNIONFS && mkdir(mountpoint, 0700) < 0 &&
	    errno != EEXIST)
		return fault_set(f, -errno, "cannot make '%s'", mountpoint);
	r = rootfs_begin(&c->plan->rootfs, c->scratch.upper, c->scratch.work, mountpoint,
			 &c->rootfs, f);
	c->state->root_daemon = c->rootfs.start.pid;
	return r;
}

static int mount_root(struct container *c, struct fault *f)
{
	cleanup_fd int userns = -1;
	int r;

	if (maps_root(c->plan)) {
		userns = spawn_userns(&c->plan->uids, &c->plan->gids, f);
		if (userns < 0)
			return userns;
	}
	r = rootfs_mount(&c->plan->rootfs, c->scratch.upper, c->scratch.work, userns,
			 c->signals, &c->rootfs, f);
	c->state->root_daemon = c->rootfs.daemon;
	return r;
}

static void unmount_root(struct container *c)
{
	rootfs_unmount(&c->rootfs);
}

static int register_view(struct container *c, struct fault *f)
{
	int r;

	if (!c->plan->views)
		return 0;
	c->state->view = true;
	r = state_save(&c->dir, c->state, f);
	if (r >= 0)
		r = views_register(c->plan->id, c->group, &c->child.views,
				   &c->child.view_count, f);
	if (r >= 0)
		r = views_answer_calls(c->plan, f);
	drop_view_lock(c);
	return r;
}

static void unregister_view(struct container *c)
{
	if (c->plan->views)
		views_unregister(c->plan->id);
}

/* Processes that join later get the same: it is kept with the state. */
static int make_filter(struct container *c, struct fault *f)
{
	int r = seccomp_compile(c->plan->seccomp, c->dir.root_fd, f);

	if (r < 0 || !c->plan->seccomp)
		return r;
	r = seccomp_save(c->plan->seccomp, c->dir.fd);
	return r < 0 ? fault_set(f, r, "cannot keep the system call filter") : 0;
}

/*
 * By a mount of its own, that cannot be written. One that is not static would load
 * the container's libraries, which may be anything: then pid 1 stays what it is.
 */
static void open_init(struct container *c)
{
	cleanup_free char *path = c->plan->init ? daemon_find("nacre-init") : NULL;
	bool usable = path && elf_is_static(path) == 1;
	cleanup_fd int file = usable ? open(path, O_PATH | O_CLOEXEC) : -1;
	cleanup_fd int tree = file < 0 ? -1 : mount_clone(file, false);

	if (tree >= 0 && mount_set_attrs(tree, MOUNT_ATTR_RDONLY, 0, false) >= 0)
		c->child.init_fd = take_fd(&tree);
}

static int prepare(struct container *c, struct fault *f)
{
	int r;

	open_init(c);

	c->child.root_fd = take_fd(&c->rootfs.tree_fd);
	c->child.supervised = c->supervised;
	c->child.title = c->title;
	c->child.title_size = c->title_size;
	r = c->supervised ? 0 : start_socket_listen(c->dir.fd);
	if (r < 0)
		fault_set(f, r, "cannot make the start socket");
	else if (!c->supervised)
		c->child.start_fd = r;
	if (r >= 0)
		r = make_filter(c, f);
	if (r >= 0)
		r = prepare_child(&c->child, c->group, c->layout, f);
	/* The root is in use as long as its tree is held. */
	if (r < 0)
		child_done(&c->child);
	return r;
}

static void unprepare(struct container *c)
{
	child_done(&c->child);
}

static const struct stage {
	const char *name;
	int (*run)(struct container *c, struct fault *f);
	void (*undo)(struct container *c);
} stages[] = {
	{ "state", make_state, drop_state },
	{ "address", container_reserve_address, container_release_address },
	{ "view-daemon", start_view_daemon, end_view_daemon },
	{ "mount-namespace", hide_mounts, leave_mounts },
	{ "scratch", make_scratch, remove_scratch },
	{ "root-daemon", begin_root, unmount_root },
	{ "cgroups", container_make_cgroups, container_remove_cgroups },
	{ "limits", container_set_limits, NULL },
	{ "view", register_view, unregister_view },
	{ "root", mount_root, NULL },
	{ "prepare", prepare, unprepare },
	{ "process", container_spawn, container_kill },
	{ "network", container_attach_network, NULL },
};

#define STAGE_COUNT (sizeof(stages) / sizeof(stages[0]))

/*
 * For tests of the undoing: NACRE_FAIL_AFTER names the stage that shall fail,
 * NACRE_KILL_AFTER the last one that we live through.
 */
static int injected_fault(const char *stage, struct fault *f)
{
	const char *wanted = getenv("NACRE_FAIL_AFTER");
	const char *last = getenv("NACRE_KILL_AFTER");

	if (last && strcmp(last, stage) == 0)
		(void)kill(getpid(), SIGKILL);
	if (!wanted || strcmp(wanted, stage) != 0)
		return 0;
	return fault_set(f, -EIO, "failing after stage '%s', as NACRE_FAIL_AFTER asks", stage);
}

static double elapsed_us(struct timespec *since)
{
	struct timespec now;
	double us;

	clock_gettime(CLOCK_MONOTONIC, &now);
	us = (double)(now.tv_sec - since->tv_sec) * 1e6 +
	     (double)(now.tv_nsec - since->tv_nsec) / 1e3;
	*since = now;
	return us;
}

int container_create(struct container *c, struct fault *f)
{
	cleanup_buf struct buf timing = BUF_INIT;
	struct timespec t;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &t);
	for (size_t i = 0; r >= 0 && i < STAGE_COUNT; i++) {
		r = signals_check(c->signals);
		if (r >= 0)
			r = stages[i].run(c, f);
		if (r < 0)
			break;
		c->stages_done = i + 1;
		buf_addf(&timing, "%s\"%s\": %.0f", i ? ", " : "", stages[i].name,
			 elapsed_us(&t));
		r = injected_fault(stages[i].name, f);
	}
	if (c->timing && r >= 0)
		fprintf(stderr, "{\"unit\": \"us\", %s}\n", buf_text(&timing));
	if (r < 0 && c->keep && c->state)
		container_set_text(&c->state->reason, strdup(f->text));
	if (r < 0)
		container_destroy(c);
	return r;
}

int container_start(struct container *c, struct fault *f)
{
	int r = signals_check(c->signals);

	if (r >= 0)
		r = channel_say(c->spawn.channel, CHANNEL_GO, 0);
	c->state->started = true;
	if (r >= 0)
		r = state_save(&c->dir, c->state, f);
	/* The end of file comes when the command is executed. */
	if (r >= 0)
		r = container_serve(c, CHANNEL_READY, f);
	return r < 0 ? r : 0;
}

void container_destroy(struct container *c)
{
	while (c->stages_done) {
		const struct stage *stage = &stages[--c->stages_done];

		if (stage->undo)
			stage->undo(c);
	}
	child_done(&c->child);
	/* Of a first stage that failed. */
	state_dir_done(&c->dir);
	c->state = state_free(c->state);
}

void container_release(struct container *c)
{
	cleanup_fd_(&c->pidfd);
	c->pidfd = -1;
	spawn_done(&c->spawn);
	child_done(&c->child);
	rootfs_unmount(&c->rootfs);	/* OCI roots have no mount of ours */
	c->group = cgroup_group_close(c->group);
	c->layout = cgroup_layout_close(c->layout);
	scratch_done(&c->scratch);
	state_dir_done(&c->dir);
	c->state = state_free(c->state);
	c->stages_done = 0;
}
