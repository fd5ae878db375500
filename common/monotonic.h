/* SPDX-License-Identifier: Apache-2.0 */
/* common/monotonic.h - the clock that measures how long something takes */
#pragma once

#include <stdint.h>
#include <time.h>

static inline int64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}
