/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_stack.h - layers on top of each other, looked at without a mount
 *
 * Only what is below a layer's root is ever opened (openat2, RESOLVE_BENEATH),
 * and no symlink is followed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct image_stack {
	int *fds;		/* roots, the top first; lent */
	size_t count;
	const char *prefix;	/* of overlay's marks */
};

/** stack_open_beneath() - open a path without symlinks below a root; "" is the root */
int stack_open_beneath(int root_fd, const char *path, uint64_t flags);

/**
 * stack_find() - what the layers show at a path
 * @from:	the first layer to look in; those above count as absent
 * @path:	relative, clean; no prefix of it may be a symlink
 * @ret_fd:	an O_PATH descriptor of it
 * @ret_st:	its attributes
 *
 * Return: the layer that shows it; -ENOENT; other negative errno.
 */
int stack_find(const struct image_stack *stack, size_t from, const char *path, int *ret_fd,
	       struct stat *ret_st);
