/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/redirect.h"

#include <limits.h>
#include <string.h>

#include "common/errors.h"

static bool is_valid_name(const char *name, size_t length)
{
	if (length == 0 || length > NAME_MAX)
		return false;
	return !(name[0] == '.' &&
		 (length == 1 || (length == 2 && name[1] == '.')));
}

/* "/a/b": no empty components, none that leads elsewhere. */
static bool is_valid_path(const char *path, size_t length)
{
	const char *end = path + length;

	while (path < end) {
		const char *name = path + 1;
		const char *slash = memchr(name, '/', end - name);

		if (!slash)
			slash = end;
		if (!is_valid_name(name, slash - name))
			return false;
		path = slash;
	}
	return true;
}

bool redirect_is_valid(const char *value, size_t length)
{
	if (length == 0 || length >= REDIRECT_MAX || memchr(value, '\0', length))
		return false;
	if (value[0] == '/')
		return is_valid_path(value, length);
	return !memchr(value, '/', length) && is_valid_name(value, length);
}

int redirect_read(enum overlay_ns ns, int dir_fd, const char *name,
		  char value[REDIRECT_MAX])
{
	ssize_t r = overlay_xattr_get(ns, dir_fd, name, OVERLAY_REDIRECT, value,
				      REDIRECT_MAX - 1);

	if (r == -ENODATA)
		return 0;
	if (r == -ERANGE)
		return -EINVAL;
	if (r < 0)
		return r;
	if (!redirect_is_valid(value, r))
		return -EINVAL;
	value[r] = '\0';
	return r;
}

int redirect_write(enum overlay_ns ns, int dir_fd, const char *name,
		   const char *value)
{
	size_t length = strlen(value);

	if (length >= REDIRECT_MAX)
		return -ERANGE;
	if (!redirect_is_valid(value, length))
		return -EINVAL;
	return overlay_xattr_set(ns, dir_fd, name, OVERLAY_REDIRECT, value, length);
}
