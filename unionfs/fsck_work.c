/* SPDX-License-Identifier: Apache-2.0 */
/* What is left in the work directory. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/fsck_impl.h"
#include "unionfs/marks.h"
#include "unionfs/workdir.h"

#define WORK "WORKDIR/work"	/* as it is shown */

static int take(struct fsck *f, enum finding_kind kind, int dir_fd, const char *where,
		const char *name)
{
	const struct finding finding = {
		.kind = kind, .dir_fd = dir_fd, .name = name, .where = where,
	};

	return f->take(f, &finding);
}

/*
 * Was the mark made since the machine started? Then no write can have been lost but
 * by a mount that is still there, and that holds the lock.
 */
static int is_of_this_boot(int dir_fd, const char *name)
{
	struct timespec now, up;
	struct statx stx;

	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) < 0 ||
	    clock_gettime(CLOCK_REALTIME, &now) < 0 ||
	    clock_gettime(CLOCK_BOOTTIME, &up) < 0)
		return -errno;
	return stx.stx_mtime.tv_sec > now.tv_sec - up.tv_sec + 1 &&
	       stx.stx_mtime.tv_sec <= now.tv_sec &&
	       stx.stx_ctime.tv_sec > now.tv_sec - up.tv_sec + 1;
}

struct incompat {
	struct fsck *f;
	int fd;
};

static int check_feature(void *arg, const char *name)
{
	struct incompat *i = arg;
	enum finding_kind kind = FOUND_INCOMPAT;
	int r;

	if (strcmp(name, "volatile") == 0) {
		r = is_of_this_boot(i->fd, name);
		if (r < 0)
			return r;
		kind = r ? FOUND_VOLATILE : FOUND_OLD_VOLATILE;
	}
	return take(i->f, kind, i->fd, WORK "/incompat", name);
}

static int check_incompat(struct fsck *f)
{
	cleanup_fd int fd = workdir_open_private(f->work_fd, "incompat");
	struct incompat i = { f, fd };

	/* Not what anybody makes there: it says nothing. */
	if (fd == -ENOTDIR || fd == -ELOOP)
		return take(f, FOUND_UNFINISHED, f->work_fd, WORK, "incompat");
	return fd < 0 ? fd : fsck_names(fd, check_feature, &i);
}

/* The inode that whiteouts are links to stays there when a union is unmounted. */
bool fsck_is_spare_whiteout(int dir_fd, const char *name)
{
	struct statx stx;

	return name[0] == '#' &&
	       statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx) == 0 &&
	       is_whiteout_device(&stx);
}

static int check_temp(void *arg, const char *name)
{
	struct fsck *f = arg;

	if (fsck_is_spare_whiteout(f->work_fd, name))
		return 0;

	if (strcmp(name, "incompat") == 0)
		return check_incompat(f);
	return take(f, FOUND_UNFINISHED, f->work_fd, WORK, name);
}

int fsck_find_work(struct fsck *f)
{
	return f->work_fd < 0 ? 0 : fsck_names(f->work_fd, check_temp, f);
}
