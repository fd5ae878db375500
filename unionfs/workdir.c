/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/workdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/lock.h"
#include "unionfs/private_mount.h"
#include "unionfs/remove_tree.h"

#define WORK_NAME  "work"
#define INDEX_NAME "index"
#define LOCK_SECONDS 8		/* what a union that ends may take */

struct workdir {
	struct layer *upper;	/* lent */
	struct workdir_options options;
	int upper_lock_fd;	/* owned; each holds a flock(2) while open */
	int parent_fd;		/* owned: WORKDIR itself, locked as well */
	int work_fd;		/* owned */
	int index_fd;		/* owned; -1 without index */
	pid_t pid;		/* of who builds */
	uid_t new_uid;		/* whom new files here belong to */
	gid_t new_gid;
	atomic_uint next_temp;
	atomic_bool index_is_used;
	_Atomic dev_t no_clone_dev; /* whose files the upper cannot share blocks with */

	struct lock lock;	/* guards what follows */
	char whiteout[TEMP_NAME_SIZE];	/* the shared one; "" until needed */
	unsigned whiteout_links;
	unsigned link_limit;	/* 0: the filesystem's own */
};

int workdir_fd(const struct workdir *work)
{
	return work->work_fd;
}

int workdir_index_fd(const struct workdir *work)
{
	return work->index_fd;
}

bool workdir_index_is_used(const struct workdir *work)
{
	return atomic_load_explicit(&work->index_is_used, memory_order_relaxed);
}

void workdir_set_index_used(struct workdir *work)
{
	atomic_store_explicit(&work->index_is_used, true, memory_order_relaxed);
}

const struct layer *workdir_upper(const struct workdir *work)
{
	return work->upper;
}

const struct workdir_options *workdir_options(const struct workdir *work)
{
	return &work->options;
}

void workdir_temp_name(struct workdir *work, char name[TEMP_NAME_SIZE])
{
	/*
	 * The process id is part of it: a process that takes over from one that
	 * died begins to count anew, and what the dead one was building is
	 * still there.
	 */
	snprintf(name, TEMP_NAME_SIZE, "#%x%08x", (unsigned)work->pid,
		 atomic_fetch_add_explicit(&work->next_temp, 1,
					   memory_order_relaxed));
}

void workdir_take_over(struct workdir *work)
{
	work->pid = getpid();
}

bool workdir_gives_owner(const struct workdir *work, uid_t uid, gid_t gid)
{
	return work->new_uid == uid && work->new_gid == gid;
}

bool workdir_may_clone(const struct workdir *work, dev_t dev)
{
	return atomic_load_explicit(&work->no_clone_dev, memory_order_relaxed) != dev;
}

void workdir_cannot_clone(struct workdir *work, dev_t dev)
{
	atomic_store_explicit(&work->no_clone_dev, dev, memory_order_relaxed);
}

void workdir_remove(struct workdir *work, const char *name)
{
	/* What stays is removed at the next mount. */
	(void)remove_tree(work->work_fd, name);
}

void workdir_look_at_index(struct workdir *work)
{
	cleanup_fd int fd = work->index_fd < 0 ? -1 :
		openat(work->index_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir)
		return;
	(void)take_fd(&fd);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			workdir_set_index_used(work);
}

void workdir_sweep(struct workdir *work)
{
	cleanup_fd int fd = openat(work->work_fd, ".",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir)
		return;
	(void)take_fd(&fd);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] == '#')
			workdir_remove(work, entry->d_name);
}

static int whiteout_create_locked(struct workdir *work) REQUIRES(work->lock);
static int whiteout_create_locked(struct workdir *work)
{
	char name[TEMP_NAME_SIZE];

	workdir_temp_name(work, name);
	if (mknodat(work->work_fd, name, S_IFCHR | 0, 0) < 0)
		return -errno;

	memcpy(work->whiteout, name, sizeof(name));
	work->whiteout_links = 1;
	return 0;
}

/* The link under our own name goes; those already given out keep the inode. */
static void whiteout_forget_locked(struct workdir *work) REQUIRES(work->lock);
static void whiteout_forget_locked(struct workdir *work)
{
	if (*work->whiteout)
		(void)unlinkat(work->work_fd, work->whiteout, 0);
	work->whiteout[0] = '\0';
}

static int whiteout_link_locked(struct workdir *work, int dir_fd,
				const char *name) REQUIRES(work->lock);
static int whiteout_link_locked(struct workdir *work, int dir_fd, const char *name)
{
	int r;

	if (work->link_limit && work->whiteout_links >= work->link_limit)
		return -EMLINK;

	r = neg_errno(linkat(work->work_fd, work->whiteout, dir_fd, name, 0));
	if (r == 0)
		work->whiteout_links++;
	return r;
}

/* Of two threads at the limit, one makes the new inode and both link that. */
int workdir_link_whiteout(struct workdir *work, int dir_fd, const char *name)
{
	lock_scope(&work->lock);
	int r = 0;

	if (!*work->whiteout)
		r = whiteout_create_locked(work);
	if (r < 0)
		return r;

	r = whiteout_link_locked(work, dir_fd, name);
	if (r == 0 || r == -EEXIST)
		return r;

	switch (r) {
	case -EMLINK:
	case -ENOENT:		/* somebody cleaned the work directory */
		whiteout_forget_locked(work);
		r = whiteout_create_locked(work);
		if (r < 0)
			return r;
		return whiteout_link_locked(work, dir_fd, name);
	case -EPERM:		/* hard links are not for every filesystem */
	case -EOPNOTSUPP:
		return neg_errno(mknodat(dir_fd, name, S_IFCHR | 0, 0));
	default:
		return r;
	}
}

int workdir_whiteout(struct workdir *work, char name[TEMP_NAME_SIZE])
{
	char temp[TEMP_NAME_SIZE];
	int r;

	workdir_temp_name(work, temp);
	r = workdir_link_whiteout(work, work->work_fd, temp);
	if (r == 0)
		memcpy(name, temp, sizeof(temp));
	return r;
}

void workdir_set_link_limit(struct workdir *work, unsigned limit)
{
	lock_scope(&work->lock);

	work->link_limit = limit;
}

/* Renames must work between the two, so the mount must be the same as well. */
static int check_same_mount(int upper_fd, int parent_fd)
{
	struct statx upper, parent;
	const unsigned mask = STATX_INO | STATX_MNT_ID;

	if (statx(upper_fd, "", AT_EMPTY_PATH, mask, &upper) < 0 ||
	    statx(parent_fd, "", AT_EMPTY_PATH, mask, &parent) < 0)
		return -errno;
	if (upper.stx_dev_major != parent.stx_dev_major ||
	    upper.stx_dev_minor != parent.stx_dev_minor)
		return -EXDEV;
	if ((upper.stx_mask & parent.stx_mask & STATX_MNT_ID) &&
	    upper.stx_mnt_id != parent.stx_mnt_id)
		return -EXDEV;
	return 0;
}

static int check_apart(int upper_fd, int parent_fd)
{
	cleanup_ancestry struct ancestry upper = { 0 }, parent = { 0 };
	int r = ancestry_of(upper_fd, &upper);

	if (r == 0)
		r = ancestry_of(parent_fd, &parent);
	if (r < 0)
		return r;
	return ancestry_is_within(&upper, &parent) ||
			       ancestry_is_within(&parent, &upper) ? -EINVAL : 0;
}

static void on_alarm(int number)
{
	(void)number;		/* it is only there to interrupt flock(2) */
}

/* flock(2) that gives up after a while, with EINTR. No other thread runs yet. */
static int lock_in_time(int fd)
{
	/* Again and again, for the first might come before flock() waits. */
	const struct itimerval limit = { .it_value.tv_sec = LOCK_SECONDS,
					 .it_interval.tv_usec = 100000 };
	const struct itimerval none = { 0 };
	const struct sigaction act = { .sa_handler = on_alarm };
	struct sigaction before;
	int r;

	if (sigaction(SIGALRM, &act, &before) < 0)
		return -errno;
	(void)setitimer(ITIMER_REAL, &limit, NULL);
	r = neg_errno(flock(fd, LOCK_EX));
	(void)setitimer(ITIMER_REAL, &none, NULL);
	(void)sigaction(SIGALRM, &before, NULL);
	return r;
}

/*
 * umount(2) returns before the daemon has ended: who mounts at once again waits
 * for that. Where directories cannot be locked (some network filesystems), go
 * without.
 */
static int lock_dir(const struct workdir *work, int fd)
{
	if (work->options.is_handed_over)	/* the holder has it */
		return 0;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return 0;
	return lock_in_time(fd) == -EINTR ? -EBUSY : 0;
}

static int open_dir(int dir_fd, const char *name)
{
	return neg_errno(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
						      O_CLOEXEC));
}

/*
 * Without CAP_DAC_OVERRIDE nobody enters the mode-000 directory that the kernel
 * would make, its owner included.
 */
int workdir_open_private(int dir_fd, const char *name)
{
	int fd = open_dir(dir_fd, name);

	if (fd >= 0 && faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	else if (fd != -EACCES)
		return fd;

	if (fchmodat(dir_fd, name, 0700, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return open_dir(dir_fd, name);
}

static int make_private_dir(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0) < 0 && errno != EEXIST)
		return -errno;
	return workdir_open_private(dir_fd, name);
}

/* Any mark stands for a feature that makes the upper unsafe to use. */
static int check_incompat(int work_fd)
{
	cleanup_fd int fd = workdir_open_private(work_fd, "incompat");
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)take_fd(&fd);

	while ((errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return -ENOTRECOVERABLE;
	return -errno;
}

/* Also checked where an earlier mount left the directory and no union has used it. */
static int prepare_work(struct workdir *work)
{
	cleanup_fd int old_fd = workdir_open_private(work->parent_fd, WORK_NAME);
	int r;

	if (old_fd < 0 && old_fd != -ENOENT)
		return old_fd;
	/* What is handed over may be in use, and has the marks of this mount. */
	if (old_fd >= 0 && !work->options.is_handed_over) {
		r = check_incompat(old_fd);
		if (r == 0)
			r = remove_contents(old_fd);
		if (r < 0)
			return r;
	}

	work->work_fd = make_private_dir(work->parent_fd, WORK_NAME);
	return work->work_fd < 0 ? work->work_fd : 0;
}

static int prepare_index(struct workdir *work)
{
	const struct layer_traits *traits = layer_traits(work->upper);

	if (!work->options.index || !traits->has_handles || !traits->has_xattrs)
		return 0;
	work->index_fd = make_private_dir(work->parent_fd, INDEX_NAME);
	return work->index_fd < 0 ? work->index_fd : 0;
}

int workdir_mark_volatile(struct workdir *work)
{
	cleanup_fd int incompat_fd = -1;
	cleanup_fd int volatile_fd = -1;
	cleanup_fd int dirty_fd = -1;

	if (!work->options.is_volatile)
		return 0;

	incompat_fd = make_private_dir(work->work_fd, "incompat");
	if (incompat_fd < 0)
		return incompat_fd;
	volatile_fd = make_private_dir(incompat_fd, "volatile");
	if (volatile_fd < 0)
		return volatile_fd;
	dirty_fd = neg_errno(openat(volatile_fd, "dirty", O_WRONLY | O_CREAT |
				    O_NOFOLLOW | O_CLOEXEC, 0));
	return dirty_fd < 0 ? dirty_fd : 0;
}

static bool probe_tmpfile(int work_fd)
{
	cleanup_fd int fd = openat(work_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0);

	return fd >= 0;
}

/* The renames that overlay needs: with a whiteout left behind, and an exchange. */
static bool probe_renames(struct workdir *work, const char *name)
{
	char other[TEMP_NAME_SIZE];
	bool works;

	workdir_temp_name(work, other);
	works = renameat2(work->work_fd, name, work->work_fd, other,
			  RENAME_NOREPLACE | RENAME_WHITEOUT) == 0 &&
		renameat2(work->work_fd, name, work->work_fd, other,
			  RENAME_EXCHANGE) == 0;
	workdir_remove(work, other);
	return works;
}

/* What can be done here is tried here, on objects of no importance. */
static int probe_traits(struct workdir *work)
{
	struct layer_traits traits = *layer_traits(work->upper);
	char name[TEMP_NAME_SIZE];
	struct stat st;
	int fd, r;

	workdir_temp_name(work, name);
	fd = neg_errno(openat(work->work_fd, name, O_WRONLY | O_CREAT | O_EXCL |
			      O_NOFOLLOW | O_CLOEXEC, 0600));
	if (fd < 0)
		return fd;
	r = neg_errno(fstat(fd, &st));
	close(fd);
	if (r < 0)
		return r;
	work->new_uid = st.st_uid;
	work->new_gid = st.st_gid;

	traits.has_tmpfile = probe_tmpfile(work->work_fd);
	traits.has_xattrs = overlay_xattr_set(work->options.ns, work->work_fd, name,
					      OVERLAY_OPAQUE, "y", 1) == 0;
	traits.has_rename_whiteout = probe_renames(work, name);
	workdir_remove(work, name);

	traits.has_whiteout_dev = workdir_whiteout(work, name) == 0;
	if (traits.has_whiteout_dev)
		workdir_remove(work, name);
	/* A directory cannot be marked opaque without attributes but by a file. */
	if (!traits.has_whiteout_dev || !traits.has_xattrs)
		work->options.aufs_whiteouts = true;
	/* What is written so must be read so. */
	traits.has_aufs_marks = work->options.aufs_whiteouts;

	layer_set_traits(work->upper, &traits);
	return 0;
}

/* Renames need both on one mount: through a private one if the upper is. */
static int open_parent(const char *path, struct private_mounts *mounts)
{
	if (mounts && mounts->count)
		return private_mounts_open(mounts, path);
	return neg_errno(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int workdir_prepare(struct workdir *work, const char *path,
			   struct private_mounts *mounts)
{
	int upper_fd = layer_root_fd(work->upper);
	int r;

	work->parent_fd = open_parent(path, mounts);
	if (work->parent_fd < 0)
		return work->parent_fd;
	r = check_same_mount(upper_fd, work->parent_fd);
	if (r == 0)
		r = check_apart(upper_fd, work->parent_fd);
	if (r < 0)
		return r;

	/* A descriptor of our own: closing it is what drops the lock. */
	work->upper_lock_fd = open_dir(upper_fd, ".");
	if (work->upper_lock_fd < 0)
		return work->upper_lock_fd;
	r = lock_dir(work, work->upper_lock_fd);
	if (r == 0)
		r = lock_dir(work, work->parent_fd);
	if (r == 0)
		r = prepare_work(work);
	if (r == 0)
		r = probe_traits(work);
	if (r == 0)
		r = prepare_index(work);
	return r;
}

int workdir_open(const char *path, struct layer *upper, struct private_mounts *mounts,
		 const struct workdir_options *options, struct workdir **ret_work)
{
	struct workdir *work = calloc(1, sizeof(*work));
	int r;

	if (!work)
		return -ENOMEM;
	work->upper = upper;
	work->options = *options;
	work->upper_lock_fd = work->parent_fd = work->work_fd = work->index_fd = -1;
	workdir_take_over(work);
	lock_init(&work->lock);

	r = workdir_prepare(work, path, mounts);
	if (r < 0) {
		workdir_close(work);
		return r;
	}
	*ret_work = work;
	return 0;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void workdir_drop_index(struct workdir *work)
{
	close_if_open(work->index_fd);
	work->index_fd = -1;
}

struct workdir *workdir_close(struct workdir *work) NO_THREAD_SAFETY_ANALYSIS;
struct workdir *workdir_close(struct workdir *work)
{
	if (!work)
		return NULL;

	whiteout_forget_locked(work);
	close_if_open(work->index_fd);
	close_if_open(work->work_fd);
	close_if_open(work->parent_fd);
	close_if_open(work->upper_lock_fd);
	lock_done(&work->lock);
	free(work);
	return NULL;
}
