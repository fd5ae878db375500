/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/fsck_impl.h - what the parts of fsck share
 *
 * How it works. The upper tree is walked together with what it is merged with: for
 * each of its directories the lower ones that count are known (fsck_below). What is
 * wrong becomes a finding, which names one object. Finding changes nothing; whoever
 * takes the findings may mend them one by one (fsck_mend), each by steps that are
 * safe to repeat.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/opt.h"
#include "unionfs/index.h"
#include "unionfs/options.h"
#include "unionfs/origin.h"
#include "unionfs/way.h"

enum finding_kind {
	/* in the upper tree */
	FOUND_STALE_WHITEOUT,
	FOUND_BARE_WHITEOUT,
	FOUND_AUFS_MARK,
	FOUND_BAD_OPAQUE,
	FOUND_BAD_REDIRECT,
	FOUND_REDIRECT_TO_NOTHING,
	FOUND_DEAD_REDIRECT,
	FOUND_BAD_METACOPY,
	FOUND_LOST_DATA,
	FOUND_BAD_ORIGIN,
	FOUND_SAME_ORIGIN,
	FOUND_NOT_IMPURE,
	FOUND_BAD_NLINK,
	FOUND_BAD_UUID,
	FOUND_FOREIGN,
	/* in the index */
	FOUND_ALIEN_ENTRY,
	FOUND_UNFINISHED_ENTRY,
	FOUND_DANGLING_ENTRY,
	FOUND_WRONG_ENTRY,
	/* in the work directory */
	FOUND_UNFINISHED,
	FOUND_VOLATILE,
	FOUND_OLD_VOLATILE,
	FOUND_INCOMPAT,
	FOUND_KINDS,
};

struct finding {
	enum finding_kind kind;
	int dir_fd;		/* lent: of the directory that holds the object */
	const char *name;	/* in it; "" is the directory itself */
	const char *where;	/* to be shown: the path of the directory */
	bool is_below;		/* a lower layer has something of that name */
	bool has_data;		/* a lower layer has the file's data */
	unsigned nlink;		/* what the number of links must be */
};

struct fsck {
	const struct options *options;
	enum overlay_ns ns;
	struct layer *upper;		/* owned */
	struct unionfs *layers;		/* owned: only .layers, .ns and the counts */
	int parent_fd, work_fd, index_fd; /* owned; -1: there is none */
	bool is_foreign;		/* the lower layers are others than it had */

	/* Takes a finding; its negative return ends the search. */
	int (*take)(struct fsck *f, const struct finding *finding);
	bool repairs;
	unsigned passes, mended, left;
	void *claims;			/* fsck_origins.c */
};

/* ---- fsck_below.c: which lower directories one of the upper layer covers ---- */

struct below_part {
	unsigned layer;
	int fd;			/* owned */
	bool has_xattr_whiteouts;
	char *path;		/* owned: where a redirect led to; NULL: beside the parent's */
};

struct below {
	struct below_part *parts;	/* top first */
	unsigned count;
};

#define BELOW_INIT { 0 }

/** below_root() - the roots of the lower layers; 0 or -errno */
int below_root(struct fsck *f, struct below *ret);

/**
 * below_child() - what a directory of the upper layer is merged with
 * @parent:	the same for the directory that holds it
 * @marks:	read from it
 */
int below_child(struct fsck *f, const struct below *parent, const char *name,
		const struct marks *marks, struct below *ret);

/** below_has() - do the layers below show the name: 1, 0 or -errno */
int below_has(struct fsck *f, const struct below *below, const char *name);

/**
 * below_data() - is there data for a metacopy
 * @redirect:	stored at it; "" if there is none
 *
 * Return: 1, 0, or -errno.
 */
int below_data(struct fsck *f, const struct below *parent, const char *name,
	       const char *redirect);

void below_done(struct below *below);
#define cleanup_below __attribute__((cleanup(below_done)))

/* ---- the searches; 0 or -errno, or what fsck.take() returned ---- */

int fsck_find_root(struct fsck *f);	/* fsck_tree.c; tells whether .is_foreign */
int fsck_find_tree(struct fsck *f);

/**
 * fsck_claim() - note that an upper object came from there, and take what is wrong if
 *	another says so, too
 * @object:	a finding about it
 * @below:	what its directory is merged with
 */
int fsck_claim(struct fsck *f, const struct finding *object, const struct below *below,
	       const struct origin *origin, uint64_t ino);
void fsck_claims_done(struct fsck *f);	/* fsck_origins.c */

int fsck_find_index(struct fsck *f);	/* fsck_index.c */
int fsck_find_work(struct fsck *f);	/* fsck_work.c */

/** fsck_is_spare_whiteout() - what every use of a work directory leaves in it */
bool fsck_is_spare_whiteout(int dir_fd, const char *name);

/** fsck_kernel_uses() - is a kernel overlay mount that we can see writing to it */
bool fsck_kernel_uses(int upper_fd);	/* fsck_busy.c */

/** fsck_names() - call @visit for each name in a directory but "." and ".." */
int fsck_names(int dir_fd, int (*visit)(void *arg, const char *name), void *arg);

/* ---- fsck_mend.c ---- */

/** finding_text() - what is wrong, in a few words */
const char *finding_text(enum finding_kind kind);

/**
 * fsck_mend() - put it right
 * @ret_done:	in a few words, what was done; or what somebody else must do
 *
 * Return: 1 if it is mended, 0 if that cannot be done, -errno.
 */
int fsck_mend(struct fsck *f, const struct finding *finding, const char **ret_done);
