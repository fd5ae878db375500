/* SPDX-License-Identifier: Apache-2.0 */
/* common/relax.h - between two tries of a loop that waits without sleeping */
#pragma once

/** relax() - some hundred nanoseconds, for the sake of what shares the core */
static inline void relax(void)
{
	for (int i = 0; i < 16; i++)
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("yield");
#else
		__asm__ volatile("" ::: "memory");
#endif
}
