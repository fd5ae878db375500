/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_overlay.h"

int stack_open_beneath(int root_fd, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	int r;

	do {
		r = neg_errno((int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how,
					   sizeof(how)));
	} while (r == -EAGAIN || r == -EINTR);
	return r;
}

/*
 * Whether a directory on the way to @path hides it in the layers below. Goes
 * down one name at a time: a hostile layer has paths of a thousand names.
 */
static bool is_hidden_by(int root_fd, const char *path, const char *prefix)
{
	cleanup_fd int dir = stack_open_beneath(root_fd, "", O_PATH | O_DIRECTORY);
	char name[NAME_MAX + 1];
	const char *slash;

	while (dir >= 0) {
		int next;

		if (overlay_is_opaque(dir, prefix))
			return true;
		slash = strchr(path, '/');
		if (!slash || slash - path > NAME_MAX)
			return false;
		memcpy(name, path, (size_t)(slash - path));
		name[slash - path] = '\0';
		path = slash + 1;
		next = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	return false;
}

int stack_find(const struct image_stack *stack, size_t from, const char *path, int *ret_fd,
	       struct stat *ret_st)
{
	for (size_t i = from; i < stack->count; i++) {
		cleanup_fd int fd = stack_open_beneath(stack->fds[i], path, O_PATH);

		if (fd == -ENOTDIR || fd == -ELOOP)
			return -ENOENT; /* something else is in the directory's place */
		if (fd < 0 && fd != -ENOENT)
			return fd;
		if (fd < 0) {
			if (is_hidden_by(stack->fds[i], path, stack->prefix))
				return -ENOENT;
			continue;
		}
		if (fstat(fd, ret_st) < 0)
			return -errno;
		if (overlay_is_whiteout(ret_st))
			return -ENOENT;
		*ret_fd = take_fd(&fd);
		return (int)i;
	}
	return -ENOENT;
}
