/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/index.h - hard links of lower files, kept over copy-up and remount
 *
 * How it works. A lower file with several names is copied up once; WORKDIR/index
 * holds one more link to the copy, named by the lower file's origin. Whoever meets
 * another of its names below finds the copy there. Since names may be in any layer,
 * the number of links to show is kept beside: attribute "nlink" holds its
 * difference from the copy's own count (U) or the lower file's (L), so that what is
 * done to both at once needs no second write. The format is kernel overlay's, and
 * its index=on reads and continues ours.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "unionfs/copy_up.h"
#include "unionfs/layers.h"
#include "unionfs/origin.h"
#include "unionfs/workdir.h"

/**
 * index_prepare() - check that the index belongs to these layers, and clean it
 *
 * The upper root remembers the topmost lower layer, the index the upper. Entries
 * that no name leads to any more, and temporary ones, are removed.
 *
 * Return: 0, also without an index; -ESTALE if it belongs to other layers; -errno.
 */
int index_prepare(struct workdir *work, struct layer *const *lowers, size_t count);

/** index_is_used() - might index_find() find anything; false costs nothing */
bool index_is_used(const struct workdir *work);

/**
 * index_find() - the copy of a lower file, if there is one
 * @ret_name:	its name in workdir_index_fd(); filled in any case
 *
 * Return: 1 with *@ret_stx filled; 0 if there is none; -EIO if what is there is of
 * another type than @type; -errno.
 */
int index_find(struct workdir *work, const struct origin *origin, mode_t type,
	       char ret_name[2 * ORIGIN_MAX + 1], struct statx *ret_stx);

/**
 * index_add() - enter a staged copy, before copy_up_publish()
 * @lower_nlink: of the lower file: how many links will be shown
 *
 * Return: 0; -EEXIST if somebody was first; -errno. With an error nothing changed.
 */
int index_add(struct workdir *work, const struct staged *staged,
	      const struct origin *origin, unsigned lower_nlink);

/** index_remove() - take an entry out; 0 also if there was none */
int index_remove(struct workdir *work, const struct origin *origin);

/**
 * index_link() - give the copy a name in an upper directory, where a lower name of
 *	it was: the links shown stay as many; the directory's times do too
 */
int index_link(struct workdir *work, const struct origin *origin, int upper_dir_fd,
	       const char *name);

/**
 * index_nlink() - how many links to show for an upper object
 * @stx:	of the object
 * @lower_nlink: of the lower file it came from; 0 if that is not known
 *
 * Return: the number, 0 if only the index holds it; the object's own count if it is
 * not in the index or says nothing usable.
 */
unsigned index_nlink(enum overlay_ns ns, int dir_fd, const char *name,
		     const struct statx *stx, unsigned lower_nlink);

/**
 * index_nlink_set() - keep the number of links to show
 * @upper_nlink: of the object when the operation at hand is done
 *
 * Return: 0, also where the object can hold no such attribute; -errno.
 */
int index_nlink_set(enum overlay_ns ns, int dir_fd, const char *name, unsigned nlink,
		    unsigned upper_nlink);

/** index_name_parse() - the origin that an entry is named by; false if it is no such name */
bool index_name_parse(const char *name, struct origin *ret);

/** nlink_parse() - "U-1", "L+2": the base's letter and the difference */
bool nlink_parse(const char *text, size_t length, char *ret_base, int *ret_difference);
