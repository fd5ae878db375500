/* SPDX-License-Identifier: Apache-2.0 */
/* common/errors.h - negative errno inside, and nothing else */
#pragma once

#include <errno.h>
#include <stdint.h>

/**
 * neg_errno() - turn libc's way of failing into ours, where it is born
 * @rc:	what a libc call returned: negative for failure
 *
 * Return: @rc, or -errno if @rc is negative.
 */
static inline int neg_errno(int rc)
{
	return rc < 0 ? -errno : rc;
}

/** neg_errno64() - neg_errno() for calls that return an offset or a length */
static inline int64_t neg_errno64(int64_t rc)
{
	return rc < 0 ? -errno : rc;
}
