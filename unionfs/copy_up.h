/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/copy_up.h - bringing a lower object into the upper layer
 *
 * In two steps, so that no lock is held while data is copied: copy_up_stage()
 * builds the copy in the work directory, copy_up_publish() renames it into place.
 * Kept: data with its holes, owner, mode, times, all extended attributes but
 * the overlay's own, ACLs, capabilities. Added: origin, and metacopy or redirect
 * when asked for.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "unionfs/layer.h"
#include "unionfs/origin.h"
#include "unionfs/workdir.h"

enum copy_up_data {
	COPY_UP_DATA,		/* all of it: reflink, else copy_file_range */
	COPY_UP_NO_DATA,	/* the caller truncates to zero anyway */
	COPY_UP_METACOPY,	/* attributes only; the data stays below */
};

struct copy_up {
	struct workdir *work;
	const struct layer *from;	/* the layer the attributes come from */
	int from_dir_fd;		/* lent */
	const char *from_name;		/* "" : the object is @from_dir_fd itself */
	const struct statx *from_stx;	/* what it is like, if that is known already */
	bool has_no_xattrs;		/* it is known to have none that are copied */
	int data_fd;			/* where the data comes from if that is another
					   object (metacopy below), or open already;
					   certainly a regular file; else -1 */
	enum copy_up_data data;
	const char *redirect;		/* written with COPY_UP_METACOPY or a directory; NULL: none */
	bool with_origin;
	/* Asked between chunks; true abandons with -EINTR. NULL: never. */
	bool (*is_cancelled)(void *arg);
	void *cancel_arg;
};

struct staged {
	char name[TEMP_NAME_SIZE];	/* in the work directory; "" when empty */
	struct statx stx;		/* of the copy */
	bool is_open;			/* of a regular file: */
	int fd;				/* owned; open for reading and writing */
};

/**
 * copy_up_stage() - build the copy; long for large files
 *
 * Return: 0; -EINTR if cancelled; -ENOSPC, -EDQUOT, -EIO...: nothing is left behind.
 */
int copy_up_stage(const struct copy_up *c, struct staged *ret_staged);

/**
 * copy_up_open_source() - open a regular file of a lower layer for reading
 *
 * Without moving its access time where that is allowed. Only for what statx(2)
 * has shown to be a regular file. Return: a descriptor; -errno.
 */
int copy_up_open_source(int dir_fd, const char *name);

/**
 * copy_up_publish() - show the copy at @name of an upper directory
 * @is_impure:	the directory is known to have that mark; else it gets it
 * @before:	called before anything changes, with the directory's attributes; may be NULL
 *
 * Nothing may be at @name. The parent's times are put back as they were. With
 * a filesystem that is synced the copy's data is on disk before it is shown.
 * A descriptor stays open until it is taken or copy_up_abandon() closes it.
 *
 * Return: 0; -errno, the copy is still staged.
 */
int copy_up_publish(struct workdir *work, struct staged *staged, int upper_dir_fd,
		    const char *name, bool is_impure,
		    void (*before)(void *arg, const struct statx *dir), void *arg);

/** copy_up_take_fd() - the descriptor of a copied file, owned by the caller; or -1 */
int copy_up_take_fd(struct staged *staged);

/** copy_up_abandon() - remove a copy that is still staged, close its descriptor;
 *	accepts an empty one */
void copy_up_abandon(struct workdir *work, struct staged *staged);

/**
 * copy_up_fill() - bring the data of a metacopy file into it; removes its mark
 * @fd:		the upper file, open for writing
 * @data_fd:	the lower data
 */
int copy_up_fill(enum overlay_ns ns, int fd, int data_fd,
		 bool (*is_cancelled)(void *arg), void *cancel_arg);
