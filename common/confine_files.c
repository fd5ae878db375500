/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||            \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1		/* its reports are files */
#else
#define SANITIZED 0
#endif

/* Older headers do not have them. Source: Linux include/uapi/linux/landlock.h. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule	    445
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

enum {
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_AND_MAKE = 0x1ff << 4,	/* REMOVE_DIR to MAKE_SYM */
	REFER = 1 << 13,		/* ABI 2, Linux 5.19 */
	TRUNCATE = 1 << 14,		/* ABI 3, Linux 6.2 */
	IOCTL_DEV = 1 << 15,		/* ABI 5, Linux 6.10 */

	/*
	 * Not EXECUTE: the filter of system calls forbids that, and in passthrough
	 * the kernel opens for programs of others with our rights.
	 */
	READING = READ_FILE | READ_DIR,
	CHANGING = WRITE_FILE | REMOVE_AND_MAKE | REFER,
};

struct ruleset {
	__u64 handled_files;
};

struct path_beneath {
	__u64 allowed;
	__s32 parent_fd;
} __attribute__((packed));

/* Without REFER, whatever is renamed into another directory is refused. */
enum { ABI_NEEDED = 2, ABI_TRUNCATE = 3, ABI_IOCTL_DEV = 5 };

static int read_abi(void)
{
	return neg_errno((int)syscall(SYS_landlock_create_ruleset, NULL, 0,
				      CREATE_RULESET_VERSION));
}

static __u64 writing(int abi)
{
	return CHANGING | (abi >= ABI_TRUNCATE ? TRUNCATE : 0);
}

static int add_tree(int ruleset_fd, int fd, __u64 allowed)
{
	struct path_beneath rule = { .allowed = allowed, .parent_fd = fd };

	return neg_errno((int)syscall(SYS_landlock_add_rule, ruleset_fd,
				      RULE_PATH_BENEATH, &rule, 0));
}

/* What belongs to no tree. A path that is not there needs no rule. */
static int add_path(int ruleset_fd, const char *path, __u64 allowed)
{
	cleanup_fd int fd = neg_errno(open(path, O_PATH | O_CLOEXEC));

	return fd < 0 ? 0 : add_tree(ruleset_fd, fd, allowed);
}

static int restrict_to(const struct confine_tree *trees, size_t count, int abi)
{
	struct ruleset ruleset = {
		.handled_files = READING | writing(abi) |
				 (abi >= ABI_IOCTL_DEV ? IOCTL_DEV : 0),
	};
	cleanup_fd int fd = neg_errno((int)syscall(SYS_landlock_create_ruleset,
						   &ruleset, sizeof(ruleset), 0));
	int r = fd < 0 ? fd : 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_tree(fd, trees[i].fd,
			     trees[i].is_writable ? READING | writing(abi) : READING);
	/* Who asks for something is looked up in /proc; links in it lead to the trees. */
	if (r == 0)
		r = add_path(fd, "/proc", READING);
	if (r == 0)		/* how many there are */
		r = add_path(fd, "/sys/devices/system/cpu/online", READ_FILE);
	return r < 0 ? r : neg_errno((int)syscall(SYS_landlock_restrict_self, fd, 0));
}

int confine_files(const struct confine_tree *trees, size_t count)
{
	int abi = read_abi();
	int r;

	if (SANITIZED || abi < ABI_NEEDED)
		return 0;
	r = restrict_to(trees, count, abi);
	if (r == -E2BIG) {	/* we are in sixteen of them already */
		log_warn("the worker's files are not confined: too many Landlock domains around it");
		return 0;
	}
	return r;
}
