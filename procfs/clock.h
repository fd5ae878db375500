/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/clock.h - the clock that uptime counts with */
#pragma once

#include <stdint.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define USER_HZ	 100	/* what /proc counts in; fixed in the kernel's ABI */
#define NS_PER_TICK (NS_PER_S / USER_HZ)

/** clock_now_ns() - time since the host booted, time asleep included */
static inline uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
