/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/override.h - owner, mode and type kept in an attribute
 *
 * Where a layer's filesystem cannot hold the owners of an image (a home directory
 * on NFS, a single user id), containers-storage and fuse-overlayfs keep them in
 * "user.containers.override_stat", as UID:GID:MODE[:TYPE]. These functions stand
 * between such a layer and everybody else: reading applies the attribute, changing
 * writes it. For layers without it they are plain system calls.
 *
 * The object on disk is a directory or a regular file, with a mode that lets its
 * owner in; devices, fifos and sockets are regular files there. Symlinks are
 * symlinks and belong to whom the disk says.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "unionfs/layer.h"
#include "unionfs/options.h"
#include "unionfs/overlay_xattr.h"

/* What the attribute says. */
struct override {
	uint32_t uid;
	uint32_t gid;
	mode_t mode;		/* permissions, and the type or 0 for that on disk */
	dev_t rdev;
};

#define OVERRIDE_TEXT_SIZE 96

/** override_parse() - read the attribute's value; 0 or -EINVAL */
int override_parse(const char *text, size_t length, struct override *ret);

/** override_format() - write it as containers-storage does; the length */
int override_format(const struct override *o, char text[OVERRIDE_TEXT_SIZE]);

/**
 * override_detect() - the form that a layer's root carries, if any
 *
 * Return: the attribute's name, static; NULL if there is none.
 */
const char *override_detect(int root_fd);

/** override_attr() - the attribute's name for an option; NULL for none */
const char *override_attr(enum xattr_permissions permissions);

/** override_init_root() - give an upper layer's root the attribute if it has none */
int override_init_root(const struct layer *upper);

/* Permissions on disk, whatever is shown: others may read, as in shared layers that
 * containers-storage makes, and nobody but us may write. */
#define OVERRIDE_DISK_MODE 0755

/** override_disk_type() - S_IFREG for what is kept as a regular file, else the type itself */
mode_t override_disk_type(mode_t mode);

/** override_is_active() - does the layer keep them so */
bool override_is_active(const struct layer *layer);

/**
 * layer_statx() - statx(2) of an object of a layer, never followed
 * @name:	"" for @dir_fd itself
 *
 * A malformed attribute is -EIO: the disk's own owner would be a lie.
 */
int layer_statx(const struct layer *layer, int dir_fd, const char *name,
		unsigned mask, struct statx *ret);

/** layer_store() - store all at once, for an object that is being made */
int layer_store(const struct layer *layer, int dir_fd, const char *name,
		const struct override *o);

/**
 * layer_chown() - change the owner; (uid_t)-1 and (gid_t)-1 leave it
 *
 * As chown(2): suid and sgid of a file that can be executed are dropped.
 */
int layer_chown(const struct layer *layer, int dir_fd, const char *name, uid_t uid,
		gid_t gid);

/** layer_chmod() - change the permissions; not for symlinks */
int layer_chmod(const struct layer *layer, int dir_fd, const char *name, mode_t mode);

/**
 * layer_xattr_to_disk(), layer_xattr_to_client() - overlay_xattr_to_*() for a layer:
 *	in one that uses "user.containers.", clients' "security." attributes are kept
 *	there as well, and the names used here are hidden
 */
int layer_xattr_to_disk(const struct layer *layer, enum overlay_ns ns,
			const char *client, char disk[OVERLAY_ATTR_SIZE]);
const char *layer_xattr_to_client(const struct layer *layer, enum overlay_ns ns,
				  const char *disk, char client[OVERLAY_ATTR_SIZE]);
