/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/sanitizer.h - for programs that give up privileges, in builds with sanitizers
 *
 * LeakSanitizer looks at a process by ptrace(2) when it ends. Where the process
 * has made that impossible, by other ids or a system call filter, it would call
 * that an error and lose the exit status. Included once, beside main().
 */
#pragma once

#include <sys/prctl.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
int __lsan_is_turned_off(void);

/* Asked by LeakSanitizer before it looks. Source: sanitizer/lsan_interface.h. */
int __lsan_is_turned_off(void)
{
	return prctl(PR_GET_DUMPABLE) != 1 || prctl(PR_GET_SECCOMP) != 0;
}
#endif
