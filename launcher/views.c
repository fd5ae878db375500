/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/views.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/procfs_client.h"
#include "launcher/daemon.h"
#include "launcher/mount.h"
#include "launcher/paths.h"
#include "launcher/seccomp.h"

#define LOCK_FILE "/run/nacre/procfs.lock"
#define END_TIMEOUT_MS 10000

struct tree_list {
	struct child_tree *trees;
	size_t count;
};

static bool answers(void)
{
	cleanup_buf struct buf answer = BUF_INIT;

	return procfs_call(NULL, "list\n", &answer) == 0;
}

static int start_daemon(struct fault *f)
{
	cleanup_free char *program = daemon_find("nacre-procfs");
	char *argv[] = { program, NULL };

	if (!program)
		return fault_set(f, 0, "nacre-procfs is not installed beside nacre\n"
				 "Install it, name its directory in NACRE_BINDIR, or show the "
				 "host's figures: --no-views");
	return daemon_run(program, argv, f);
}

static int lock_daemon(int operation)
{
	cleanup_fd int lock = -1;
	int r = paths_make("/run/nacre", 0755);

	if (r < 0)
		return r;
	lock = neg_errno(open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	if (lock < 0)
		return lock;
	do {
		r = neg_errno(flock(lock, operation));
	} while (r == -EINTR);
	return r < 0 ? r : take_fd(&lock);
}

/* The file system's number tells our daemon from one started by others later. */
static void note_daemon(int lock)
{
	char text[32] = "";
	struct stat st;
	int n = 0;

	if (stat(PROCFS_MOUNT_DEFAULT, &st) == 0)
		n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)st.st_dev);
	/* Without the note it is only not ended by us. */
	if (ftruncate(lock, 0) == 0)
		(void)!pwrite(lock, text, (size_t)n, 0);
}

static bool is_our_daemon(int lock)
{
	char text[32] = "";
	struct stat st;

	return pread(lock, text, sizeof(text) - 1, 0) > 0 &&
	       stat(PROCFS_MOUNT_DEFAULT, &st) == 0 &&
	       strtoull(text, NULL, 10) == (unsigned long long)st.st_dev;
}

/* Two containers that start at once need one daemon between them. */
static int start_once(struct fault *f)
{
	cleanup_fd int lock = lock_daemon(LOCK_EX);
	int r;

	if (lock < 0)
		return fault_set(f, lock, "cannot lock '%s'", LOCK_FILE);
	if (answers())
		return 0;
	r = start_daemon(f);
	if (r >= 0)
		note_daemon(lock);
	return r;
}

int views_hold_daemon(int *ret_lock, struct fault *f)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		cleanup_fd int lock = lock_daemon(LOCK_SH);
		int r;

		if (lock < 0)
			return fault_set(f, lock, "cannot lock '%s'", LOCK_FILE);
		if (answers()) {
			*ret_lock = take_fd(&lock);
			return 0;
		}
		close(take_fd(&lock));	/* starting takes the lock alone */
		r = start_once(f);
		if (r < 0)
			return r;
	}
	return fault_set(f, -ECONNREFUSED, "nacre-procfs does not stay");
}

static bool has_containers(void)
{
	cleanup_buf struct buf list = BUF_INIT;

	return procfs_call(NULL, "list\n", &list) < 0 || list.length > 0;
}

/* A connection ends when its listener does. */
static void wait_for_end(int connection)
{
	struct pollfd p = { .fd = connection, .events = POLLIN };

	(void)poll(&p, 1, END_TIMEOUT_MS);
}

void views_end_daemon(void)
{
	/* Not while somebody is about to register with it. */
	cleanup_fd int lock = lock_daemon(LOCK_EX | LOCK_NB);
	cleanup_fd int connection = -1;

	if (lock < 0 || !is_our_daemon(lock) || has_containers())
		return;
	connection = procfs_connect(NULL);
	/* In use by somebody else, who bound its files by hand: let it be. */
	if (umount2(PROCFS_MOUNT_DEFAULT, 0) < 0)
		return;
	/*
	 * The worker drops a connection that it had taken when it ends; the next one
	 * lasts until the holder has ended, too, and the socket is free.
	 */
	for (int i = 0; connection >= 0 && i < 3; i++) {
		wait_for_end(connection);
		close(connection);
		connection = procfs_connect(NULL);
	}
	(void)ftruncate(lock, 0);
}

static int add_tree(struct tree_list *list, int fd, const char *target, bool directory)
{
	struct child_tree *trees = reallocarray(list->trees, list->count + 1, sizeof(*trees));
	cleanup_fd int tree = -1;
	char *copy;

	if (!trees)
		return -ENOMEM;
	list->trees = trees;
	tree = mount_clone(fd, false);
	if (tree < 0)
		return tree;
	copy = strdup(target);
	if (!copy)
		return -ENOMEM;
	trees[list->count++] = (struct child_tree){
		.target = copy, .fd = take_fd(&tree), .directory = directory,
	};
	return 0;
}

/* Every file below proc/ covers the one of the same name. */
static int add_files(struct tree_list *list, int dir_fd, const char *target)
{
	int again = neg_errno(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int r = 0;

	if (again < 0)
		return again;
	dir = fdopendir(again);
	if (!dir) {
		close(again);
		return -ENOMEM;
	}
	while (r >= 0 && (entry = readdir(dir))) {
		cleanup_free char *path = NULL;
		cleanup_fd int fd = -1;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", target, entry->d_name) < 0)
			return -ENOMEM;
		fd = neg_errno(openat(dir_fd, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
		if (fd < 0)
			return fd;
		r = entry->d_type == DT_DIR ? add_files(list, fd, path)
					    : add_tree(list, fd, path, false);
	}
	return r;
}

/* Below sys/ these directories are covered as a whole: their entries differ too. */
static const struct {
	const char *path;
	bool directory;
} below_sys[] = {
	{ "sys/devices/system/cpu", true },
	{ "sys/devices/system/node", true },
	{ "sys/kernel/mm/hugepages", true },
	{ "sys/devices/virtual/dmi/id/product_uuid", false },
};

static int add_sys(struct tree_list *list, int view_fd)
{
	for (size_t i = 0; i < sizeof(below_sys) / sizeof(below_sys[0]); i++) {
		cleanup_fd int fd = neg_errno(openat(view_fd, below_sys[i].path,
						     O_PATH | O_NOFOLLOW | O_CLOEXEC));
		char target[64];
		int r;

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		snprintf(target, sizeof(target), "/%s", below_sys[i].path);
		r = add_tree(list, fd, target, below_sys[i].directory);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_files(const char *path, struct tree_list *list)
{
	cleanup_fd int view = neg_errno(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	cleanup_fd int proc = -1;
	int r;

	if (view < 0)
		return view;
	proc = neg_errno(openat(view, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	r = proc < 0 ? proc : add_files(list, proc, "/proc");
	return r < 0 ? r : add_sys(list, view);
}

int views_register(const char *id, const struct cgroup_group *group,
		   struct child_tree **ret_trees, size_t *ret_count, struct fault *f)
{
	struct procfs_container c = { .id = id };
	cleanup_buf struct buf answer = BUF_INIT;
	struct tree_list list = { 0 };
	char *path;
	int r;

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (cgroup_group_fd(group, i) >= 0)
			c.cgroup[i] = cgroup_group_path(group);
	if (cgroup_group_v2_fd(group) >= 0)
		c.v2 = cgroup_group_path(group);

	r = procfs_register(NULL, &c, &answer);
	if (r == -EEXIST) {	/* left by a container that was killed */
		views_unregister(id);
		buf_reset(&answer);
		r = procfs_register(NULL, &c, &answer);
	}
	if (r < 0)
		return fault_set(f, 0, "nacre-procfs gives no view: %s", buf_text(&answer)), r;

	path = answer.data;
	path[strcspn(path, "\n")] = '\0';
	r = open_files(path, &list);
	*ret_trees = list.trees;
	*ret_count = list.count;
	if (r < 0)
		return fault_set(f, r, "cannot open the container's view in '%s'", path);
	return 0;
}

/* Of a container without a filter: all is allowed, and the agent asked. */
static int make_filter(struct seccomp_filter **ret_filter, struct fault *f)
{
	int r = seccomp_new("SCMP_ACT_ALLOW", NULL, ret_filter, f);

#ifdef __x86_64__
	if (r >= 0)
		r = seccomp_add_arch(*ret_filter, "SCMP_ARCH_X86", f);
#endif
	return r;
}

int views_answer_calls(struct plan *plan, struct fault *f)
{
	int r = 0;

	/* An engine's own agent stays: a filter has one listener. */
	if (seccomp_notifies(plan->seccomp) || access(PROCFS_SECCOMP_DEFAULT, W_OK) < 0)
		return 0;
	if (!plan->seccomp)
		r = make_filter(&plan->seccomp, f);
	if (r >= 0)
		r = seccomp_ask_agent(plan->seccomp, "sysinfo", f);
	if (r < 0 || !seccomp_notifies(plan->seccomp))
		return r;
	return views_use_agent(plan, f);
}

int views_use_agent(struct plan *plan, struct fault *f)
{
	free(plan->seccomp_listener);
	plan->seccomp_listener = strdup(PROCFS_SECCOMP_DEFAULT);
	return plan->seccomp_listener ? 0 : fault_set(f, -ENOMEM, "cannot make the plan");
}

void views_unregister(const char *id)
{
	cleanup_buf struct buf answer = BUF_INIT;

	/* Without the daemon there is no view either. */
	(void)procfs_unregister(NULL, id, &answer);
}
