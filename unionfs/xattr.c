/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/xattr.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <string.h>

#include "common/cleanup.h"
#include "unionfs/call.h"
#include "unionfs/overlay_xattr.h"
#include "unionfs/override.h"
#include "unionfs/protattr.h"
#include "unionfs/union.h"
#include "unionfs/up.h"
#include "unionfs/where.h"

#define LIST_MAX   65536	/* XATTR_LIST_MAX */
#define LIST_SMALL 1024

#define ATTR_CAPABILITY "security.capability"

static bool is_capability(const char *name)
{
	return strcmp(name, ATTR_CAPABILITY) == 0;
}

bool xattr_may_have(struct unionfs *u, struct inode *inode, const struct where *w,
		    const char *attr)
{
	const struct layer *layer = u->layers[inode->layer];
	bool is_listed = false, is_metacopy = false;
	unsigned flags = INODE_NO_CAPS | INODE_NO_XATTRS;
	char list[LIST_SMALL];
	ssize_t length;

	if (!layer_traits(layer)->lists_xattrs)
		return true;
	length = xattr_list_at(w->dir_fd, w->name, list, sizeof(list));
	if (length < 0)
		return true;
	if (inode->layer == LAYER_TOP)	/* only there is it a matter of marks */
		flags |= INODE_UNPROTECTED;
	for (const char *a = list; a < list + length; a += strlen(a) + 1) {
		char unescaped[OVERLAY_ATTR_SIZE];
		const char *client = layer_xattr_to_client(layer, u->ns, a, unescaped);

		is_listed |= strcmp(a, attr) == 0;
		is_metacopy |= overlay_xattr_is(u->ns, a, OVERLAY_METACOPY);
		if (overlay_xattr_is(u->ns, a, OVERLAY_PROTATTR))
			flags &= ~INODE_UNPROTECTED;
		if (client)
			flags &= ~INODE_NO_XATTRS;
		if (client && is_capability(client))
			flags &= ~INODE_NO_CAPS;
	}
	if (inode->type == DT_REG && !is_metacopy &&
	    !inode_has(inode, INODE_METACOPY))
		flags |= INODE_DATA_HERE;
	inode->flags |= flags;
	return is_listed;
}

/* Programs that write, execute or list ask for these of every file; few have them. */
static bool is_asked_often(const struct layer *layer, const char *name)
{
	const struct layer_traits *traits = layer_traits(layer);

	if (!traits->lists_xattrs)
		return false;
	return strncmp(name, "security.", 9) == 0 ||
	       (traits->has_acls && strncmp(name, "system.posix_acl_", 17) == 0);
}

/* Known without a look, or by one look that answers for all the others as well. */
static bool is_absent(struct unionfs *u, struct inode *inode, const struct where *w,
		      const char *name, const char *disk) REQUIRES(inode->lock)
{
	if (inode_has(inode, INODE_NO_CAPS) && is_capability(name))
		return true;
	if (!is_asked_often(u->layers[inode->layer], name))
		return false;
	return inode_has(inode, INODE_NO_XATTRS) ||
	       (w && !xattr_may_have(u, inode, w, disk));
}

ssize_t xattr_get(struct unionfs *u, struct inode *inode, const char *name,
		  void *value, size_t size)
{
	cleanup_where struct where w = WHERE_INIT;
	char disk[OVERLAY_ATTR_SIZE];
	int r;

	lock_scope(&inode->lock);
	r = layer_xattr_to_disk(u->layers[inode->layer], u->ns, name, disk);
	if (r >= 0 && is_absent(u, inode, NULL, name, disk))
		return -ENODATA;
	if (r >= 0)
		r = where_find(u, inode, &w);
	if (r >= 0 && is_absent(u, inode, &w, name, disk))
		return -ENODATA;
	return r < 0 ? r : xattr_get_at(w.dir_fd, w.name, disk, value, size);
}

/* What is on disk, in memory of its own; the length or -errno. */
static ssize_t read_list(struct unionfs *u, struct inode *inode, char **ret,
			 const struct layer **ret_layer)
{
	cleanup_where struct where w = WHERE_INIT;
	cleanup_free char *list = malloc(LIST_MAX);
	ssize_t length;
	int r;

	if (!list)
		return -ENOMEM;
	lock_scope(&inode->lock);
	r = where_find(u, inode, &w);
	if (r < 0)
		return r;
	length = xattr_list_at(w.dir_fd, w.name, list, LIST_MAX);
	*ret_layer = u->layers[inode->layer];
	if (length >= 0)
		*ret = take_ptr(list);
	return length;
}

ssize_t xattr_list(struct unionfs *u, const struct call *call,
		   struct inode *inode, char *list, size_t size)
{
	cleanup_free char *disk = NULL;
	const struct layer *layer = NULL;
	ssize_t length = read_list(u, inode, &disk, &layer);
	size_t used = 0;

	if (length < 0)
		return length;
	for (const char *a = disk; a < disk + length; a += strlen(a) + 1) {
		char unescaped[OVERLAY_ATTR_SIZE];
		const char *name = layer_xattr_to_client(layer, u->ns, a, unescaped);
		size_t n = name ? strlen(name) + 1 : 0;

		/* As the kernel's own filesystems: not for everybody's eyes. */
		if (n > 0 && strncmp(name, "trusted.", 8) == 0 &&
		    !call_has_capability(call, CAP_SYS_ADMIN))
			continue;
		if (size > 0 && used + n > size)
			return -ERANGE;
		if (size > 0 && n > 0)
			memcpy(list + used, name, n);
		used += n;
	}
	return used;
}

static bool is_access_acl(const char *name)
{
	return strcmp(name, "system.posix_acl_access") == 0;
}

/* Who is not in its group cannot give a file rights that set-gid would lend. */
static int drop_setgid(struct unionfs *u, const struct call *call,
		       const struct where *w)
{
	const struct layer *upper = u->layers[LAYER_TOP];
	struct statx stx;
	int r = layer_statx(upper, w->dir_fd, w->name, STATX_BASIC_STATS, &stx);

	if (r < 0 || !(stx.stx_mode & S_ISGID) || call_in_group(u, call, stx.stx_gid) ||
	    call_has_capability(call, CAP_FSETID))
		return r;
	return layer_chmod(upper, w->dir_fd, w->name, stx.stx_mode & 07777 & ~S_ISGID);
}

/*
 * What may be done only once: removing, and making what must not be there. Whether
 * that holds is seen first, so that afterwards the disk says whether it was done.
 */
static int set_once(struct unionfs *u, const struct call *call, struct inode *inode,
		    const struct where *w, const char *disk, const void *value,
		    size_t size, int flags) REQUIRES(inode->lock)
{
	struct intent *intent = NULL;
	bool is_there;
	int r;

	if (!value || flags & XATTR_CREATE) {
		is_there = xattr_get_at(w->dir_fd, w->name, disk, NULL, 0) >= 0;
		/* Otherwise nothing will be changed. */
		if (is_there == !value)
			intent = intent_prepare(u, INTENT_XATTR, call);
		intent_set_name(intent, 0, inode, disk);
	}
	if (intent) {
		intent->inode[0] = inode->slot;
		intent->flags = value ? 0 : INTENT_REMOVES;
	}
	intent_begin(intent);
	r = value ? xattr_set_at(w->dir_fd, w->name, disk, value, size, flags)
		  : xattr_remove_at(w->dir_fd, w->name, disk);
	intent_end(intent, r, NULL);
	return r;
}

int xattr_set(struct unionfs *u, const struct call *call, struct inode *inode,
	      const char *name, const void *value, size_t size, int flags)
{
	cleanup_where struct where w = WHERE_INIT;
	char disk[OVERLAY_ATTR_SIZE];
	int r;

	if (call->was_done)
		return 0;
	r = protattr_check_unlocked(u, inode, PROTATTR_FLAGS);
	if (r < 0)
		return r;
	/* What is not there needs no copy to remove it from. */
	if (!value && inode->layer != LAYER_TOP && !union_is_read_only(u)) {
		ssize_t length = xattr_get(u, inode, name, NULL, 0);

		if (length < 0)
			return length;
	}
	r = up_object(u, call, inode, UP_ATTRS);
	if (r < 0)
		return r;

	lock_scope(&inode->lock);
	r = layer_xattr_to_disk(u->layers[LAYER_TOP], u->ns, name, disk);
	if (r >= 0)
		r = where_find(u, inode, &w);
	if (r >= 0 && is_access_acl(name))
		r = drop_setgid(u, call, &w);
	if (r < 0)
		return r;
	if (value)
		inode->flags &= ~(INODE_NO_XATTRS |
				  (is_capability(name) ? INODE_NO_CAPS : 0));
	return set_once(u, call, inode, &w, disk, value, size, flags);
}
