/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/overlay_xattr.h - the overlay's own extended attributes
 *
 * One namespace is active per mount: "trusted.overlay." or, with userxattr and in
 * a user namespace, "user.overlay.". Attributes of the active prefix are hidden
 * from clients; a client's own attribute of such a name is stored escaped, as
 * PREFIX "overlay." REST. Source: Documentation/filesystems/overlayfs.rst,
 * "Nesting overlayfs mounts".
 *
 * Objects are named by a directory descriptor and one name, never followed if a
 * symlink; an empty name means the descriptor's own object.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum overlay_ns {
	OVERLAY_TRUSTED,
	OVERLAY_USER,
};

#define OVERLAY_OPAQUE	 "opaque"
#define OVERLAY_REDIRECT "redirect"
#define OVERLAY_METACOPY "metacopy"
#define OVERLAY_ORIGIN	 "origin"
#define OVERLAY_UPPER	 "upper"
#define OVERLAY_IMPURE	 "impure"
#define OVERLAY_NLINK	 "nlink"
#define OVERLAY_PROTATTR "protattr"
#define OVERLAY_UUID	 "uuid"
#define OVERLAY_WHITEOUT "whiteout"

/** overlay_xattr_prefix() - what the names of the namespace begin with */
const char *overlay_xattr_prefix(enum overlay_ns ns);

/*
 * Any extended attribute of an object. xattrat system calls where the kernel has
 * them (6.13), else through /proc/self/fd. Like the l*xattr(2) calls otherwise.
 * Return: the length, or 0 for set and remove; -errno.
 */
ssize_t xattr_get_at(int dir_fd, const char *name, const char *attr, void *value,
		     size_t size);
int xattr_set_at(int dir_fd, const char *name, const char *attr,
		 const void *value, size_t size, int flags);
ssize_t xattr_list_at(int dir_fd, const char *name, char *list, size_t size);
int xattr_remove_at(int dir_fd, const char *name, const char *attr);

/**
 * overlay_xattr_get() - read one of the overlay's attributes
 * @which:	OVERLAY_*
 *
 * Return: its length; -ENODATA if it is not there or the filesystem has no
 * extended attributes; -ERANGE if @size is too small; any getxattr(2) error.
 */
ssize_t overlay_xattr_get(enum overlay_ns ns, int dir_fd, const char *name,
			  const char *which, void *value, size_t size);

/** overlay_xattr_set() - write one; 0 or a setxattr(2) error */
int overlay_xattr_set(enum overlay_ns ns, int dir_fd, const char *name,
		      const char *which, const void *value, size_t size);

/** overlay_xattr_add() - write one unless it is there already; 0 then as well */
int overlay_xattr_add(enum overlay_ns ns, int dir_fd, const char *name,
		      const char *which, const void *value, size_t size);

/** overlay_xattr_remove() - remove one; 0 also if it was not there */
int overlay_xattr_remove(enum overlay_ns ns, int dir_fd, const char *name,
			 const char *which);

#define OVERLAY_ATTR_SIZE 256	/* XATTR_NAME_MAX and the NUL */

/** overlay_xattr_name() - one of the overlay's own marks, as it stands on disk */
void overlay_xattr_name(enum overlay_ns ns, const char *which,
			char attr[OVERLAY_ATTR_SIZE]);

/** overlay_xattr_is() - is @attr, as on disk, this mark of the overlay's own */
bool overlay_xattr_is(enum overlay_ns ns, const char *attr, const char *which);

/** overlay_xattr_is_private() - must @attr, as it stands on disk, be hidden from clients */
bool overlay_xattr_is_private(enum overlay_ns ns, const char *attr);

/**
 * overlay_xattr_to_disk() - the stored name of an attribute a client names
 * @disk:	receives it
 *
 * Return: 0; -EOPNOTSUPP if the escaped form is longer than 255 bytes.
 */
int overlay_xattr_to_disk(enum overlay_ns ns, const char *client,
			  char disk[OVERLAY_ATTR_SIZE]);

/**
 * overlay_xattr_to_client() - what a client sees of an attribute on disk
 *
 * Return: @disk itself, or @client holding the unescaped name; NULL if hidden.
 */
const char *overlay_xattr_to_client(enum overlay_ns ns, const char *disk,
				    char client[OVERLAY_ATTR_SIZE]);
