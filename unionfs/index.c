/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/index.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/marks.h"
#include "unionfs/remove_tree.h"

#define NLINK_TEXT_SIZE 13	/* the kernel's buffer; what is longer is none of ours */

static enum overlay_ns ns_of(const struct workdir *work)
{
	return workdir_options(work)->ns;
}

bool nlink_parse(const char *text, size_t length, char *ret_base, int *ret_difference)
{
	char copy[NLINK_TEXT_SIZE];
	char *end;
	long n;

	if (length < 3 || length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if ((copy[0] != 'U' && copy[0] != 'L') || (copy[1] != '+' && copy[1] != '-') ||
	    copy[2] < '0' || copy[2] > '9')
		return false;

	n = strtol(copy + 1, &end, 10);
	if (end != copy + length || n > INT32_MAX || n < INT32_MIN)
		return false;
	*ret_base = copy[0];
	*ret_difference = n;
	return true;
}

unsigned index_nlink(enum overlay_ns ns, int dir_fd, const char *name,
		     const struct statx *stx, unsigned lower_nlink)
{
	char text[NLINK_TEXT_SIZE];
	ssize_t n = overlay_xattr_get(ns, dir_fd, name, OVERLAY_NLINK, text, sizeof(text));
	int64_t nlink = stx->stx_nlink;
	int difference;
	char base;

	if (n < 0 || !nlink_parse(text, n, &base, &difference))
		return nlink;
	if (base == 'L' && lower_nlink == 0)
		return nlink;
	nlink = (base == 'U' ? nlink : lower_nlink) + difference;
	return nlink > 0 ? nlink : 0;
}

int index_nlink_set(enum overlay_ns ns, int dir_fd, const char *name, unsigned nlink,
		    unsigned upper_nlink)
{
	char text[NLINK_TEXT_SIZE];
	int n = snprintf(text, sizeof(text), "U%+d", (int)nlink - (int)upper_nlink);
	int r = overlay_xattr_set(ns, dir_fd, name, OVERLAY_NLINK, text, n);

	/* user.* is not for fifos and the like: their count may be off by some. */
	return r == -EPERM && ns == OVERLAY_USER ? 0 : r;
}

bool index_is_used(const struct workdir *work)
{
	return workdir_index_fd(work) >= 0 && workdir_index_is_used(work);
}

int index_find(struct workdir *work, const struct origin *origin, mode_t type,
	       char ret_name[2 * ORIGIN_MAX + 1], struct statx *ret_stx)
{
	origin_index_name(origin, ret_name);
	if (!index_is_used(work) || origin->length == 0)
		return 0;

	if (statx(workdir_index_fd(work), ret_name, AT_SYMLINK_NOFOLLOW,
		  STATX_BASIC_STATS | STATX_BTIME, ret_stx) < 0)
		return errno == ENOENT ? 0 : -errno;
	/* A whiteout stands for a file whose last name is gone. */
	if (is_whiteout_device(ret_stx))
		return 0;
	return (ret_stx->stx_mode & S_IFMT) == (type & S_IFMT) ? 1 : -EIO;
}

int index_add(struct workdir *work, const struct staged *staged,
	      const struct origin *origin, unsigned lower_nlink)
{
	char entry[2 * ORIGIN_MAX + 1];
	int r;

	if (origin->length == 0)
		return -EINVAL;
	/* The staged name, which will be the published one, and the index's. */
	r = index_nlink_set(ns_of(work), workdir_fd(work), staged->name, lower_nlink,
			    staged->stx.stx_nlink + 1);
	if (r < 0)
		return r;

	origin_index_name(origin, entry);
	r = neg_errno(linkat(workdir_fd(work), staged->name, workdir_index_fd(work),
			     entry, 0));
	if (r == 0)
		workdir_set_index_used(work);
	return r;
}

int index_remove(struct workdir *work, const struct origin *origin)
{
	char entry[2 * ORIGIN_MAX + 1];

	if (workdir_index_fd(work) < 0 || origin->length == 0)
		return 0;
	origin_index_name(origin, entry);
	if (unlinkat(workdir_index_fd(work), entry, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static struct timespec timespec_of(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

int index_link(struct workdir *work, const struct origin *origin, int upper_dir_fd,
	       const char *name)
{
	char entry[2 * ORIGIN_MAX + 1];
	struct statx parent, stx;
	struct timespec times[2];
	unsigned nlink;
	int r;

	origin_index_name(origin, entry);
	if (statx(upper_dir_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &parent) < 0 ||
	    statx(workdir_index_fd(work), entry, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
		  &stx) < 0)
		return -errno;

	/* Before the link, as the kernel does: after a crash in between, the count
	 * is one short rather than a file that outlives its last name. */
	nlink = index_nlink(ns_of(work), workdir_index_fd(work), entry, &stx, 0);
	r = index_nlink_set(ns_of(work), workdir_index_fd(work), entry, nlink,
			    stx.stx_nlink + 1);
	if (r == 0)
		r = neg_errno(linkat(workdir_index_fd(work), entry, upper_dir_fd, name, 0));
	if (r < 0) {
		(void)index_nlink_set(ns_of(work), workdir_index_fd(work), entry, nlink,
				      stx.stx_nlink);
		return r;
	}

	times[0] = timespec_of(&parent.stx_atime);
	times[1] = timespec_of(&parent.stx_mtime);
	(void)utimensat(upper_dir_fd, "", times, AT_EMPTY_PATH);
	return 0;
}

/* The upper's root remembers the lower one it belongs to, and so on: see above. */
static int check_belongs(enum overlay_ns ns, int dir_fd, const char *which,
			 const struct origin *expected)
{
	struct origin found;
	int r;

	if (expected->length == 0)
		return 0;
	r = strcmp(which, OVERLAY_UPPER) == 0 ? origin_read_upper(ns, dir_fd, "", &found) :
						origin_read(ns, dir_fd, "", &found);
	if (r < 0)
		return r;
	if (found.length == 0)
		return strcmp(which, OVERLAY_UPPER) == 0 ?
			       origin_write_upper(ns, dir_fd, "", expected) :
			       origin_write(ns, dir_fd, "", expected);
	return found.length == expected->length &&
	       memcmp(found.bytes, expected->bytes, found.length) == 0 ? 0 : -ESTALE;
}

static int check_owner(struct workdir *work, const struct layer *lower)
{
	const struct layer *upper = workdir_upper(work);
	struct origin origin;
	int r;

	r = origin_of(lower, layer_root_fd(lower), "", &origin);
	if (r == 0)
		r = check_belongs(ns_of(work), layer_root_fd(upper), OVERLAY_ORIGIN, &origin);
	if (r == 0)
		r = origin_of_upper(upper, layer_root_fd(upper), "", &origin);
	if (r == 0)
		r = check_belongs(ns_of(work), workdir_index_fd(work), OVERLAY_UPPER, &origin);
	return r;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool index_name_parse(const char *name, struct origin *ret)
{
	size_t length = strlen(name);
	uint8_t bytes[ORIGIN_MAX];

	if (length % 2 || length / 2 > sizeof(bytes))
		return false;
	for (size_t i = 0; i < length / 2; i++) {
		int high = hex_digit(name[2 * i]);
		int low = hex_digit(name[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = high << 4 | low;
	}
	return origin_parse(bytes, length / 2, ret);
}

struct cleaning {
	struct workdir *work;
	struct layer *const *lowers;
	size_t count;
};

/* Links of the lower file; 0 if it is gone; -errno if that cannot be known. */
static int64_t lower_links(const struct cleaning *c, const struct origin *origin)
{
	int64_t result = -ENOENT;

	for (size_t i = 0; i < c->count; i++) {
		cleanup_fd int fd = -1;
		struct stat st;

		if (!origin_is_of(origin, c->lowers[i]))
			continue;
		fd = origin_open(c->lowers[i], origin);
		if (fd < 0 && fd != -ESTALE)
			return fd;
		if (fd >= 0)
			return fstat(fd, &st) < 0 ? -errno : (int64_t)st.st_nlink;
		result = 0;
	}
	return result;
}

/*
 * Only what is certainly of no use goes: the lower file is gone, or no links are
 * left to show. Without the right to open handles, everything stays.
 */
static bool is_orphan(const struct cleaning *c, const char *entry,
		      const struct origin *origin)
{
	int index_fd = workdir_index_fd(c->work);
	int64_t links = lower_links(c, origin);
	char text[NLINK_TEXT_SIZE];
	struct statx stx;
	int difference;
	char base;
	ssize_t n;

	if (links <= 0)
		return links == 0;
	if (statx(index_fd, entry, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) < 0 ||
	    !S_ISREG(stx.stx_mode))
		return false;
	n = overlay_xattr_get(ns_of(c->work), index_fd, entry, OVERLAY_NLINK, text,
			      sizeof(text));
	if (n < 0 || !nlink_parse(text, n, &base, &difference))
		return false;
	return (base == 'U' ? (int64_t)stx.stx_nlink : links) + difference <= 0;
}

/*
 * The kernel's "L": relative to the lower file, which is not at hand when a copy is
 * looked at. Said relative to the copy it means the same.
 */
static int make_relative_to_upper(const struct cleaning *c, const char *entry,
				  const struct origin *origin)
{
	int index_fd = workdir_index_fd(c->work);
	char text[NLINK_TEXT_SIZE];
	struct statx stx;
	int64_t links;
	int difference;
	char base;
	ssize_t n;

	n = overlay_xattr_get(ns_of(c->work), index_fd, entry, OVERLAY_NLINK, text,
			      sizeof(text));
	if (n < 0 || !nlink_parse(text, n, &base, &difference) || base != 'L')
		return 0;
	links = lower_links(c, origin);
	if (links <= 0)
		return 0;
	if (statx(index_fd, entry, AT_SYMLINK_NOFOLLOW, STATX_NLINK, &stx) < 0)
		return -errno;
	return index_nlink_set(ns_of(c->work), index_fd, entry, links + difference,
			       stx.stx_nlink);
}

/* 1 if the entry stays, 0 if it went; -errno. */
static int clean_entry(const struct cleaning *c, const char *entry)
{
	int index_fd = workdir_index_fd(c->work);
	struct origin origin;
	int r;

	if (entry[0] == '#')
		return remove_tree(index_fd, entry);
	if (!index_name_parse(entry, &origin))
		return 1;
	if (!is_orphan(c, entry, &origin)) {
		r = make_relative_to_upper(c, entry, &origin);
		return r < 0 ? r : 1;
	}
	return neg_errno(unlinkat(index_fd, entry, 0));
}

static int clean(const struct cleaning *c)
{
	cleanup_fd int fd = neg_errno(openat(workdir_index_fd(c->work), ".",
					     O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int r;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)take_fd(&fd);

	while ((errno = 0, entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		r = clean_entry(c, entry->d_name);
		if (r < 0)
			return r;
		if (r > 0)
			workdir_set_index_used(c->work);
	}
	return -errno;
}

int index_prepare(struct workdir *work, struct layer *const *lowers, size_t count)
{
	const struct cleaning c = { work, lowers, count };
	int r;

	if (workdir_index_fd(work) < 0 || count == 0)
		return 0;
	r = check_owner(work, lowers[0]);
	if (workdir_options(work)->is_handed_over) {	/* another worker may be in it */
		workdir_set_index_used(work);
		return r;
	}
	return r < 0 ? r : clean(&c);
}
