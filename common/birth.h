/* SPDX-License-Identifier: Apache-2.0 */
/* common/birth.h - STATX, which is GETATTR and the time of birth */
#pragma once

#include <stdbool.h>
#include <sys/uio.h>
#include <time.h>

#include "common/fuse_kernel.h"

struct birth_reply {
	struct fusek_out_header header;
	struct fusek_statx_out body;
};

/**
 * birth_reply() - make a reply to STATX of one to GETATTR
 * @iov, @count: as libfuse sends it: the header, then the attributes
 * @birth:	NULL: it is not known
 * @ret:	all of the new reply
 *
 * Return: false if it is an error, which is the same for both.
 */
bool birth_reply(const struct iovec *iov, int count, const struct timespec *birth,
		 struct birth_reply *ret);
