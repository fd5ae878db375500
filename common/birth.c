/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/birth.h"

#include <sys/stat.h>

static struct fusek_time time_of(uint64_t sec, uint32_t nsec)
{
	return (struct fusek_time){ .sec = (int64_t)sec, .nsec = nsec };
}

/* Device numbers in one word, as the protocol has them since 7.12. */
static uint32_t major_of(uint32_t rdev)
{
	return rdev >> 8 & 0xfff;
}

static uint32_t minor_of(uint32_t rdev)
{
	return (rdev & 0xff) | (rdev >> 12 & 0xfff00);
}

static void convert(const struct fusek_attr_out *a, struct fusek_statx_out *ret)
{
	*ret = (struct fusek_statx_out){
		.attr_valid = a->attr_valid,
		.attr_valid_nsec = a->attr_valid_nsec,
		.mask = STATX_BASIC_STATS,
		.blksize = a->blksize,
		.nlink = a->nlink,
		.uid = a->uid,
		.gid = a->gid,
		.mode = (uint16_t)a->mode,
		.ino = a->ino,
		.size = a->size,
		.blocks = a->blocks,
		.atime = time_of(a->atime, a->atimensec),
		.ctime = time_of(a->ctime, a->ctimensec),
		.mtime = time_of(a->mtime, a->mtimensec),
		.rdev_major = major_of(a->rdev),
		.rdev_minor = minor_of(a->rdev),
	};
}

bool birth_reply(const struct iovec *iov, int count, const struct timespec *birth,
		 struct birth_reply *ret)
{
	const struct fusek_out_header *header = iov[0].iov_base;

	if (header->error || count != 2 ||
	    iov[1].iov_len != sizeof(struct fusek_attr_out))
		return false;

	ret->header = *header;
	ret->header.len = sizeof(*ret);
	convert(iov[1].iov_base, &ret->body);
	if (birth) {
		ret->body.mask |= STATX_BTIME;
		ret->body.btime = time_of((uint64_t)birth->tv_sec,
					  (uint32_t)birth->tv_nsec);
	}
	return true;
}
