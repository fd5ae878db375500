/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/metacopy.h"

#include <linux/fsverity.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/errors.h"

/* struct ovl_metacopy of the kernel; an empty value stands for all zero. */
struct record {
	uint8_t version;
	uint8_t length;		/* of the whole record */
	uint8_t flags;
	uint8_t digest_algorithm;
	uint8_t digest[64];
};

#define HEADER_BYTES offsetof(struct record, digest)

int metacopy_parse(const void *value, size_t length, struct metacopy *ret)
{
	struct record record = { 0 };
	struct metacopy m = { 0 };

	if (length > sizeof(record) || (length > 0 && length < HEADER_BYTES))
		return -EIO;
	if (length > 0)
		memcpy(&record, value, length);
	if (record.version != 0 || record.flags != 0)
		return -EIO;
	if (length > 0 && record.length != length)
		return -EIO;

	if (length > HEADER_BYTES) {
		m.digest_algorithm = record.digest_algorithm;
		m.digest_length = length - HEADER_BYTES;
		memcpy(m.digest, record.digest, m.digest_length);
	}
	*ret = m;
	return 1;
}

int metacopy_read(enum overlay_ns ns, int dir_fd, const char *name,
		  struct metacopy *ret)
{
	struct record record;
	ssize_t r = overlay_xattr_get(ns, dir_fd, name, OVERLAY_METACOPY, &record,
				      sizeof(record));

	if (r == -ENODATA)
		return 0;
	if (r == -ERANGE)
		return -EIO;
	return r < 0 ? r : metacopy_parse(&record, r, ret);
}

int metacopy_write(enum overlay_ns ns, int dir_fd, const char *name,
		   const struct metacopy *m)
{
	struct record record = { 0 };

	if (!m || m->digest_length == 0)
		return overlay_xattr_set(ns, dir_fd, name, OVERLAY_METACOPY, "", 0);
	if (m->digest_length > sizeof(record.digest))
		return -EINVAL;

	record.length = HEADER_BYTES + m->digest_length;
	record.digest_algorithm = m->digest_algorithm;
	memcpy(record.digest, m->digest, m->digest_length);
	return overlay_xattr_set(ns, dir_fd, name, OVERLAY_METACOPY, &record,
				 record.length);
}

/* The digest that the filesystem enforces for a file. -ENODATA if it has none. */
static int measure(int fd, struct metacopy *ret)
{
	union {
		struct fsverity_digest head;
		uint8_t room[sizeof(struct fsverity_digest) + sizeof(ret->digest)];
	} d = { .head.digest_size = sizeof(ret->digest) };

	if (ioctl(fd, FS_IOC_MEASURE_VERITY, &d) < 0)
		return errno == ENOTTY || errno == EOPNOTSUPP ? -ENODATA : -errno;

	ret->digest_algorithm = d.head.digest_algorithm;
	ret->digest_length = d.head.digest_size;
	memcpy(ret->digest, d.head.digest, ret->digest_length);
	return 0;
}

int metacopy_verify(const struct metacopy *m, int fd, bool required)
{
	struct metacopy actual = { 0 };
	int r;

	if (m->digest_length == 0)
		return required ? -EIO : 0;

	/* A digest was promised: a file without one is not the file. */
	r = measure(fd, &actual);
	if (r == -ENODATA)
		return -EIO;
	if (r < 0)
		return r;

	if (actual.digest_algorithm != m->digest_algorithm ||
	    actual.digest_length != m->digest_length ||
	    memcmp(actual.digest, m->digest, m->digest_length) != 0)
		return -EIO;
	return 0;
}
