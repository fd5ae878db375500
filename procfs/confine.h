/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/confine.h - what a worker of nacre-procfs needs of the system */
#pragma once

/**
 * confine_service() - give up the rest; see common/confine.h
 *
 * Kept are CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to read what processes are in,
 * CAP_SYS_ADMIN, to look at a path from inside a cgroup namespace, and
 * CAP_DAC_OVERRIDE, to write a system call's answer into its caller's memory, and to
 * write to pressure files of cgroups that are delegated. Not by
 * Landlock: in a domain of it no process outside can be looked into. No call that
 * makes, renames or removes a file or changes its attributes is allowed.
 *
 * Return: 0 or -errno.
 */
int confine_service(void);

/**
 * confine_others() - give CAP_DAC_OVERRIDE up as well, in this thread and those it
 *	makes later: when those run that answer system calls and wait for triggers
 */
int confine_others(void);
