/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/confine.h - give up what a worker never needs */
#pragma once

/**
 * confine_worker() - keep few capabilities, and no way to change the system
 *
 * For the calling thread and those it makes later: call it before there are
 * others. Kept are CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to read what processes
 * are in, CAP_SYS_ADMIN, to look at a path from inside a cgroup namespace, and
 * CAP_DAC_OVERRIDE, to write a system call's answer into its caller's memory.
 * System calls that start programs, mount, load code into the kernel, trace, or
 * change files, clocks and names fail with EPERM.
 *
 * Return: 0; -ENOMEM; any error of capset(2) or seccomp(2).
 */
int confine_worker(void);

/**
 * confine_others() - give CAP_DAC_OVERRIDE up as well, in this thread and those it
 *	makes later: when the one that answers system calls runs
 */
int confine_others(void);
