/* SPDX-License-Identifier: Apache-2.0 */
/* What few programs do: locks, direct I/O, private maps, capabilities, leases. */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"

#define DIRECT_BLOCK 4096

/* --- locks: of the open file description, so that one process can conflict --- */

static long do_lock(struct fsops *ops, const struct arg *a)
{
	struct flock lock = { .l_whence = SEEK_SET, .l_start = a[2].number,
			      .l_len = a[3].number };

	if (!strcmp(a[1].text, "read"))
		lock.l_type = F_RDLCK;
	else if (!strcmp(a[1].text, "write"))
		lock.l_type = F_WRLCK;
	else
		lock.l_type = F_UNLCK;
	return neg(fcntl(ops->fds[a[0].number], F_OFD_SETLK, &lock));
}

static long do_flock(struct fsops *ops, const struct arg *a)
{
	int how = !strcmp(a[1].text, "read")  ? LOCK_SH :
		  !strcmp(a[1].text, "write") ? LOCK_EX :
						LOCK_UN;

	return neg(flock(ops->fds[a[0].number], how | LOCK_NB));
}

/* --- data by other ways --- */

static long direct(const struct arg *a, bool writes)
{
	cleanup_fd int fd = open(a[0].text, (writes ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	size_t size = (size_t)a[2].number;
	char *buf = NULL;
	long n;

	if (fd < 0)
		return -errno;
	if (posix_memalign((void **)&buf, DIRECT_BLOCK, size + DIRECT_BLOCK) != 0)
		return -ENOMEM;
	if (writes) {
		fill_pattern(buf, size, a[3].number, a[1].number);
		n = neg(pwrite(fd, buf, size, a[1].number));
	} else {
		n = neg(pread(fd, buf, size, a[1].number));
	}
	free(buf);
	return n;
}

/* At multiples of DIRECT_BLOCK: what is allowed beyond that is the filesystem's. */
static long do_direct_read(struct fsops *ops, const struct arg *a)
{
	return direct(a, false);
}

static long do_direct_write(struct fsops *ops, const struct arg *a)
{
	return direct(a, true);
}

/* What is written to a private map is nobody else's. */
static long do_map_private(struct fsops *ops, const struct arg *a)
{
	int fd = ops->fds[a[0].number];
	struct stat st;
	char *map;

	if (fstat(fd, &st) < 0)
		return -errno;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	memset(map, (int)a[1].number, (size_t)st.st_size);
	munmap(map, (size_t)st.st_size);
	return st.st_size;
}

static long do_sendfile(struct fsops *ops, const struct arg *a)
{
	off_t from = a[1].number;

	return neg(sendfile(ops->fds[a[2].number], ops->fds[a[0].number], &from,
			    (size_t)a[3].number));
}

/* --- file capabilities --- */

static long do_setcap(struct fsops *ops, const struct arg *a)
{
	struct vfs_cap_data caps = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data[0].permitted = 1u << CAP_NET_RAW,
	};

	return neg(lsetxattr(a[0].text, "security.capability", &caps, XATTR_CAPS_SZ_2, 0));
}

static long do_getcap(struct fsops *ops, const struct arg *a)
{
	return neg(lgetxattr(a[0].text, "security.capability", NULL, 0));
}

/* --- the rest --- */

/* Whether it is there, and not in the future of what can be: never its value. */
static long do_btime(struct fsops *ops, const struct arg *a)
{
	struct statx stx;

	if (statx(AT_FDCWD, a[0].text, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME,
		  &stx) < 0)
		return -errno;
	show(ops, "%s", stx.stx_mask & STATX_BTIME && stx.stx_btime.tv_sec > FSOPS_NOW_S ?
			     "known" : "unknown");
	return 0;
}

/* Two descriptors in turn: no line may be lost or land on another. */
static long do_append_many(struct fsops *ops, const struct arg *a)
{
	cleanup_fd int one = open(a[0].text, O_WRONLY | O_APPEND | O_CLOEXEC);
	cleanup_fd int two = open(a[0].text, O_WRONLY | O_APPEND | O_CLOEXEC);
	char line[32];
	long i;

	if (one < 0 || two < 0)
		return -errno;
	for (i = 0; i < a[1].number; i++) {
		snprintf(line, sizeof(line), "line %08ld\n", i);
		if (write(i % 2 ? one : two, line, 14) != 14)
			return -errno;
	}
	return i;
}

/* --- deep trees: entered one by one, for no path is that long --- */

static long descend(struct fsops *ops, const struct arg *a, bool makes)
{
	cleanup_fd int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long i, r = 0;

	if (back < 0)
		return -errno;
	for (i = 0; r == 0 && i < a[1].number; i++) {
		if (makes && mkdir(a[0].text, 0755) < 0 && errno != EEXIST)
			r = -errno;
		else if (chdir(a[0].text) < 0)
			r = -errno;
	}
	if (r == 0 && makes)
		r = neg(symlink("bottom", "bottom"));
	for (; r == 0 && !makes && i > 0; i--) {
		unlink("bottom");
		if (chdir("..") < 0 || rmdir(a[0].text) < 0)
			r = -errno;
	}
	if (fchdir(back) < 0)
		return -errno;
	return r;
}

static long do_dig(struct fsops *ops, const struct arg *a)
{
	return descend(ops, a, true);
}

static long do_fill_in(struct fsops *ops, const struct arg *a)
{
	return descend(ops, a, false);
}

const struct verb fsops_rare_verbs[] = {
	{ "lock", "stnn", do_lock },
	{ "flock", "st", do_flock },
	{ "direct_read", "pnn", do_direct_read },
	{ "direct_write", "pnnn", do_direct_write },
	{ "map_private", "sn", do_map_private },
	{ "sendfile", "snsn", do_sendfile },
	{ "setcap", "p", do_setcap },
	{ "getcap", "p", do_getcap },
	{ "btime", "p", do_btime },
	{ "append_many", "pn", do_append_many },
	{ "dig", "tn", do_dig },
	{ "fill_in", "tn", do_fill_in },
	{ 0 },
};
