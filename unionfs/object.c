/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. Creation is left to the filesystem with the caller's umask in
 * force, so that inheritance is the real one; only the owner is set afterwards,
 * because the daemon acts as itself. An object for a place that a whiteout
 * occupies is made in the work directory, inside a stand-in for its parent when
 * that has something to inherit, and is complete before it is shown.
 */
#include "config.h"
#include "unionfs/object.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/marks.h"
#include "unionfs/override.h"
#include "unionfs/stand_in.h"

/* The calling thread's umask, where it is the thread's own. */
static _Thread_local bool umask_is_own;
static _Thread_local mode_t umask_now;

int object_thread_init(void)
{
	if (umask_is_own)
		return 0;
	if (unshare(CLONE_FS) < 0)
		return -errno;

	umask_now = 0;
	(void)umask(0);
	umask_is_own = true;
	return 0;
}

static int thread_umask(mode_t mask)
{
	int r = object_thread_init();

	if (r < 0)
		return r;
	mask &= 0777;
	if (mask != umask_now) {
		(void)umask(mask);
		umask_now = mask;
	}
	return 0;
}

int object_allow_mode(mode_t mode)
{
	int r = object_thread_init();

	return r < 0 || !(mode & umask_now) ? r : thread_umask(0);
}

/* An object being made: where it is now, and its descriptor if it is a file. */
struct making {
	struct workdir *work;
	const struct object_spec *spec;
	int dir_fd;		/* lent */
	const char *name;
	int fd;			/* -1 for all but regular files */
	mode_t parent_mode;	/* as shown; only where owners are in attributes */
	gid_t parent_gid;
	struct statx stx;
};

static bool keeps_owner_in_attr(const struct making *m)
{
	return override_is_active(workdir_upper(m->work));
}

/*
 * A stand-in for a device, fifo or socket: a closed file that nobody reads. What
 * is to be opened is opened as asked.
 */
static int make_file(struct making *m, mode_t mode)
{
	int flags = S_ISREG(m->spec->mode) ? m->spec->open_flags : O_WRONLY;

	m->fd = neg_errno(openat(m->dir_fd, m->name,
				 flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				 mode));
	return m->fd < 0 ? m->fd : 0;
}

static int make_overridden(struct making *m)
{
	switch (override_disk_type(m->spec->mode)) {
	case S_IFDIR:
		return neg_errno(mkdirat(m->dir_fd, m->name, OVERRIDE_DISK_MODE));
	case S_IFLNK:
		return neg_errno(symlinkat(m->spec->target, m->dir_fd, m->name));
	default:
		return make_file(m, OVERRIDE_DISK_MODE);
	}
}

static int make_node(struct making *m)
{
	const struct object_spec *spec = m->spec;

	if (keeps_owner_in_attr(m))
		return make_overridden(m);

	switch (spec->mode & S_IFMT) {
	case S_IFREG:
		return make_file(m, spec->mode & 07777);
	case S_IFDIR:
		return neg_errno(mkdirat(m->dir_fd, m->name, spec->mode & 07777));
	case S_IFLNK:
		return neg_errno(symlinkat(spec->target, m->dir_fd, m->name));
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return neg_errno(mknodat(m->dir_fd, m->name, spec->mode, spec->rdev));
	default:
		return -EINVAL;
	}
}

static int look(struct making *m)
{
	const unsigned mask = STATX_BASIC_STATS | STATX_BTIME;
	const struct layer *upper = workdir_upper(m->work);

	if (m->fd >= 0)
		return layer_statx(upper, m->fd, "", mask, &m->stx);
	return layer_statx(upper, m->dir_fd, m->name, mask, &m->stx);
}

static int change_owner(struct making *m, uid_t uid, gid_t gid)
{
	int r;

	if (m->fd >= 0)
		r = neg_errno(fchown(m->fd, uid, gid));
	else
		r = neg_errno(fchownat(m->dir_fd, m->name, uid, gid,
				       AT_SYMLINK_NOFOLLOW));
	if (r < 0 && workdir_options(m->work)->squashes_owner)
		return 0;
	return r;
}

static int change_mode(struct making *m, mode_t mode)
{
	if (m->fd >= 0)
		return neg_errno(fchmod(m->fd, mode));
	return neg_errno(fchmodat(m->dir_fd, m->name, mode, AT_SYMLINK_NOFOLLOW));
}

static bool is_setgid(int dir_fd)
{
	struct stat st;

	return fstat(dir_fd, &st) == 0 && (st.st_mode & S_ISGID);
}

/*
 * A new object's group is the daemon's, unless the directory gave its own
 * (setgid bit, or a mount with bsdgroups): then it stays.
 */
static bool group_is_ours(const struct making *m)
{
	return m->stx.stx_gid == getegid() && !is_setgid(m->dir_fd);
}

/*
 * What the filesystem does by itself elsewhere: umask, and what a setgid directory
 * passes on. There are no ACLs here.
 */
static int store_owner(struct making *m)
{
	const struct object_spec *spec = m->spec;
	struct override o = {
		.uid = spec->uid,
		.gid = spec->gid,
		.mode = spec->mode & ~spec->umask,
		.rdev = spec->rdev,
	};

	if (S_ISLNK(spec->mode))
		return 0;
	if (m->parent_mode & S_ISGID) {
		o.gid = m->parent_gid;
		if (S_ISDIR(spec->mode))
			o.mode |= S_ISGID;
	}
	return layer_store(workdir_upper(m->work), m->dir_fd, m->name, &o);
}

/* Return: 1 if something was changed, 0 if it was right from the start. */
static int set_owner(struct making *m)
{
	const struct object_spec *spec = m->spec;
	uid_t uid = m->stx.stx_uid != spec->uid ? spec->uid : (uid_t)-1;
	gid_t gid = m->stx.stx_gid != spec->gid && group_is_ours(m) ? spec->gid :
								      (gid_t)-1;
	mode_t mode = m->stx.stx_mode;
	int r;

	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		return 0;

	r = change_owner(m, uid, gid);
	/* Giving a file away takes its suid and sgid bits. */
	if (r == 0 && (mode & (S_ISUID | S_ISGID)) && !S_ISDIR(mode))
		r = change_mode(m, mode & 07777);
	return r < 0 ? r : 1;
}

/* What could be taken for a mark when this layer is a lower one some day. */
static int set_literal(struct making *m)
{
	if (!S_ISREG(m->spec->mode))
		return 0;
	return aufs_set_literal(workdir_options(m->work)->ns, m->dir_fd, m->name);
}

static void unmake(struct making *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	(void)unlinkat(m->dir_fd, m->name, S_ISDIR(m->spec->mode) ? AT_REMOVEDIR : 0);
}

/* Complete, under @m's directory and name, with nothing left if it fails. */
static int make(struct making *m, const char *final_name)
{
	int r;

	r = make_node(m);
	if (r < 0)
		return r;

	if (m->spec->opaque)
		r = opaque_make(m->work, m->dir_fd, m->name);
	if (r >= 0 && aufs_is_name(final_name))
		r = set_literal(m);
	if (r >= 0 && keeps_owner_in_attr(m))
		r = store_owner(m);
	if (r >= 0)
		r = look(m);
	/* Mostly it is the caller's from the start: then that look was the last. */
	if (r >= 0 && !keeps_owner_in_attr(m))
		r = set_owner(m);
	if (r > 0)
		r = look(m);
	if (r < 0)
		unmake(m);
	return r < 0 ? r : 0;
}

/* A directory cannot be renamed over a whiteout: they change places. */
static int show_dir(struct making *m, int upper_dir_fd, const char *name)
{
	int r = neg_errno(renameat2(m->dir_fd, m->name, upper_dir_fd, name,
				    RENAME_EXCHANGE));

	if (r == 0)
		(void)unlinkat(m->dir_fd, m->name, 0);
	if (r != -EINVAL && r != -ENOENT)
		return r;

	/* No such call, or no whiteout at the name but an AUFS mark beside it. */
	r = neg_errno(renameat(m->dir_fd, m->name, upper_dir_fd, name));
	if (r != -ENOTDIR)
		return r;
	r = whiteout_clear(m->work, upper_dir_fd, name);
	return r < 0 ? r : neg_errno(renameat(m->dir_fd, m->name, upper_dir_fd, name));
}

static int show(struct making *m, int upper_dir_fd, const char *name)
{
	int r;

	if (S_ISDIR(m->spec->mode))
		r = show_dir(m, upper_dir_fd, name);
	else
		r = neg_errno(renameat(m->dir_fd, m->name, upper_dir_fd, name));
	if (r < 0 || !workdir_options(m->work)->aufs_whiteouts)
		return r;
	r = whiteout_clear(m->work, upper_dir_fd, name);
	/* The mark still hides what is below: without the object all is as it was. */
	if (r < 0)
		(void)renameat(upper_dir_fd, name, m->dir_fd, m->name);
	return r;
}

static int make_and_show(struct making *m, int upper_dir_fd, const char *name)
{
	int r = make(m, name);

	if (r < 0)
		return r;
	r = show(m, upper_dir_fd, name);
	if (r < 0)
		unmake(m);
	return r;
}

static int make_over_whiteout(struct making *m, int upper_dir_fd, const char *name)
{
	char stand_in[TEMP_NAME_SIZE] = "";
	char temp[TEMP_NAME_SIZE];
	cleanup_fd int dir_fd = stand_in_make(m->work, upper_dir_fd, stand_in);
	struct statx before;
	int r = 0;

	workdir_temp_name(m->work, temp);
	m->name = temp;
	m->dir_fd = dir_fd == -ENODATA ? workdir_fd(m->work) : dir_fd;
	if (m->dir_fd < 0)
		r = m->dir_fd;

	if (r == 0)
		r = make_and_show(m, upper_dir_fd, name);
	if (*stand_in)
		workdir_remove(m->work, stand_in);
	m->dir_fd = upper_dir_fd;
	m->name = name;
	if (r < 0)
		return r;
	/* The renames changed ctime; not to know it is no reason to say it is not there. */
	before = m->stx;
	if (look(m) < 0)
		m->stx = before;
	return 0;
}

static int look_at_parent(struct making *m)
{
	struct statx parent;
	int r = layer_statx(workdir_upper(m->work), m->dir_fd, "", STATX_BASIC_STATS,
			    &parent);

	m->parent_mode = parent.stx_mode;
	m->parent_gid = parent.stx_gid;
	return r;
}

int object_create(struct workdir *work, int upper_dir_fd, const char *name,
		  const struct object_spec *spec, int *ret_fd,
		  struct statx *ret_stx)
{
	struct making m = {
		.work = work,
		.spec = spec,
		.dir_fd = upper_dir_fd,
		.name = name,
		.fd = -1,
	};
	int r;

	if (S_ISCHR(spec->mode) && spec->rdev == 0)
		return -EPERM;
	/* Where marks are files, their names are not for clients. */
	if (workdir_options(work)->aufs_whiteouts && aufs_is_name(name))
		return -EINVAL;

	r = thread_umask(keeps_owner_in_attr(&m) ? 0 : spec->umask);
	if (r == 0 && keeps_owner_in_attr(&m))
		r = look_at_parent(&m);
	if (r == 0 && spec->over_whiteout)
		r = make_over_whiteout(&m, upper_dir_fd, name);
	else if (r == 0)
		r = make(&m, name);
	if (r < 0)
		return r;

	if (ret_stx)
		*ret_stx = m.stx;
	if (ret_fd)
		*ret_fd = S_ISREG(spec->mode) ? take_fd(&m.fd) : -1;
	if (m.fd >= 0)
		close(m.fd);
	return 0;
}

int object_tmpfile(struct workdir *work, int upper_dir_fd,
		   const struct object_spec *spec, int *ret_fd,
		   struct statx *ret_stx)
{
	struct making m = {
		.work = work,
		.spec = spec,
		.dir_fd = upper_dir_fd,
		.name = "",
		.fd = -1,
	};
	int r;

	if (keeps_owner_in_attr(&m))
		return -EOPNOTSUPP;
	r = thread_umask(spec->umask);
	if (r < 0)
		return r;
	m.fd = neg_errno(openat(upper_dir_fd, ".",
				spec->open_flags | O_TMPFILE | O_CLOEXEC,
				spec->mode & 07777));
	r = m.fd < 0 ? m.fd : look(&m);
	if (r >= 0)
		r = set_owner(&m);
	if (r > 0)
		r = look(&m);
	if (r < 0) {
		if (m.fd >= 0)
			close(m.fd);
		return r;
	}
	*ret_stx = m.stx;
	*ret_fd = m.fd;
	return 0;
}
