/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/fsck_mend.c - putting right what was found
 *
 * What is in doubt shows less rather than what nobody put there: a directory whose
 * redirect is of no use is made opaque, for merging it with whatever has its name
 * below would bring back files that were never in it. Content is never made up: a file
 * whose data is lost stays an error.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/errors.h"
#include "unionfs/fsck_impl.h"
#include "unionfs/marks.h"
#include "unionfs/metacopy.h"
#include "unionfs/remove_tree.h"

#define TEMP_NAME "#fsck"

static int drop_attr(struct fsck *f, const struct finding *finding, const char *which)
{
	int r = overlay_xattr_remove(f->ns, finding->dir_fd, finding->name, which);

	return r < 0 ? r : 1;
}

static int remove_entry(struct fsck *f, const struct finding *finding)
{
	(void)f;
	return unlinkat(finding->dir_fd, finding->name, 0) < 0 ? -errno : 1;
}

static int make_whiteout(int dir_fd, const char *name)
{
	return neg_errno(mknodat(dir_fd, name, S_IFCHR, makedev(0, 0)));
}

/* Over the file at once: the lower object is not to show in between. */
static int replace_whiteout(struct fsck *f, const struct finding *finding)
{
	int r;

	if (!finding->is_below)
		return remove_entry(f, finding);
	if (f->work_fd < 0)
		return 0;
	(void)unlinkat(f->work_fd, TEMP_NAME, 0);
	r = make_whiteout(f->work_fd, TEMP_NAME);
	if (r == 0)
		r = neg_errno(renameat(f->work_fd, TEMP_NAME, finding->dir_fd,
				       finding->name));
	if (r < 0)
		(void)unlinkat(f->work_fd, TEMP_NAME, 0);
	return r < 0 ? r : 1;
}

/* The other form first: both together mean the same. */
static int convert_mark(struct fsck *f, const struct finding *finding)
{
	int r = 0;

	if (strcmp(finding->name, AUFS_OPAQUE) == 0)
		r = *finding->where ? opaque_set(f->ns, finding->dir_fd, "") : 0;
	else if (finding->is_below)
		r = make_whiteout(finding->dir_fd,
				  finding->name + strlen(AUFS_WHITEOUT_PREFIX));
	if (r < 0 && r != -EEXIST)
		return r;
	return remove_entry(f, finding);
}

static int drop_opaque(struct fsck *f, const struct finding *finding)
{
	return drop_attr(f, finding, OVERLAY_OPAQUE);
}

static int drop_redirect(struct fsck *f, const struct finding *finding)
{
	return drop_attr(f, finding, OVERLAY_REDIRECT);
}

static int cut_off(struct fsck *f, const struct finding *finding)
{
	int r = opaque_set(f->ns, finding->dir_fd, finding->name);

	return r < 0 ? r : drop_redirect(f, finding);
}

static int renew_metacopy(struct fsck *f, const struct finding *finding)
{
	int r;

	/* The digest is lost with the mark: not where one is required. */
	if (!finding->has_data || f->options->verity == VERITY_REQUIRE)
		return 0;
	r = metacopy_write(f->ns, finding->dir_fd, finding->name, NULL);
	return r < 0 ? r : 1;
}

static int drop_origin(struct fsck *f, const struct finding *finding)
{
	return drop_attr(f, finding, OVERLAY_ORIGIN);
}

static int drop_uuid(struct fsck *f, const struct finding *finding)
{
	return drop_attr(f, finding, OVERLAY_UUID);
}

static int mark_impure(struct fsck *f, const struct finding *finding)
{
	int r = overlay_xattr_set(f->ns, finding->dir_fd, finding->name, OVERLAY_IMPURE,
				  "y", 1);

	return r < 0 ? r : 1;
}

static int set_nlink(struct fsck *f, const struct finding *finding)
{
	struct statx stx;
	int r;

	if (finding->dir_fd != f->index_fd)
		return drop_attr(f, finding, OVERLAY_NLINK);
	if (statx(finding->dir_fd, finding->name, AT_SYMLINK_NOFOLLOW, STATX_NLINK, &stx) < 0)
		return -errno;
	r = index_nlink_set(f->ns, finding->dir_fd, finding->name, finding->nlink,
			    stx.stx_nlink);
	return r < 0 ? r : 1;
}

/* Names in the upper stay, and count for themselves from now on. */
static int remove_index_entry(struct fsck *f, const struct finding *finding)
{
	struct statx stx;
	int r = 0;

	if (statx(finding->dir_fd, finding->name, AT_SYMLINK_NOFOLLOW,
		  STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	if (S_ISDIR(stx.stx_mode)) {
		r = neg_errno(unlinkat(finding->dir_fd, finding->name, AT_REMOVEDIR));
		return r == -ENOTEMPTY ? 0 : r < 0 ? r : 1;
	}
	if (!is_whiteout_device(&stx) && stx.stx_nlink > 1)
		r = overlay_xattr_remove(f->ns, finding->dir_fd, finding->name,
					 OVERLAY_NLINK);
	return r < 0 ? r : remove_entry(f, finding);
}

static int remove_whole(struct fsck *f, const struct finding *finding)
{
	int r = remove_tree(finding->dir_fd, finding->name);

	(void)f;
	return r < 0 ? r : 1;
}

/* Nothing was lost yet; now nothing can be. */
static int end_volatile(struct fsck *f, const struct finding *finding)
{
	if (syncfs(layer_root_fd(f->upper)) < 0)
		return -errno;
	return remove_whole(f, finding);
}

/* @mend is NULL where @done says what somebody has to do. */
static const struct {
	const char *text;
	const char *done;
	int (*mend)(struct fsck *f, const struct finding *finding);
	const char *otherwise;	/* if @mend answers 0 */
} kinds[FOUND_KINDS] = {
	[FOUND_STALE_WHITEOUT] = { "whiteout over nothing", "removed", remove_entry },
	[FOUND_BARE_WHITEOUT] = {
		"whiteout attribute in a directory that is not marked to hold such",
		"made a whiteout, or removed where nothing is below", replace_whiteout,
		"mount once, so that there is a work directory" },
	[FOUND_AUFS_MARK] = { "'.wh.' mark where the overlay's own are in use",
			      "made one of the overlay's", convert_mark },
	[FOUND_BAD_OPAQUE] = { "malformed opaque mark", "removed", drop_opaque },
	[FOUND_BAD_REDIRECT] = { "malformed redirect", "made opaque", cut_off },
	[FOUND_REDIRECT_TO_NOTHING] = { "redirect to nothing", "made opaque", cut_off },
	[FOUND_DEAD_REDIRECT] = { "redirect of an opaque directory", "removed",
				  drop_redirect },
	[FOUND_BAD_METACOPY] = { "malformed metacopy mark",
				 "made a mark without digest", renew_metacopy,
				 "the data is not to be had: remove the file" },
	[FOUND_LOST_DATA] = { "metacopy whose data is in no layer",
			      "give the layer that has it, or remove the file", NULL },
	[FOUND_BAD_ORIGIN] = { "malformed origin", "removed", drop_origin },
	[FOUND_SAME_ORIGIN] = { "says that it came from where another object did",
				"its origin is unknown now", drop_origin },
	[FOUND_NOT_IMPURE] = { "holds copied-up objects and is not marked impure",
			       "marked", mark_impure },
	[FOUND_BAD_NLINK] = { "impossible number of links", "corrected", set_nlink },
	[FOUND_BAD_UUID] = { "malformed uuid", "removed", drop_uuid },
	[FOUND_FOREIGN] = {
		"was used with other lower layers; what depends on them was not checked",
		"give those layers, or index=off to check all the same", NULL },
	[FOUND_ALIEN_ENTRY] = { "no entry of an index", "removed", remove_index_entry,
				"it is a directory with something in it: remove it" },
	[FOUND_UNFINISHED_ENTRY] = { "unfinished object", "removed", remove_whole },
	[FOUND_DANGLING_ENTRY] = { "entry of a file that is in no layer", "removed",
				   remove_index_entry, "it is not empty: remove it" },
	[FOUND_WRONG_ENTRY] = { "entry of another file than it says", "removed",
				remove_index_entry, "it is not empty: remove it" },
	[FOUND_UNFINISHED] = { "unfinished object", "removed", remove_whole },
	[FOUND_VOLATILE] = {
		"mark of a volatile mount, which ended since the machine started",
		"written to disk, mark removed", end_volatile },
	[FOUND_OLD_VOLATILE] = {
		"mark of a volatile mount: writes may have been lost",
		"start with an empty upper layer, or remove the mark if you know better",
		NULL },
	[FOUND_INCOMPAT] = { "mark of a feature that is not known here",
			     "use the program that made it", NULL },
};

const char *finding_text(enum finding_kind kind)
{
	return kinds[kind].text;
}

int fsck_mend(struct fsck *f, const struct finding *finding, const char **ret_done)
{
	int r = 0;

	*ret_done = kinds[finding->kind].done;
	if (!kinds[finding->kind].mend)
		return 0;
	r = kinds[finding->kind].mend(f, finding);
	if (r == 0)
		*ret_done = kinds[finding->kind].otherwise;
	return r;
}
