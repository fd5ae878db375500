/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. The copy is made in the work directory, which nobody else enters, gets
 * its data, owner, attributes, mode and times in that order (each of them undoes
 * or forbids some later-listed one if done after it), is synced, and is then only
 * renamed. Whatever fails before that removes it. Owner and mode that a new file has
 * by itself are not set; a look at the copy, which is needed anyway, tells.
 */
#include "config.h"
#include "unionfs/copy_up.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/copy_data.h"
#include "unionfs/copy_xattrs.h"
#include "unionfs/force.h"
#include "unionfs/marks.h"
#include "unionfs/metacopy.h"
#include "unionfs/object.h"
#include "unionfs/override.h"
#include "unionfs/redirect.h"

struct job {
	const struct copy_up *c;
	struct statx from;	/* of the source */
	int work_fd;		/* lent */
	const char *name;	/* of the copy in the work directory */
	int fd;			/* owned; of the copy if it is a file, else -1 */
	mode_t mode;		/* that it was made with */
	bool is_careful;	/* leave nothing to what it should be like already */
};

static enum overlay_ns job_ns(const struct job *j)
{
	return workdir_options(j->c->work)->ns;
}

static const struct layer *upper_of(const struct job *j)
{
	return workdir_upper(j->c->work);
}

static bool keeps_owner_in_attr(const struct job *j)
{
	return override_is_active(upper_of(j));
}

static bool is_reg(const struct job *j)
{
	return S_ISREG(j->from.stx_mode);
}

/*
 * Only called for what statx(2) said is a regular file; O_NONBLOCK keeps the open
 * from waiting all the same should it have become a fifo since. Lower layers are
 * not to be touched, not even their access times; who does not own the file must
 * do without.
 */
int copy_up_open_source(int dir_fd, const char *name)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	char path[32];
	int fd;

	if (!*name) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", dir_fd);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOATIME);
		if (fd < 0 && errno == EPERM)
			fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		return neg_errno(fd);
	}

	fd = openat(dir_fd, name, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = openat(dir_fd, name, flags);
	return neg_errno(fd);
}

static int check_is_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EIO;
}

static int make_symlink(struct job *j)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(j->c->from_dir_fd, j->c->from_name, target,
			       sizeof(target));

	if (n < 0)
		return -errno;
	if (n == sizeof(target))
		return -ENAMETOOLONG;
	target[n] = '\0';
	return neg_errno(symlinkat(target, j->work_fd, j->name));
}

/*
 * The mode to begin with: the final one, which then need not be set, if it lets the
 * owner set everything else. Nobody else gets into the work directory meanwhile.
 */
static mode_t first_mode(const struct job *j, mode_t owner)
{
	mode_t mode = j->from.stx_mode & 0777;

	return keeps_owner_in_attr(j) || (mode & owner) != owner ? owner : mode;
}

static int make_node(struct job *j)
{
	mode_t type = j->from.stx_mode & S_IFMT;
	int r;

	if (keeps_owner_in_attr(j))
		type = override_disk_type(type);
	j->mode = first_mode(j, type == S_IFDIR ? 0700 : 0600);
	r = object_allow_mode(j->mode);
	if (r < 0)
		return r;

	switch (type) {
	case S_IFREG:
		j->fd = neg_errno(openat(j->work_fd, j->name,
					 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
						 O_CLOEXEC, j->mode));
		return j->fd < 0 ? j->fd : 0;
	case S_IFDIR:
		return neg_errno(mkdirat(j->work_fd, j->name, j->mode));
	case S_IFLNK:
		return make_symlink(j);
	default:
		return neg_errno(mknodat(j->work_fd, j->name, type | j->mode,
					 makedev(j->from.stx_rdev_major,
						 j->from.stx_rdev_minor)));
	}
}

/* Blocks shared with the source: 1; 0 if the two filesystems do not do that. */
static int share_data(struct job *j, int from_fd)
{
	dev_t dev = makedev(j->from.stx_dev_major, j->from.stx_dev_minor);
	int r;

	if (!workdir_may_clone(j->c->work, dev))
		return 0;
	r = copy_clone(from_fd, j->fd);
	if (r == -EOPNOTSUPP || r == -ENOTTY || r == -EXDEV)
		workdir_cannot_clone(j->c->work, dev);
	return r == 0;
}

static int copy_from(struct job *j, int from_fd)
{
	const struct copy_cancel cancel = { j->c->is_cancelled, j->c->cancel_arg };
	uint64_t size = j->from.stx_size;

	if (size == 0 || share_data(j, from_fd))
		return 0;
	/* Of a metacopy the source's attributes say nothing about its blocks. */
	if (size <= COPY_SMALL_BYTES && j->from.stx_blocks * 512 >= size)
		return copy_small(from_fd, j->fd, size, &cancel);
	return copy_data(from_fd, j->fd, size, &cancel);
}

static int copy_file_data(struct job *j)
{
	cleanup_fd int own_fd = -1;
	int r;

	if (j->c->data_fd >= 0)
		return copy_from(j, j->c->data_fd);
	own_fd = copy_up_open_source(j->c->from_dir_fd, j->c->from_name);
	if (own_fd < 0)
		return own_fd;
	r = check_is_file(own_fd);
	return r < 0 ? r : copy_from(j, own_fd);
}

static int set_data(struct job *j)
{
	if (!is_reg(j))
		return 0;

	switch (j->c->data) {
	case COPY_UP_DATA:
		return copy_file_data(j);
	case COPY_UP_METACOPY:
		return neg_errno(ftruncate(j->fd, j->from.stx_size));
	case COPY_UP_NO_DATA:
		return 0;
	}
	return -EINVAL;
}

static int set_owner(struct job *j)
{
	int r;

	if (keeps_owner_in_attr(j))
		return 0;	/* with the mode */
	if (!j->is_careful && workdir_gives_owner(j->c->work, j->from.stx_uid,
						  j->from.stx_gid))
		return 0;
	r = neg_errno(fchownat(j->work_fd, j->name, j->from.stx_uid, j->from.stx_gid,
			       AT_SYMLINK_NOFOLLOW));

	if (r < 0 && workdir_options(j->c->work)->squashes_owner)
		return 0;
	return r;
}

static int store_owner(struct job *j)
{
	const struct override o = {
		.uid = j->from.stx_uid,
		.gid = j->from.stx_gid,
		.mode = j->from.stx_mode,
		.rdev = makedev(j->from.stx_rdev_major, j->from.stx_rdev_minor),
	};

	return layer_store(upper_of(j), j->work_fd, j->name, &o);
}

static int set_mode(struct job *j)
{
	mode_t mode = j->from.stx_mode & 07777;
	int r;

	if (S_ISLNK(j->from.stx_mode))
		return 0;
	if (keeps_owner_in_attr(j)) {
		r = store_owner(j);
		if (r < 0)
			return r;
		mode = OVERRIDE_DISK_MODE;
	} else if (!j->is_careful && mode == j->mode) {
		return 0;
	}
	if (j->fd >= 0)
		return neg_errno(fchmod(j->fd, mode));
	return neg_errno(fchmodat(j->work_fd, j->name, mode, AT_SYMLINK_NOFOLLOW));
}

static struct timespec timespec_of(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

static int set_times(struct job *j)
{
	const struct timespec times[2] = {
		timespec_of(&j->from.stx_atime),
		timespec_of(&j->from.stx_mtime),
	};

	return neg_errno(utimensat(j->work_fd, j->name, times, AT_SYMLINK_NOFOLLOW));
}

static int set_origin(struct job *j)
{
	struct origin origin;
	int r;

	if (!j->c->with_origin)
		return 0;
	r = origin_of(j->c->from, j->c->from_dir_fd, j->c->from_name, &origin);
	if (r < 0 || origin.length == 0)
		return r;
	return origin_write(job_ns(j), j->work_fd, j->name, &origin);
}

/* The overlay's own attributes, which no copied one may overwrite: last. */
static int set_marks(struct job *j)
{
	bool is_metacopy = is_reg(j) && j->c->data == COPY_UP_METACOPY;
	int r = set_origin(j);

	if (r == 0 && protattr_of(&j->from) && layer_traits(upper_of(j))->has_xattrs)
		r = protattr_write(job_ns(j), j->work_fd, j->name,
				   protattr_of(&j->from));
	if (r == 0 && is_metacopy)
		r = metacopy_write(job_ns(j), j->work_fd, j->name, NULL);
	if (r == 0 && j->c->redirect && (is_metacopy || S_ISDIR(j->from.stx_mode)))
		r = redirect_write(job_ns(j), j->work_fd, j->name, j->c->redirect);
	return r;
}

/*
 * A crash must not leave a name whose data never arrived. Attributes alone are
 * the journal's business, as they are for kernel overlay.
 */
static int sync_data(struct job *j)
{
	const struct workdir_options *options = workdir_options(j->c->work);

	if (j->fd < 0 || j->c->data != COPY_UP_DATA || j->from.stx_size == 0 ||
	    options->is_volatile || options->skips_fsync)
		return 0;
	return neg_errno(fsync(j->fd));
}

static int set_attributes(struct job *j)
{
	int r = set_owner(j);		/* drops capabilities, suid and sgid */

	if (r == 0 && !j->c->has_no_xattrs)
		r = copy_xattrs(job_ns(j), j->c->from, j->c->from_dir_fd,
				j->c->from_name, upper_of(j), j->work_fd, j->name);
	if (r == 0)
		r = set_marks(j);
	if (r == 0)
		r = set_mode(j);	/* may forbid us to write attributes */
	if (r == 0)
		r = set_times(j);
	return r;
}

static int look(struct job *j, struct statx *ret_stx)
{
	const unsigned mask = STATX_BASIC_STATS | STATX_BTIME;

	if (j->fd >= 0)
		return layer_statx(upper_of(j), j->fd, "", mask, ret_stx);
	return layer_statx(upper_of(j), j->work_fd, j->name, mask, ret_stx);
}

/* Did the filesystem make what we took for granted? */
static bool has_attributes(const struct job *j, const struct statx *stx)
{
	if (stx->stx_mode != j->from.stx_mode)
		return false;
	return workdir_options(j->c->work)->squashes_owner ||
	       (stx->stx_uid == j->from.stx_uid && stx->stx_gid == j->from.stx_gid);
}

static int fill(struct job *j, struct statx *ret_stx)
{
	int r = set_data(j);

	if (r == 0)
		r = set_attributes(j);
	if (r == 0)
		r = look(j, ret_stx);
	/* A default ACL or the like had its say: once more, one by one. */
	if (r == 0 && !has_attributes(j, ret_stx)) {
		j->is_careful = true;
		r = set_attributes(j);
		if (r == 0)
			r = look(j, ret_stx);
	}
	if (r == 0)
		r = sync_data(j);
	return r;
}

int copy_up_stage(const struct copy_up *c, struct staged *ret_staged)
{
	char name[TEMP_NAME_SIZE];
	struct job j = {
		.c = c,
		.work_fd = workdir_fd(c->work),
		.name = name,
		.fd = -1,
	};
	struct statx stx;
	int r = 0;

	if (c->from_stx)
		j.from = *c->from_stx;
	else
		r = layer_statx(c->from, c->from_dir_fd, c->from_name,
				STATX_BASIC_STATS, &j.from);
	if (r < 0)
		return r;

	workdir_temp_name(c->work, name);
	r = make_node(&j);
	if (r == 0)
		r = fill(&j, &stx);
	if (r < 0) {
		if (j.fd >= 0)
			close(j.fd);
		workdir_remove(c->work, name);
		return r;
	}

	memcpy(ret_staged->name, name, sizeof(name));
	ret_staged->stx = stx;
	ret_staged->is_open = j.fd >= 0;
	ret_staged->fd = j.fd;
	return 0;
}

/* Filesystems without the flag are renamed into under the union's own lock only. */
static int move_into_place(struct workdir *work, const char *temp, int dir_fd,
			   const char *name)
{
	int r = neg_errno(renameat2(workdir_fd(work), temp, dir_fd, name,
				    RENAME_NOREPLACE));

	if (r == -EINVAL)
		r = neg_errno(renameat(workdir_fd(work), temp, dir_fd, name));
	return r;
}

/*
 * Moving a directory changes its "..", for which those without CAP_DAC_OVERRIDE
 * need to be allowed to write to it.
 */
static int move_opened_up(struct workdir *work, struct staged *staged, int dir_fd,
			  const char *name)
{
	bool is_dir = S_ISDIR(staged->stx.stx_mode);
	mode_t mode;
	int r;

	if (!is_dir || force_begin(workdir_fd(work), staged->name, &mode) < 0)
		return move_into_place(work, staged->name, dir_fd, name);
	r = move_into_place(work, staged->name, dir_fd, name);
	if (r < 0)
		force_end(workdir_fd(work), staged->name, mode);
	else
		force_end(dir_fd, name, mode);
	return r;
}

/* Nor may a directory's mode keep out what is in it below already. */
static int move_by_force(struct workdir *work, struct staged *staged, int dir_fd,
			 const char *name)
{
	mode_t mode;
	int r;

	r = move_opened_up(work, staged, dir_fd, name);
	if (r != -EACCES || force_begin(dir_fd, "", &mode) < 0)
		return r;
	r = move_opened_up(work, staged, dir_fd, name);
	force_end(dir_fd, "", mode);
	return r;
}

static int put_times_back(int dir_fd, const struct statx *before)
{
	const struct timespec times[2] = {
		timespec_of(&before->stx_atime),
		timespec_of(&before->stx_mtime),
	};

	return neg_errno(utimensat(dir_fd, "", times, AT_EMPTY_PATH));
}

int copy_up_publish(struct workdir *work, struct staged *staged, int upper_dir_fd,
		    const char *name, bool is_impure,
		    void (*before)(void *arg, const struct statx *dir), void *arg)
{
	const enum overlay_ns ns = workdir_options(work)->ns;
	struct statx parent;
	int r;

	if (statx(upper_dir_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &parent) < 0)
		return -errno;

	if (before)
		before(arg, &parent);

	/* The directory now holds something that has an origin elsewhere. */
	if (!is_impure && layer_traits(workdir_upper(work))->has_xattrs) {
		r = overlay_xattr_add(ns, upper_dir_fd, "", OVERLAY_IMPURE, "y", 1);
		if (r < 0)
			return r;
	}

	r = move_into_place(work, staged->name, upper_dir_fd, name);
	if (r == -EACCES)
		r = move_by_force(work, staged, upper_dir_fd, name);
	if (r < 0)
		return r;
	staged->name[0] = '\0';

	/* It is there; a directory whose times moved is no reason to say it is not. */
	(void)put_times_back(upper_dir_fd, &parent);
	return 0;
}

int copy_up_take_fd(struct staged *staged)
{
	int fd = staged->is_open ? staged->fd : -1;

	staged->is_open = false;
	return fd;
}

void copy_up_abandon(struct workdir *work, struct staged *staged)
{
	int fd = copy_up_take_fd(staged);

	if (fd >= 0)
		close(fd);
	if (*staged->name)
		workdir_remove(work, staged->name);
	staged->name[0] = '\0';
}
