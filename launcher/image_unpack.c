/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_overlay.h"
#include "launcher/image_unpack_impl.h"
#include "launcher/tree.h"

#define WHITEOUT	".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_META	".wh..wh."	/* aufs kept its own files under such names */

/* --- telling ------------------------------------------------------------------------ */

/* A name may hold what a terminal would obey. */
static void printable(const char *name, char *out, size_t size)
{
	size_t n = 0;

	for (; *name && n + 5 < size; name++)
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", (unsigned char)*name);
		else
			out[n++] = *name;
	out[n] = '\0';
}

int unpack_fail(struct unpack *u, int error, const char *format, ...)
{
	char name[200], why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	printable(u->name, name, sizeof(name));
	return fault_set(u->fault, error, "%s: entry '%s': %s", u->job->label, name, why);
}

void unpack_lose(struct unpack *u, enum unpack_loss loss)
{
	struct unpack_losses *l = u->job->losses;

	if (l->count[loss]++ == 0)
		printable(u->name, l->first[loss], sizeof(l->first[loss]));
}

const char *unpack_loss_text(enum unpack_loss loss)
{
	static const char *const texts[LOSS_COUNT] = {
		[LOSS_OWNER] = "the owner has no id here and could not be kept",
		[LOSS_DEVICE] = "device nodes were left out: only root may make them",
		[LOSS_XATTR] = "an extended attribute could not be kept",
		[LOSS_ACL] = "the access control list was not kept",
	};

	return texts[loss];
}

/* --- making room ---------------------------------------------------------------------- */

enum room {
	ROOM_FREE,
	ROOM_DIR,		/* a directory is there, and one is wanted */
	ROOM_OPAQUE,		/* what was there hid the layers below: so must the new */
};

/* What is there gives way, unless a directory meets a directory. */
static int make_room(struct unpack *u, int parent, const char *base, bool want_dir)
{
	struct stat st;
	int r;

	if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? ROOM_FREE : -errno;
	if (want_dir && S_ISDIR(st.st_mode))
		return ROOM_DIR;
	u->changed = true;
	r = S_ISDIR(st.st_mode) ? tree_remove(parent, base) : neg_errno(unlinkat(parent, base, 0));
	if (r < 0)
		return r;
	return want_dir ? ROOM_OPAQUE : ROOM_FREE;
}

/* --- the kinds of entries ---------------------------------------------------------------- */

static int write_at(int fd, const char *data, size_t size, int64_t offset)
{
	while (size) {
		ssize_t n = pwrite(fd, data, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		offset += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Holes of a sparse file are in no block, and stay holes. */
static int write_data(struct unpack *u, int fd, int64_t size)
{
	for (;;) {
		const void *data;
		size_t n;
		la_int64_t offset;
		int r = archive_read_data_block(u->archive, &data, &n, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r == ARCHIVE_RETRY)
			continue;
		if (r < ARCHIVE_WARN) {
			u->bad_input = true;
			return unpack_fail(u, 0, "its data cannot be read: %s",
					   archive_why(u->archive));
		}
		if (offset < 0 || offset > size || n > (uint64_t)(size - offset))
			return unpack_fail(u, 0, "its data goes beyond its size");
		r = write_at(fd, data, n, offset);
		if (r < 0)
			return r;
	}
	u->bytes += size;
	return neg_errno(ftruncate(fd, size));
}

static int unpack_file(struct unpack *u, struct archive_entry *entry, int parent,
		       const char *base)
{
	int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
	cleanup_fd int fd = -1;
	int r;

	if (size < 0)
		return unpack_fail(u, 0, "its size is negative");
	fd = neg_errno(openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			      0600));
	if (fd < 0)
		return fd;
	r = write_data(u, fd, size);
	return r < 0 ? r : unpack_attrs(u, fd, entry, NULL);
}

static int unpack_dir(struct unpack *u, struct archive_entry *entry, int parent,
		      const char *base, int room)
{
	cleanup_fd int fd = -1;
	char path[PATH_MAX];
	int r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s%s%s", u->parent_path,
			     *u->parent_path ? "/" : "", base) >= sizeof(path))
		return -ENAMETOOLONG;
	if (room != ROOM_DIR && mkdirat(parent, base, 0700) < 0)
		return -errno;
	fd = neg_errno(openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	if (fd < 0)
		return fd;
	if (room == ROOM_OPAQUE)
		r = overlay_set_opaque(fd, u->stack.prefix);
	return r < 0 ? r : unpack_attrs(u, fd, entry, path);
}

static int unpack_symlink(struct archive_entry *entry, int parent, const char *base)
{
	const char *target = archive_entry_symlink(entry);

	return neg_errno(symlinkat(target ? target : "", parent, base));
}

static int unpack_node(struct unpack *u, struct archive_entry *entry, int parent,
		       const char *base)
{
	mode_t type = archive_entry_filetype(entry);
	dev_t device = makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));

	if (type == AE_IFCHR && device == 0)
		return unpack_fail(u, 0, "a device 0:0 would hide the layers below");
	if (mknodat(parent, base, type | 0600, type == AE_IFIFO ? 0 : device) == 0)
		return 0;
	if (errno != EPERM || type == AE_IFIFO)
		return -errno;
	unpack_lose(u, LOSS_DEVICE);
	return 1;
}

/* What is made by name alone gets its attributes through a descriptor as well. */
static int unpack_special(struct unpack *u, struct archive_entry *entry, int parent,
			  const char *base)
{
	cleanup_fd int fd = -1;
	int r = archive_entry_filetype(entry) == AE_IFLNK
			? unpack_symlink(entry, parent, base)
			: unpack_node(u, entry, parent, base);

	if (r != 0)
		return r < 0 ? r : 0;
	fd = neg_errno(openat(parent, base, O_PATH | O_NOFOLLOW | O_CLOEXEC));
	return fd < 0 ? fd : unpack_attrs(u, fd, entry, NULL);
}

/* --- hard links ----------------------------------------------------------------------------- */

/* Finds the other name in this layer: one that only a lower layer has is no file of ours. */
static int find_link_target(struct unpack *u, const char *target, int *ret_parent,
			    char *ret_base, struct stat *ret_st)
{
	char clean[PATH_MAX], copy[PATH_MAX], path[PATH_MAX];
	const char *dir, *base;
	int r = unpack_clean_name(target, clean);

	if (r < 0)
		return unpack_fail(u, 0, "a hard link to '%.100s', which leads upwards", target);
	unpack_split(clean, copy, &dir, &base);
	if (!*base || strlen(base) > NAME_MAX)
		return -ENOENT;
	strcpy(ret_base, base);
	*ret_parent = unpack_walk(u, dir, false, path);
	if (*ret_parent < 0)
		return *ret_parent;
	if (fstatat(*ret_parent, base, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return overlay_is_whiteout(ret_st) ? -ENOENT : 0;
}

static int unpack_hardlink(struct unpack *u, const char *target, int parent, const char *base)
{
	cleanup_fd int from = -1;
	char from_base[NAME_MAX + 1];
	struct stat st, here;
	int r = find_link_target(u, target, &from, from_base, &st);

	if (r < 0)
		return r == -ENOENT ? unpack_fail(u, 0, "a hard link to '%.100s', which is not in this layer",
						  target) : r;
	if (S_ISDIR(st.st_mode))
		return unpack_fail(u, 0, "a hard link to a directory");
	if (fstatat(parent, base, &here, AT_SYMLINK_NOFOLLOW) == 0 && here.st_ino == st.st_ino)
		return 0;	/* removing it first could remove its last name */
	r = make_room(u, parent, base, false);
	if (r < 0)
		return r;
	return neg_errno(linkat(from, from_base, parent, base, 0));
}

/* --- whiteouts --------------------------------------------------------------------------------- */

static int set_opaque_at(struct unpack *u, int parent, const char *name)
{
	cleanup_fd int fd = neg_errno(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					     O_CLOEXEC));

	return fd < 0 ? fd : overlay_set_opaque(fd, u->stack.prefix);
}

/*
 * It hides what the layers below have, and nothing of this layer, whichever
 * comes first in the archive.
 */
static int unpack_whiteout(struct unpack *u, int parent, const char *base)
{
	const char *hidden = base + strlen(WHITEOUT);
	struct stat st;

	if (strcmp(base, WHITEOUT_OPAQUE) == 0)
		return set_opaque_at(u, parent, ".");
	if (strncmp(base, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
		return 0;
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return unpack_fail(u, 0, "a whiteout that names nothing");

	if (fstatat(parent, hidden, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) ? set_opaque_at(u, parent, hidden) : 0;
	if (errno != ENOENT)
		return -errno;
	return neg_errno(mknodat(parent, hidden, S_IFCHR, makedev(0, 0)));
}

/* --- entries -------------------------------------------------------------------------------------- */

static int unpack_root(struct unpack *u, struct archive_entry *entry)
{
	if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) != AE_IFDIR)
		return unpack_fail(u, 0, "the root of a layer is a directory");
	return unpack_attrs(u, u->job->root_fd, entry, "");
}

static int unpack_kind(struct unpack *u, struct archive_entry *entry, int parent,
		       const char *base)
{
	mode_t type = archive_entry_filetype(entry);
	int room;

	switch (type) {
	case AE_IFREG:
	case AE_IFDIR:
	case AE_IFLNK:
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
		break;
	default:
		return unpack_fail(u, 0, "it is of no kind that a layer may hold");
	}

	room = make_room(u, parent, base, type == AE_IFDIR);
	if (room < 0)
		return room;
	if (type == AE_IFDIR)
		return unpack_dir(u, entry, parent, base, room);
	if (type == AE_IFREG)
		return unpack_file(u, entry, parent, base);
	return unpack_special(u, entry, parent, base);
}

static int unpack_named(struct unpack *u, struct archive_entry *entry)
{
	const char *hardlink = archive_entry_hardlink(entry);
	char copy[PATH_MAX];
	const char *dir, *base;
	int parent;

	unpack_split(u->name, copy, &dir, &base);
	if (strncmp(dir, WHITEOUT, strlen(WHITEOUT)) == 0 || strstr(dir, "/" WHITEOUT)) {
		/* aufs kept files of its own in such directories. */
		if (strstr(dir, WHITEOUT_META))
			return 0;
		return unpack_fail(u, 0, "it lies in a whiteout");
	}
	parent = unpack_parent(u, dir);
	if (parent < 0)
		return parent;
	if (strncmp(base, WHITEOUT, strlen(WHITEOUT)) == 0)
		return unpack_whiteout(u, parent, base);
	if (hardlink)
		return unpack_hardlink(u, hardlink, parent, base);
	return unpack_kind(u, entry, parent, base);
}

static int unpack_entry(struct unpack *u, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	int r;

	if (!name)
		return fault_set(u->fault, 0, "%s: an entry has no name", u->job->label);
	u->mtime = (struct timespec){ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) };
	r = unpack_clean_name(name, u->name);
	if (r < 0) {
		snprintf(u->name, sizeof(u->name), "%.150s", name);
		return unpack_fail(u, 0, r == -EINVAL ? "its name leads upwards, which no layer needs"
						      : "its name is too long");
	}
	r = u->name[0] ? unpack_named(u, entry) : unpack_root(u, entry);
	if (u->changed)
		unpack_forget_parent(u);
	u->changed = false;
	return r < 0 ? unpack_fail(u, r, "cannot be unpacked") : 0;
}

static int unpack_all(struct unpack *u)
{
	struct archive_entry *entry;
	int r = unpack_begin_root(u);

	if (r < 0)
		return fault_set(u->fault, r, "%s: cannot prepare its directory", u->job->label);
	while ((r = archive_next(u->archive, &entry)) > 0) {
		r = unpack_entry(u, entry);
		if (r < 0)
			return r;
	}
	if (r < 0) {
		u->bad_input = true;
		return fault_set(u->fault, 0, "%s: cannot be read: %s", u->job->label,
				 archive_why(u->archive));
	}
	return unpack_finish_dirs(u);
}

int image_unpack(struct archive *archive, const struct unpack_job *job, int64_t *ret_bytes,
		 bool *ret_bad_input, struct fault *f)
{
	struct unpack *u = calloc(1, sizeof(*u));
	int r = -ENOMEM;

	*ret_bad_input = false;
	if (!u)
		return fault_set(f, -ENOMEM, "%s: cannot be unpacked", job->label);
	u->archive = archive;
	u->job = job;
	u->fault = f;
	u->parent_fd = -1;
	u->stack.prefix = job->lowers->prefix;
	u->stack.count = job->lowers->count + 1;
	u->stack.fds = calloc(u->stack.count, sizeof(int));
	if (u->stack.fds) {
		u->stack.fds[0] = job->root_fd;
		if (job->lowers->count)
			memcpy(u->stack.fds + 1, job->lowers->fds,
			       job->lowers->count * sizeof(int));
		r = unpack_all(u);
	}
	*ret_bytes = u->bytes;
	*ret_bad_input = u->bad_input;

	unpack_forget_parent(u);
	for (size_t i = 0; i < u->dir_count; i++)
		free(u->dirs[i].path);
	free(u->dirs);
	free(u->stack.fds);
	free(u);
	return r < 0 ? fault_set(f, r, "%s: cannot be unpacked", job->label) : 0;
}
