/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/process.h - what the host's /proc says about one process */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "procfs/host.h"

/** process_read() - append /proc/PID/@name; -ESRCH if there is no such process */
int process_read(const struct host *host, pid_t pid, const char *name, struct buf *out);

/**
 * process_stat_field() - a field of /proc/PID/stat by its number in proc(5)
 * @text:	the file's contents
 * @field:	> 2; counted from after the name, which may hold blanks and
 *		parentheses: from its last ")"
 *
 * Return: where the field begins, or NULL.
 */
const char *process_stat_field(const char *text, unsigned field);

/** process_start_ns() - when it began, CLOCK_BOOTTIME; 0 or -errno */
int process_start_ns(const struct host *host, pid_t pid, uint64_t *ret_ns);

/** process_oldest() - the oldest in a cgroup, and when it began; -ESRCH if empty */
int process_oldest(const struct host *host, int cgroup_dir_fd, pid_t *ret_pid,
		   uint64_t *ret_start_ns);

/**
 * process_clock_offset_ns() - what its time namespace adds to CLOCK_BOOTTIME
 *
 * 0 where it is in ours, or the kernel has none.
 */
int process_clock_offset_ns(const struct host *host, pid_t pid, int64_t *ret_ns);

/** process_namespace() - the inode of one of its namespaces ("pid", "cgroup") */
int process_namespace(const struct host *host, pid_t pid, const char *name,
		      uint64_t *ret_inode);

/** process_own_number() - a task's number in its innermost pid namespace; 0 if it is
 *	gone */
uint64_t process_own_number(const struct host *host, pid_t tid);
