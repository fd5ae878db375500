/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_overlay.h - how overlay marks things in a layer
 *
 * "trusted.overlay." where we may write such names, else "user.overlay.", as
 * the kernel has it. A name of an image's own that begins so is stored with a
 * second "overlay.", which the union takes away again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/**
 * overlay_prefix() - the prefix that can be used below a directory
 *
 * Tries to set a mark on @dir_fd and removes it again.
 *
 * Return: a constant; NULL if the file system keeps neither.
 */
const char *overlay_prefix(int dir_fd);

/** overlay_set_opaque() - mark a directory; it is open for reading */
int overlay_set_opaque(int dir_fd, const char *prefix);

/** overlay_is_opaque() - whether an open directory has the mark 'y' */
bool overlay_is_opaque(int dir_fd, const char *prefix);

/** overlay_get() - a mark's value at an O_PATH or other descriptor; its size, -ENODATA, ... */
int overlay_get(int fd, const char *prefix, const char *mark, char *value, size_t size);

/** overlay_is_whiteout() - whether this is the device 0:0 */
bool overlay_is_whiteout(const struct stat *st);

/**
 * overlay_escape() - an image's xattr name as it is stored
 * @ret_name:	holds 256 bytes
 *
 * Return: 0; -ENAMETOOLONG.
 */
int overlay_escape(const char *name, const char *prefix, char *ret_name);

/**
 * overlay_unescape() - the reverse
 *
 * Return: the image's name, inside @name or in @buffer of 256 bytes; NULL for
 * a mark of overlay's own.
 */
const char *overlay_unescape(const char *name, const char *prefix, char *buffer);

/** overlay_fd_path() - a path that leads to what an O_PATH descriptor holds */
void overlay_fd_path(int fd, char ret_path[static 32]);
