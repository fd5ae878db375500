/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/redirect.h - where an object of a layer is found in the layers below
 *
 * A redirect is one name (look there in the same parent) or an absolute path from
 * the union's root. Anything else, "." and ".." components among them, is invalid
 * and never followed: a hostile image cannot lead a lookup out of its layer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "unionfs/overlay_xattr.h"

#define REDIRECT_MAX 4096

/**
 * redirect_read() - the redirect stored at an object
 * @value:	receives a NUL-terminated copy
 *
 * Return: its length; 0 if there is none; -EINVAL if it is malformed; -errno.
 */
int redirect_read(enum overlay_ns ns, int dir_fd, const char *name,
		  char value[REDIRECT_MAX]);

/** redirect_write() - store it; -ERANGE if longer than the kernel's reader takes;
 *	-EINVAL if it is not valid */
int redirect_write(enum overlay_ns ns, int dir_fd, const char *name,
		   const char *value);

/** redirect_is_valid() - whether @value has one of the two legal shapes */
bool redirect_is_valid(const char *value, size_t length);
