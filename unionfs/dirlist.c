/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/dirlist.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/marks.h"
#include "unionfs/override.h"

#define BUFFER_BYTES (64 * 1024)

/* What AUFS keeps for itself beside its marks. */
static const char *const aufs_reserved[] = {
	".wh..wh.aufs", ".wh..wh.plnk", ".wh..wh.orph", ".wh..wh.hino",
};
#define AUFS_RENAMED_DIRS ".wh..wh..dr."

struct listing {
	const struct layer *layer;
	const struct layer_traits *traits;
	enum overlay_ns ns;
	int dir_fd;
	bool opacity_x;
	int (*add)(void *arg, enum dirlist_kind kind, const char *name,
		   unsigned char d_type, uint64_t ino);
	void *arg;
	bool is_opaque;
};

/* What getdents(2) said, and what had to be looked up beyond that. */
struct found {
	const char *name;
	uint64_t ino;
	unsigned char d_type;
	bool is_looked_at;
	struct statx stx;	/* type, size and device number, once looked at */
};

static int look(const struct listing *l, struct found *f)
{
	if (f->is_looked_at)
		return 0;
	if (statx(l->dir_fd, f->name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_SIZE,
		  &f->stx) < 0)
		return -errno;
	f->is_looked_at = true;
	f->d_type = IFTODT(f->stx.stx_mode);
	return 0;
}

static int add_entry(struct listing *l, const struct found *f,
		     enum dirlist_kind kind)
{
	return l->add(l->arg, kind, f->name, f->d_type, f->ino);
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* @f is an AUFS mark: report what it says, under the name it speaks of. */
static int add_mark(struct listing *l, const struct found *f)
{
	const char *hidden = f->name + strlen(AUFS_WHITEOUT_PREFIX);

	if (strcmp(f->name, AUFS_OPAQUE) == 0) {
		l->is_opaque = true;
		return 0;
	}
	/* A mark that hides nothing, or the directory itself, is no mark. */
	if (!*hidden || is_dot(hidden))
		return add_entry(l, f, DIRLIST_ENTRY);
	return l->add(l->arg, DIRLIST_WHITEOUT, hidden, DT_REG, f->ino);
}

static bool is_aufs_reserved(const char *name)
{
	for (size_t i = 0; i < sizeof(aufs_reserved) / sizeof(aufs_reserved[0]); i++)
		if (strcmp(name, aufs_reserved[i]) == 0)
			return true;
	return strncmp(name, AUFS_RENAMED_DIRS, strlen(AUFS_RENAMED_DIRS)) == 0;
}

static int add_aufs_name(struct listing *l, struct found *f)
{
	int r;

	if (is_aufs_reserved(f->name))
		return 0;
	r = look(l, f);
	if (r == 0)
		r = aufs_is_mark(l->ns, l->dir_fd, f->name, &f->stx);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return r ? add_mark(l, f) : add_entry(l, f, DIRLIST_ENTRY);
}

/* Where types are kept in an attribute, a regular file may stand for something else. */
static void look_behind_file(const struct listing *l, struct found *f)
{
	struct statx stx;

	if (f->d_type == DT_REG && override_is_active(l->layer) &&
	    layer_statx(l->layer, l->dir_fd, f->name, STATX_TYPE, &stx) == 0)
		f->d_type = IFTODT(stx.stx_mode);
}

static int add_found(struct listing *l, struct found *f)
{
	int r = 0;

	if (f->d_type == DT_UNKNOWN || f->d_type == DT_CHR)
		r = look(l, f);
	/* Gone since it was listed: somebody else's change, not an error. */
	if (r < 0)
		return r == -ENOENT ? 0 : r;

	if (f->d_type == DT_CHR && is_whiteout_device(&f->stx))
		return add_entry(l, f, DIRLIST_WHITEOUT);
	if (l->opacity_x && f->d_type == DT_REG) {
		r = is_xattr_whiteout(l->ns, l->dir_fd, f->name);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		if (r)
			return add_entry(l, f, DIRLIST_WHITEOUT);
	}
	if (l->traits->has_aufs_marks && aufs_is_name(f->name))
		return add_aufs_name(l, f);
	look_behind_file(l, f);
	return add_entry(l, f, DIRLIST_ENTRY);
}

static int add_buffer(struct listing *l, const char *buffer, size_t length)
{
	for (size_t at = 0; at < length;) {
		const struct dirent64 *d = (const struct dirent64 *)(buffer + at);
		struct found f = {
			.name = d->d_name,
			.ino = d->d_ino,
			.d_type = d->d_type,
		};
		int r = is_dot(f.name) ? 0 : add_found(l, &f);

		if (r < 0)
			return r;
		at += d->d_reclen;
	}
	return 0;
}

int dirlist_read(const struct layer *layer, enum overlay_ns ns, int dir_fd,
		 bool opacity_x,
		 int (*add)(void *arg, enum dirlist_kind kind, const char *name,
			    unsigned char d_type, uint64_t ino),
		 void *arg, bool *ret_opaque)
{
	cleanup_free char *buffer = malloc(BUFFER_BYTES);
	struct listing l = {
		.layer = layer,
		.traits = layer_traits(layer),
		.ns = ns,
		.dir_fd = dir_fd,
		.opacity_x = opacity_x,
		.add = add,
		.arg = arg,
	};
	long n;
	int r;

	if (!buffer)
		return -ENOMEM;
	if (lseek(dir_fd, 0, SEEK_SET) < 0)
		return -errno;

	while ((n = syscall(SYS_getdents64, dir_fd, buffer, BUFFER_BYTES)) > 0) {
		r = add_buffer(&l, buffer, n);
		if (r < 0)
			return r;
	}
	if (n < 0)
		return -errno;

	if (ret_opaque)
		*ret_opaque = l.is_opaque;
	return 0;
}
