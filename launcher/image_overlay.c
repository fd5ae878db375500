/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "common/errors.h"

#define NAME_SIZE 256

static const char *const prefixes[] = { "trusted.overlay.", "user.overlay." };

static void join(char *name, const char *prefix, const char *mark)
{
	snprintf(name, NAME_SIZE, "%s%s", prefix, mark);
}

const char *overlay_prefix(int dir_fd)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		join(name, prefixes[i], "opaque");
		if (fsetxattr(dir_fd, name, "n", 1, 0) < 0)
			continue;
		(void)fremovexattr(dir_fd, name);
		return prefixes[i];
	}
	return NULL;
}

int overlay_set_opaque(int dir_fd, const char *prefix)
{
	char name[NAME_SIZE];

	join(name, prefix, "opaque");
	return neg_errno(fsetxattr(dir_fd, name, "y", 1, 0));
}

void overlay_fd_path(int fd, char ret_path[static 32])
{
	snprintf(ret_path, 32, "/proc/self/fd/%d", fd);
}

int overlay_get(int fd, const char *prefix, const char *mark, char *value, size_t size)
{
	char name[NAME_SIZE], path[32];

	join(name, prefix, mark);
	overlay_fd_path(fd, path);
	return neg_errno((int)getxattr(path, name, value, size));
}

bool overlay_is_opaque(int dir_fd, const char *prefix)
{
	char value[2];

	return overlay_get(dir_fd, prefix, "opaque", value, sizeof(value)) == 1 &&
	       value[0] == 'y';
}

bool overlay_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int overlay_escape(const char *name, const char *prefix, char *ret_name)
{
	size_t length = strlen(prefix);
	bool is_ours = strncmp(name, prefix, length) == 0;

	if (strlen(name) + (is_ours ? strlen("overlay.") : 0) >= NAME_SIZE)
		return -ENAMETOOLONG;
	if (is_ours)
		sprintf(ret_name, "%soverlay.%s", prefix, name + length);
	else
		strcpy(ret_name, name);
	return 0;
}

const char *overlay_unescape(const char *name, const char *prefix, char *buffer)
{
	size_t length = strlen(prefix);

	if (strncmp(name, prefix, length) != 0)
		return name;
	if (strncmp(name + length, "overlay.", strlen("overlay.")) != 0)
		return NULL;
	join(buffer, prefix, name + length + strlen("overlay."));
	return buffer;
}
