/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/origin.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/errors.h"

/* struct ovl_fb of the kernel. */
struct record {
	uint8_t version;
	uint8_t magic;
	uint8_t length;		/* of the whole record */
	uint8_t flags;
	uint8_t type;		/* what name_to_handle_at(2) calls handle_type */
	uint8_t uuid[16];
	uint8_t handle[MAX_HANDLE_SZ];
} __attribute__((packed));

#define RECORD_MAGIC	0xfb
#define FLAG_BIG_ENDIAN 0x01
#define FLAG_ANY_ENDIAN 0x02
#define FLAG_IS_UPPER	0x04
#define FLAGS_KNOWN	(FLAG_BIG_ENDIAN | FLAG_ANY_ENDIAN | FLAG_IS_UPPER)

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FLAG_OUR_ENDIAN FLAG_BIG_ENDIAN
#else
#define FLAG_OUR_ENDIAN 0
#endif

#define HEADER_BYTES offsetof(struct record, handle)

_Static_assert(HEADER_BYTES == 21, "the kernel's layout");
_Static_assert(sizeof(struct record) == ORIGIN_MAX, "the longest handle fits");

/* file_handle has its bytes at the end, without a size of their own. */
union handle {
	struct file_handle head;
	uint8_t room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static int handle_of(int dir_fd, const char *name, union handle *ret)
{
	int mount_id;

	ret->head.handle_bytes = MAX_HANDLE_SZ;
	return neg_errno(name_to_handle_at(dir_fd, name, &ret->head, &mount_id,
					   *name ? 0 : AT_EMPTY_PATH));
}

static int record_of(const struct layer *layer, int dir_fd, const char *name,
		     uint8_t flags, struct origin *ret)
{
	struct record record = { .magic = RECORD_MAGIC };
	union handle handle;
	int r;

	ret->length = 0;
	if (!layer_traits(layer)->has_handles)
		return 0;
	r = handle_of(dir_fd, name, &handle);
	if (r == -EOPNOTSUPP || r == -EOVERFLOW)
		return 0;
	if (r < 0)
		return r;
	/* The record has one byte for it; larger types cannot be recorded. */
	if (handle.head.handle_type < 0 || handle.head.handle_type >= 0xff)
		return 0;

	record.length = HEADER_BYTES + handle.head.handle_bytes;
	record.flags = FLAG_OUR_ENDIAN | flags;
	record.type = handle.head.handle_type;
	memcpy(record.uuid, layer_traits(layer)->uuid, sizeof(record.uuid));
	memcpy(record.handle, handle.head.f_handle, handle.head.handle_bytes);

	ret->length = record.length;
	memcpy(ret->bytes, &record, record.length);
	return 0;
}

int origin_of(const struct layer *layer, int dir_fd, const char *name,
	      struct origin *ret)
{
	return record_of(layer, dir_fd, name, 0, ret);
}

int origin_of_upper(const struct layer *layer, int dir_fd, const char *name,
		    struct origin *ret)
{
	return record_of(layer, dir_fd, name, FLAG_IS_UPPER, ret);
}

bool origin_parse(const void *value, size_t length, struct origin *ret)
{
	struct record record = { 0 };

	ret->length = 0;
	if (length <= HEADER_BYTES || length > sizeof(record))
		return false;
	memcpy(&record, value, length);

	if (record.version != 0 || record.magic != RECORD_MAGIC ||
	    record.length != length || (record.flags & ~FLAGS_KNOWN))
		return false;
	if (!(record.flags & FLAG_ANY_ENDIAN) &&
	    (record.flags & FLAG_BIG_ENDIAN) != FLAG_OUR_ENDIAN)
		return false;

	memcpy(ret->bytes, value, length);
	ret->length = length;
	return true;
}

static int read_record(enum overlay_ns ns, int dir_fd, const char *name,
		       const char *which, struct origin *ret)
{
	uint8_t value[ORIGIN_MAX];
	ssize_t r = overlay_xattr_get(ns, dir_fd, name, which, value, sizeof(value));

	ret->length = 0;
	if (r == -ENODATA || r == -ERANGE)
		return 0;
	if (r < 0)
		return r;
	(void)origin_parse(value, r, ret);
	return 0;
}

int origin_read(enum overlay_ns ns, int dir_fd, const char *name, struct origin *ret)
{
	return read_record(ns, dir_fd, name, OVERLAY_ORIGIN, ret);
}

int origin_read_upper(enum overlay_ns ns, int dir_fd, const char *name,
		      struct origin *ret)
{
	return read_record(ns, dir_fd, name, OVERLAY_UPPER, ret);
}

static int write_record(enum overlay_ns ns, int dir_fd, const char *name,
			const char *which, const struct origin *origin)
{
	int r = overlay_xattr_set(ns, dir_fd, name, which, origin->bytes,
				  origin->length);

	/* user.* is not for symlinks and special files, and not on every filesystem. */
	return r == -EPERM || r == -EOPNOTSUPP ? 0 : r;
}

int origin_write(enum overlay_ns ns, int dir_fd, const char *name,
		 const struct origin *origin)
{
	return write_record(ns, dir_fd, name, OVERLAY_ORIGIN, origin);
}

int origin_write_upper(enum overlay_ns ns, int dir_fd, const char *name,
		       const struct origin *origin)
{
	return write_record(ns, dir_fd, name, OVERLAY_UPPER, origin);
}

static const struct record *record_in(const struct origin *origin)
{
	return (const struct record *)origin->bytes;
}

bool origin_is_of(const struct origin *origin, const struct layer *layer)
{
	return origin->length > HEADER_BYTES &&
	       memcmp(record_in(origin)->uuid, layer_traits(layer)->uuid,
		      sizeof(record_in(origin)->uuid)) == 0;
}

int origin_open(const struct layer *layer, const struct origin *origin)
{
	union handle handle;

	if (!origin_is_of(origin, layer))
		return -ESTALE;

	handle.head.handle_bytes = origin->length - HEADER_BYTES;
	handle.head.handle_type = record_in(origin)->type;
	memcpy(handle.head.f_handle, record_in(origin)->handle,
	       handle.head.handle_bytes);
	return neg_errno(open_by_handle_at(layer_root_fd(layer), &handle.head,
					   O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

/* enum fid_type of linux/exportfs.h; tmpfs has the first as well, in its own form. */
#define FILEID_INO32_GEN 1
#define FILEID_XFS_INO64 0x81
#define FILEID_BTRFS	 0x4d

bool origin_ino(const struct origin *origin, uint64_t *ret_ino)
{
	const struct record *record = record_in(origin);
	size_t length = origin->length > HEADER_BYTES ? origin->length - HEADER_BYTES : 0;
	uint32_t words[3];

	switch (record->type) {
	case FILEID_INO32_GEN:
		if (length != 8 && length != sizeof(words))
			return false;
		memcpy(words, record->handle, length);
		*ret_ino = length == 8 ? words[0] :
					 words[1] | (uint64_t)words[2] << 32;
		return true;
	case FILEID_XFS_INO64:
	case FILEID_BTRFS:
		if (length < sizeof(*ret_ino))
			return false;
		memcpy(ret_ino, record->handle, sizeof(*ret_ino));
		return true;
	default:
		return false;
	}
}

void origin_index_name(const struct origin *origin, char name[2 * ORIGIN_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	char *out = name;

	for (size_t i = 0; i < origin->length; i++) {
		*out++ = digits[origin->bytes[i] >> 4];
		*out++ = digits[origin->bytes[i] & 0xf];
	}
	*out = '\0';
}
