/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/origin.h - which lower object a copy came from, as the kernel records it
 *
 * The record is struct ovl_fb: version, magic 0xfb, length, flags, handle type,
 * filesystem uuid, file handle. Readers take unknown versions, flags, foreign
 * byte order and undecodable handles as "unknown", never as an error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unionfs/layer.h"
#include "unionfs/overlay_xattr.h"

#define ORIGIN_MAX (21 + 128)

struct origin {
	uint8_t length;		/* 0: unknown */
	uint8_t bytes[ORIGIN_MAX];
};

/**
 * origin_of() - the record for an object of a layer
 *
 * Return: 0 with *@ret filled; *@ret has length 0 where the layer has no handles.
 */
int origin_of(const struct layer *layer, int dir_fd, const char *name,
	      struct origin *ret);

/** origin_of_upper() - the same for an object of the upper layer, for the index */
int origin_of_upper(const struct layer *layer, int dir_fd, const char *name,
		    struct origin *ret);

/** origin_parse() - a stored value; false, and length 0, if it is not usable */
bool origin_parse(const void *value, size_t length, struct origin *ret);

/** origin_read() - the record stored at an object; length 0 if none or not usable */
int origin_read(enum overlay_ns ns, int dir_fd, const char *name, struct origin *ret);

/** origin_write() - store it; 0 also where the object can hold no such attribute */
int origin_write(enum overlay_ns ns, int dir_fd, const char *name,
		 const struct origin *origin);

/** origin_read_upper(), origin_write_upper() - the same for attribute "upper" */
int origin_read_upper(enum overlay_ns ns, int dir_fd, const char *name,
		      struct origin *ret);
int origin_write_upper(enum overlay_ns ns, int dir_fd, const char *name,
		       const struct origin *origin);

/**
 * origin_open() - the object that a record names, if it is in this layer
 *
 * Needs CAP_DAC_READ_SEARCH. Return: an O_PATH descriptor; -ESTALE if the record
 * is not of this layer's filesystem or the object is gone; -EPERM; -errno.
 */
int origin_open(const struct layer *layer, const struct origin *origin);

/**
 * origin_ino() - the inode number inside a record, where the handle type holds
 *	one in a known form (ext4, xfs, btrfs, tmpfs), without opening anything.
 *	To be asked only about a layer with the trait has_ino_handles.
 *
 * Return: true and *@ret_ino, or false if it must be opened to know.
 */
bool origin_ino(const struct origin *origin, uint64_t *ret_ino);

/** origin_is_of() - whether the record's filesystem is this layer's */
bool origin_is_of(const struct origin *origin, const struct layer *layer);

/** origin_index_name() - lowercase hex of the whole record: its name in the index */
void origin_index_name(const struct origin *origin, char name[2 * ORIGIN_MAX + 1]);
