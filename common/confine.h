/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/confine.h - give up, for good, what a process does not need
 *
 * How it works. A worker listens to every user of its mount. Should one of them take
 * it over, it finds: no capability but those the file system needs, no way to gain
 * others, no system call that a file system does not make (no program can be started,
 * nothing mounted, no socket made, no process looked into), and, by Landlock, no file
 * outside the given trees. What the kernel does not have of this is done without.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/capability.h>

/* A tree of files that may be used. */
struct confine_tree {
	int fd;			/* its root, of any kind; lent */
	bool is_writable;	/* else only read */
};

/* A system call that may be made; with a mask only where an argument fits. */
struct confine_call {
	int number;		/* SCMP_SYS() */
	unsigned argument;	/* counted from 0 */
	uint64_t mask, value;
};

struct confine {
	const cap_value_t *caps;	/* kept where they are held */
	size_t cap_count;
	const struct confine_call *calls;	/* beyond those of every worker */
	size_t call_count;
	const struct confine_tree *trees;	/* NULL: Landlock is not used */
	size_t tree_count;
};

/**
 * confine_worker() - from now on, for this thread and those it starts
 *
 * While there is one thread. Says what is missing in this kernel.
 *
 * Return: 0 or -errno.
 */
int confine_worker(const struct confine *c);

/** confine_capabilities() - keep those of @caps that this thread has, and no others;
 *	may be repeated with fewer. Return: 0 or -errno */
int confine_capabilities(const cap_value_t *caps, size_t count);

/** confine_probe() - of a test program: called before and after; see tests/lib/probe.c */
void confine_probe(bool is_confined) __attribute__((weak));

/* confine_calls.c and confine_files.c, for confine_worker() only. */
int confine_calls(const struct confine_call *calls, size_t count);
int confine_files(const struct confine_tree *trees, size_t count);
