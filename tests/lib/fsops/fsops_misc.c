/* SPDX-License-Identifier: Apache-2.0 */
/* Who acts, what is remembered, and what only the building of a layer needs. */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * The saved user id stays root's, so that the list can go back. A user other
 * than root has no capabilities meanwhile.
 */
static long do_as(struct fsops *ops, const struct arg *a)
{
	gid_t groups[1] = { (gid_t)a[2].number };

	if (setresuid((uid_t)-1, 0, (uid_t)-1) < 0 ||
	    setgroups(a[2].number ? 1 : 0, groups) < 0 ||
	    setresgid((gid_t)-1, (gid_t)a[1].number, (gid_t)-1) < 0 ||
	    setresuid((uid_t)-1, (uid_t)a[0].number, (uid_t)-1) < 0)
		return -errno;
	return 0;
}

static long do_umask(struct fsops *ops, const struct arg *a)
{
	umask((mode_t)a[0].number);
	return 0;
}

/* ino PATH LABEL: remember the number; same PATH LABEL: is it still that one? */
static long do_ino(struct fsops *ops, const struct arg *a)
{
	struct stat st;
	size_t i;

	if (lstat(a[0].text, &st) < 0)
		return -errno;
	for (i = 0; i < FSOPS_LABELS; i++) {
		if (ops->labels[i].name[0] && strcmp(ops->labels[i].name, a[1].text))
			continue;
		snprintf(ops->labels[i].name, sizeof(ops->labels[i].name), "%s", a[1].text);
		ops->labels[i].ino = st.st_ino;
		return 0;
	}
	return -ENOSPC;
}

static long do_same(struct fsops *ops, const struct arg *a)
{
	struct stat st;
	size_t i;

	if (lstat(a[0].text, &st) < 0)
		return -errno;
	for (i = 0; i < FSOPS_LABELS; i++)
		if (!strcmp(ops->labels[i].name, a[1].text))
			show(ops, "ino=%s", ops->labels[i].ino == st.st_ino ? "same" :
									      "different");
	return 0;
}

static long do_dump(struct fsops *ops, const struct arg *a)
{
	fflush(stdout);
	return fsops_dump(DUMP_TREE);
}

/* --- building layers --- */

static long do_whiteout(struct fsops *ops, const struct arg *a)
{
	return neg(mknod(a[0].text, S_IFCHR, makedev(0, 0)));
}

static long do_opaque(struct fsops *ops, const struct arg *a)
{
	return neg(lsetxattr(a[0].text, "trusted.overlay.opaque", "y", 1, 0));
}

static long do_redirect(struct fsops *ops, const struct arg *a)
{
	return neg(lsetxattr(a[0].text, "trusted.overlay.redirect", a[1].text,
			     strlen(a[1].text), 0));
}

static int freeze_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	uint64_t hash = hash_bytes(HASH_START, path, strlen(path));
	struct timespec times[2];

	times[0] = (struct timespec){ 900000000 + (time_t)(hash % 1000000), 0 };
	times[1] = (struct timespec){ 1000000000 + (time_t)(hash % 1000000),
				      (long)(hash % 999999999) };
	return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

/* Gives everything a time in the past that depends on nothing but its name. */
static long do_freeze(struct fsops *ops, const struct arg *a)
{
	return neg(nftw(".", freeze_one, 64, FTW_DEPTH | FTW_PHYS));
}

const struct verb fsops_misc_verbs[] = {
	{ "as", "uu?u", do_as },
	{ "umask", "m", do_umask },
	{ "ino", "pt", do_ino },
	{ "same", "pt", do_same },
	{ "dump", "", do_dump },
	{ "redirect", "pt", do_redirect },
	{ "whiteout", "p", do_whiteout },
	{ "opaque", "p", do_opaque },
	{ "freeze", "", do_freeze },
	{ 0 },
};
