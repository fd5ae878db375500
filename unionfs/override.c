/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/override.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/errors.h"
#include "unionfs/force.h"

#define ATTR_PRIVILEGED "security.fuseoverlayfs.override_stat"
#define ATTR_USER	"user.containers.override_stat"
#define ATTR_OLD_USER	"user.fuseoverlayfs.override_stat"

/* In the order in which a root is asked. */
static const char *const attrs[] = { ATTR_PRIVILEGED, ATTR_USER, ATTR_OLD_USER };

/* Where such layers keep what clients call "security.NAME". */
#define USER_PREFIX	"user.containers.override_"
#define SECURITY_PREFIX "security."

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name;
	mode_t type;
} types[] = {
	{ "dir", S_IFDIR },    { "file", S_IFREG },   { "symlink", S_IFLNK },
	{ "pipe", S_IFIFO },   { "socket", S_IFSOCK },
	{ "block", S_IFBLK },  { "char", S_IFCHR },
};

static bool is_device(mode_t mode)
{
	return S_ISCHR(mode) || S_ISBLK(mode);
}

/* One number up to a separator of @ends, which is passed over. */
static bool next_number(const char **text, int base, const char *ends,
			unsigned long *ret)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*ret = strtoul(*text, &end, base);
	if (errno || *ret > UINT32_MAX || (*end && !strchr(ends, *end)))
		return false;
	*text = *end ? end + 1 : end;
	return true;
}

static int parse_type(const char *text, struct override *o)
{
	size_t length = strcspn(text, "-");
	unsigned long major_no, minor_no;

	for (size_t i = 0; i < COUNT(types); i++)
		if (strlen(types[i].name) == length &&
		    memcmp(types[i].name, text, length) == 0)
			o->mode |= types[i].type;
	if (!(o->mode & S_IFMT))
		return -EINVAL;
	if (!is_device(o->mode))
		return 0;

	/* "char-1-3"; whatever follows is for other readers. */
	text += length;
	if (*text++ != '-' || !next_number(&text, 10, "-", &major_no) ||
	    !next_number(&text, 10, "-", &minor_no))
		return -EINVAL;
	o->rdev = makedev(major_no, minor_no);
	return 0;
}

int override_parse(const char *text, size_t length, struct override *ret)
{
	char copy[OVERRIDE_TEXT_SIZE];
	const char *p = copy;
	unsigned long uid, gid, mode;
	struct override o = { 0 };
	int r = 0;

	if (length >= sizeof(copy) || memchr(text, '\0', length))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';

	if (!next_number(&p, 10, ":", &uid) || !next_number(&p, 10, ":", &gid) ||
	    !next_number(&p, 8, ":", &mode) || mode > 07777)
		return -EINVAL;
	o.uid = uid;
	o.gid = gid;
	o.mode = mode;
	if (*p)
		r = parse_type(p, &o);
	if (r == 0)
		*ret = o;
	return r;
}

int override_format(const struct override *o, char text[OVERRIDE_TEXT_SIZE])
{
	const char *type = "";
	int n;

	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].type == (o->mode & S_IFMT))
			type = types[i].name;

	n = snprintf(text, OVERRIDE_TEXT_SIZE, "%u:%u:%04o%s%s", o->uid, o->gid,
		     o->mode & 07777, *type ? ":" : "", type);
	if (is_device(o->mode))
		n += snprintf(text + n, OVERRIDE_TEXT_SIZE - n, "-%u-%u",
			      major(o->rdev), minor(o->rdev));
	return n;
}

const char *override_detect(int root_fd)
{
	for (size_t i = 0; i < COUNT(attrs); i++)
		if (xattr_get_at(root_fd, "", attrs[i], NULL, 0) > 0)
			return attrs[i];
	return NULL;
}

const char *override_attr(enum xattr_permissions permissions)
{
	switch (permissions) {
	case XATTR_PERMISSIONS_NONE:
		return NULL;
	case XATTR_PERMISSIONS_PRIVILEGED:
		return ATTR_PRIVILEGED;
	case XATTR_PERMISSIONS_USER:
		return ATTR_USER;
	}
	return NULL;
}

static const char *attr_of(const struct layer *layer)
{
	return layer_traits(layer)->override_attr;
}

bool override_is_active(const struct layer *layer)
{
	return attr_of(layer) != NULL;
}

mode_t override_disk_type(mode_t mode)
{
	return S_ISDIR(mode) || S_ISLNK(mode) ? mode & S_IFMT : S_IFREG;
}

/* 1 and *@ret if the object has the attribute, 0 if not; -EIO if it is malformed. */
static int read_override(const struct layer *layer, int dir_fd, const char *name,
			 struct override *ret)
{
	char text[OVERRIDE_TEXT_SIZE];
	ssize_t n = xattr_get_at(dir_fd, name, attr_of(layer), text, sizeof(text));

	if (n == -ENODATA || n == -EOPNOTSUPP)
		return 0;
	if (n == -ERANGE)
		return -EIO;
	if (n < 0)
		return n;
	return override_parse(text, n, ret) < 0 ? -EIO : 1;
}

/* A type that the object on disk cannot stand for is not believed. */
static bool type_fits(mode_t disk, mode_t shown)
{
	return shown && S_ISDIR(disk) == S_ISDIR(shown) && !S_ISLNK(shown);
}

static void apply(const struct override *o, struct statx *stx)
{
	mode_t type = stx->stx_mode & S_IFMT;

	if (type_fits(type, o->mode & S_IFMT))
		type = o->mode & S_IFMT;
	stx->stx_mode = type | (o->mode & 07777);
	stx->stx_uid = o->uid;
	stx->stx_gid = o->gid;
	if (is_device(type)) {
		stx->stx_rdev_major = major(o->rdev);
		stx->stx_rdev_minor = minor(o->rdev);
		stx->stx_size = 0;
	}
}

int layer_statx(const struct layer *layer, int dir_fd, const char *name,
		unsigned mask, struct statx *ret)
{
	struct override o;
	int r;

	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT |
				(*name ? 0 : AT_EMPTY_PATH), mask, ret) < 0)
		return -errno;
	if (!attr_of(layer) || !(S_ISREG(ret->stx_mode) || S_ISDIR(ret->stx_mode)))
		return 0;

	r = read_override(layer, dir_fd, name, &o);
	if (r > 0)
		apply(&o, ret);
	return r < 0 ? r : 0;
}

int layer_store(const struct layer *layer, int dir_fd, const char *name,
		const struct override *o)
{
	char text[OVERRIDE_TEXT_SIZE];
	int n = override_format(o, text);

	return xattr_set_at(dir_fd, name, attr_of(layer), text, n, 0);
}

/* What is shown now, as the value that would make it so. */
static int current(const struct layer *layer, int dir_fd, const char *name,
		   struct override *ret)
{
	struct statx stx;
	int r = layer_statx(layer, dir_fd, name, STATX_BASIC_STATS, &stx);

	if (r < 0)
		return r;
	*ret = (struct override){
		.uid = stx.stx_uid,
		.gid = stx.stx_gid,
		.mode = stx.stx_mode,
		.rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor),
	};
	return 0;
}

int override_init_root(const struct layer *upper)
{
	int root_fd = layer_root_fd(upper);
	struct override o;
	int r;

	if (!attr_of(upper))
		return 0;
	r = read_override(upper, root_fd, "", &o);
	if (r != 0)
		return r < 0 ? r : 0;

	/* An empty directory made for this: a container's root is root's. */
	r = current(upper, root_fd, "", &o);
	o.uid = 0;
	o.gid = 0;
	return r < 0 ? r : layer_store(upper, root_fd, "", &o);
}

static int chown_plain(int dir_fd, const char *name, uid_t uid, gid_t gid)
{
	return neg_errno(fchownat(dir_fd, name, uid, gid,
				  AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH)));
}

int layer_chown(const struct layer *layer, int dir_fd, const char *name, uid_t uid,
		gid_t gid)
{
	struct override o;
	int r;

	if (!attr_of(layer))
		return chown_plain(dir_fd, name, uid, gid);
	r = current(layer, dir_fd, name, &o);
	if (r < 0)
		return r;
	/* A symlink has no attribute to keep it in; its owner matters to nobody. */
	if (S_ISLNK(o.mode))
		return 0;

	if (uid != (uid_t)-1)
		o.uid = uid;
	if (gid != (gid_t)-1)
		o.gid = gid;
	if (!S_ISDIR(o.mode)) {
		o.mode &= ~S_ISUID;
		if (o.mode & S_IXGRP)
			o.mode &= ~S_ISGID;
	}
	return layer_store(layer, dir_fd, name, &o);
}

int layer_chmod(const struct layer *layer, int dir_fd, const char *name, mode_t mode)
{
	struct override o;
	int r;

	mode &= 07777;
	if (!attr_of(layer))
		return chmod_at(dir_fd, name, mode);
	r = current(layer, dir_fd, name, &o);
	if (r < 0)
		return r;
	if (S_ISLNK(o.mode))
		return -EOPNOTSUPP;

	o.mode = (o.mode & S_IFMT) | mode;
	return layer_store(layer, dir_fd, name, &o);
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Only "user.containers." has room for clients' attributes beside its own. */
static bool keeps_security(const struct layer *layer)
{
	return attr_of(layer) && strcmp(attr_of(layer), ATTR_USER) == 0;
}

static bool is_override_attr(const char *attr)
{
	for (size_t i = 0; i < COUNT(attrs); i++)
		if (strcmp(attr, attrs[i]) == 0)
			return true;
	return false;
}

/* What fuse-overlayfs noted for itself in layers that it wrote: nobody else's. */
static bool is_foreign_note(const char *attr)
{
	return begins_with(attr, "user.fuseoverlayfs.");
}

int layer_xattr_to_disk(const struct layer *layer, enum overlay_ns ns,
			const char *client, char disk[OVERLAY_ATTR_SIZE])
{
	int n;

	if (is_foreign_note(client) || (attr_of(layer) && is_override_attr(client)))
		return -EPERM;
	if (!keeps_security(layer) || !begins_with(client, SECURITY_PREFIX))
		return overlay_xattr_to_disk(ns, client, disk);

	n = snprintf(disk, OVERLAY_ATTR_SIZE, USER_PREFIX "%s", client);
	return n < OVERLAY_ATTR_SIZE ? 0 : -EOPNOTSUPP;
}

const char *layer_xattr_to_client(const struct layer *layer, enum overlay_ns ns,
				  const char *disk, char client[OVERLAY_ATTR_SIZE])
{
	if (is_foreign_note(disk) || (attr_of(layer) && is_override_attr(disk)))
		return NULL;
	if (!keeps_security(layer) || !begins_with(disk, USER_PREFIX))
		return overlay_xattr_to_client(ns, disk, client);

	snprintf(client, OVERLAY_ATTR_SIZE, "%s", disk + strlen(USER_PREFIX));
	return begins_with(client, SECURITY_PREFIX) ? client : NULL;
}
